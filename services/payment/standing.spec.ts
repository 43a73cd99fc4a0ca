import { describe, expect, it } from "@jest/globals";
import type { AuthorizationStatus, CaptureStatus, RefundStatus } from "../../config/states.ts";
import { standingOf, type Parts } from "./standing.ts";

const payment = { intent: "capture", amountMinor: 1250n, currency: "EUR" } as const;
const capture = (status: CaptureStatus, of: Partial<Parts["captures"][number]> = {}) => ({
  paypalId: "CAP",
  status,
  paypalStatus: status.toUpperCase(),
  reason: null,
  amountMinor: 1250n,
  currency: "EUR",
  ...of,
});
const refund = (status: RefundStatus, amountMinor: bigint) => ({ status, amountMinor });
const authorization = (status: AuthorizationStatus) => ({ status, reason: null });
const standing = (of: Partial<Parts>) => standingOf({ payment, captures: [], refunds: [], authorizations: [], ...of });
const reserved = (of: Partial<Parts>) => standing({ payment: { ...payment, intent: "authorize" }, ...of });

describe("how a payment stands", () => {
  it("is captured by a capture of what was asked for, and held while PayPal keeps the money back", () => {
    expect(standing({ captures: [capture("completed")] })).toEqual({
      status: "captured",
      failure: null,
      capturedMinor: 1250n,
      refundedMinor: 0n,
    });
    expect(standing({ captures: [capture("pending", { reason: "ECHECK" })] })).toMatchObject({
      status: "held",
      failure: { type: "CAPTURE_PENDING", message: "PayPal holds the money: ECHECK." },
      capturedMinor: 0n,
    });
  });

  it("fails with a declined capture, unless another one went through", () => {
    const declined = capture("declined", { paypalStatus: "DENIED" });
    expect(standing({ captures: [declined] })).toMatchObject({ status: "failed", failure: { type: "CAPTURE_DENIED" } });
    expect(standing({ captures: [declined, capture("completed")] })).toMatchObject({ status: "captured" });
  });

  it("is kept for an operator when another amount or currency was captured than was asked for, or it was captured twice", () => {
    for (const odd of [
      [capture("completed", { amountMinor: 1251n })],
      [capture("completed", { currency: "USD" })],
      Array(2).fill(capture("completed")),
    ])
      expect(standing({ captures: odd as Parts["captures"] })).toMatchObject({
        status: "held",
        failure: { type: "CAPTURE_AMOUNT_DIFFERS" },
      });
  });

  it("counts only refunds that went through", () => {
    const captures = [capture("completed")];
    const on = (...refunds: Parts["refunds"]) => standing({ captures, refunds });
    expect(on(refund("requested", 500n), refund("pending", 500n), refund("failed", 1250n))).toMatchObject({
      status: "captured",
      refundedMinor: 0n,
    });
    expect(on(refund("completed", 500n))).toMatchObject({ status: "partially_refunded", refundedMinor: 500n });
    expect(on(refund("completed", 500n), refund("completed", 750n))).toMatchObject({ status: "refunded", refundedMinor: 1250n });
    const twice = [capture("completed"), capture("completed")];
    expect(standing({ captures: twice, refunds: [refund("completed", 2500n)] })).toMatchObject({ status: "refunded" });
  });

  it("is authorized while money is reserved, and says what was taken of it", () => {
    expect(reserved({ authorizations: [authorization("created")] })).toMatchObject({ status: "authorized" });
    const some = { captures: [capture("completed", { amountMinor: 300n })] };
    expect(reserved({ ...some, authorizations: [authorization("partially_captured")] })).toMatchObject({
      status: "partially_captured",
      capturedMinor: 300n,
    });
    expect(reserved({ ...some, authorizations: [authorization("voided")] })).toMatchObject({ status: "captured", capturedMinor: 300n });
    expect(reserved({ ...some, authorizations: [authorization("replaced"), authorization("created")] })).toMatchObject({
      status: "partially_captured",
    });
  });

  it.each([
    ["voided", "voided", undefined],
    ["expired", "voided", "AUTHORIZATION_EXPIRED"],
    ["denied", "failed", "AUTHORIZATION_DENIED"],
    ["pending", null, "AUTHORIZATION_PENDING"],
  ] as const)("of which nothing was taken, with an authorization that is %s, is %s", (is, status, type) => {
    expect(reserved({ authorizations: [authorization(is)] })).toMatchObject({ status, failure: type ? { type } : null });
  });
});
