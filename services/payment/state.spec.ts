import { describe, expect, it } from "@jest/globals";
import { paymentStatuses } from "../../config/contracts.ts";
import type { CaptureView, OrderView, Outcome } from "./gateway/gateway.ts";
import { canMove, readCaptureAnswer, readLook, readOrderState } from "./state.ts";

const asked = { amountMinor: 1250n, currency: "EUR" };
const capture = (of: Partial<CaptureView> = {}): CaptureView => ({
  id: "CAP",
  status: "COMPLETED",
  amount: "12.50",
  currency: "EUR",
  reason: null,
  ...of,
});
const order = (status: string, ...captures: CaptureView[]): OrderView => ({ id: "ORDER", status, approvalUrl: null, captures });
const evidence = { httpStatus: 422, debugId: null, response: null };
const refused = (issue: string, httpStatus = 422): Outcome<OrderView> => ({
  outcome: "refused",
  issue,
  detail: issue,
  ...evidence,
  httpStatus,
});

describe("what PayPal's answers mean", () => {
  it("never takes a completed order for a paid one: its capture decides", () => {
    expect(readOrderState(order("COMPLETED"), asked)).toEqual({ next: "look" });
    expect(readOrderState(order("COMPLETED", capture()), asked)).toEqual({ next: "captured", captureId: "CAP" });
    expect(readOrderState(order("COMPLETED", capture({ status: "PENDING", reason: "ECHECK" })), asked)).toMatchObject({
      next: "held",
      failure: { type: "CAPTURE_PENDING" },
    });
    expect(readOrderState(order("COMPLETED", capture({ status: "DENIED" })), asked)).toMatchObject({
      next: "failed",
      failure: { type: "CAPTURE_DENIED" },
    });
    expect(readOrderState(order("COMPLETED", capture({ id: "OLD", status: "DECLINED" }), capture()), asked)).toEqual({
      next: "captured",
      captureId: "CAP",
    });
  });

  it("keeps a capture of another amount or currency for an operator to look at", () => {
    for (const odd of [{ amount: "12.51" }, { currency: "USD" }, { amount: "twelve" }]) {
      expect(readOrderState(order("COMPLETED", capture(odd)), asked)).toMatchObject({
        next: "held",
        failure: { type: "CAPTURE_AMOUNT_DIFFERS" },
      });
    }
    expect(readOrderState(order("COMPLETED", capture({ amount: "12.5" })), asked)).toMatchObject({ next: "captured" });
    expect(readOrderState(order("COMPLETED", capture({ amount: null, currency: null })), asked)).toMatchObject({ next: "captured" });
  });

  it.each([
    ["ORDER_ALREADY_CAPTURED", "look"],
    ["ORDER_COMPLETION_IN_PROGRESS", "look"],
    ["INSTRUMENT_DECLINED", "return"],
    ["PAYER_ACTION_REQUIRED", "return"],
    ["PERMISSION_DENIED", "wait"],
    ["TRANSACTION_REFUSED", "failed"],
    ["DUPLICATE_INVOICE_ID", "failed"],
  ])("reads the refusal %s of a capture as: %s", (issue, next) => {
    expect(readCaptureAnswer(refused(issue), asked).next).toBe(next);
  });

  it("looks again after a capture without an answer, and waits when nothing was sent", () => {
    const unknown = { outcome: "unknown", reason: "timeout", ...evidence } as const;
    expect(readCaptureAnswer({ ...unknown, sent: true }, asked)).toEqual({ next: "look" });
    expect(readCaptureAnswer({ ...unknown, sent: false }, asked)).toEqual({ next: "wait" });
  });

  it("believes that an order is gone only when its time is over", () => {
    const gone = refused("INVALID_RESOURCE_ID", 404);
    expect(readLook(gone, asked, 60_000)).toEqual({ next: "wait" });
    expect(readLook(gone, asked, 4 * 3_600_000)).toMatchObject({ next: "failed", failure: { type: "ORDER_EXPIRED" } });
  });

  it("lets nothing move out of captured or failed, nor back to created", () => {
    for (const status of paymentStatuses) {
      expect(canMove("captured", status)).toBe(false);
      expect(canMove("failed", status)).toBe(false);
      expect(canMove(status, "created")).toBe(false);
      expect(canMove(status, status)).toBe(false);
    }
  });
});
