import { describe, expect, it } from "@jest/globals";
import type { CaptureView, OrderView, Outcome } from "./gateway/gateway.ts";
import { readCaptureAnswer, readLook, readOrderState } from "./state.ts";

const capture = (of: Partial<CaptureView> = {}): CaptureView => ({
  id: "CAP",
  status: "COMPLETED",
  amount: "12.50",
  currency: "EUR",
  reason: null,
  invoiceId: null,
  final: true,
  authorizationId: null,
  at: null,
  fee: null,
  net: null,
  settled: null,
  ...of,
});
const order = (status: string, ...captures: CaptureView[]): OrderView => ({
  id: "ORDER",
  status,
  approvalUrl: null,
  liabilityShift: null,
  captures,
  authorizations: [],
  refunds: [],
});
const evidence = { httpStatus: 422, debugId: null, response: null };
const refused = (issue: string, httpStatus = 422): Outcome<OrderView> => ({
  outcome: "refused",
  issue,
  detail: issue,
  ...evidence,
  httpStatus,
});

describe("what PayPal's answers mean", () => {
  it("never takes a completed order for a paid one: its captures decide", () => {
    expect(readOrderState(order("COMPLETED"))).toEqual({ next: "look" });
    const declined = order("COMPLETED", capture({ status: "DECLINED" }));
    expect(readOrderState(declined)).toEqual({ next: "record", order: declined });
  });

  it.each([
    [null, "capture"],
    ["POSSIBLE", "capture"],
    ["YES", "capture"],
    ["NO", "failed"],
    ["UNKNOWN", "return"],
  ])("with a liability shift of %s goes on to: %s", (liabilityShift, next) => {
    expect(readOrderState({ ...order("APPROVED"), liabilityShift }).next).toBe(next);
  });

  it("looks again at a capture of which the answer leaves out the amount", () => {
    const answer = (value: OrderView): Outcome<OrderView> => ({ outcome: "ok", value, ...evidence });
    expect(readCaptureAnswer(answer(order("COMPLETED", capture({ amount: null, currency: null }))))).toEqual({ next: "look" });
    expect(readCaptureAnswer(answer(order("COMPLETED", capture())))).toMatchObject({ next: "record" });
    expect(readCaptureAnswer(answer(order("APPROVED")))).toEqual({ next: "look" });
  });

  it.each([
    ["ORDER_ALREADY_CAPTURED", "look"],
    ["ORDER_COMPLETION_IN_PROGRESS", "look"],
    ["INSTRUMENT_DECLINED", "return"],
    ["PAYER_ACTION_REQUIRED", "return"],
    ["PERMISSION_DENIED", "wait"],
    ["TRANSACTION_REFUSED", "failed"],
    ["DUPLICATE_INVOICE_ID", "look"],
  ])("reads the refusal %s of a capture as: %s", (issue, next) => {
    expect(readCaptureAnswer(refused(issue)).next).toBe(next);
  });

  it("looks again after a capture without an answer, and waits when nothing was sent", () => {
    const unknown = { outcome: "unknown", reason: "timeout", ...evidence } as const;
    expect(readCaptureAnswer({ ...unknown, sent: true })).toEqual({ next: "look" });
    expect(readCaptureAnswer({ ...unknown, sent: false })).toEqual({ next: "wait" });
  });

  it("believes that an order is gone only when its time is over", () => {
    const gone = refused("INVALID_RESOURCE_ID", 404);
    const hour = 3_600_000;
    expect(readLook(gone, hour, false)).toEqual({ next: "wait" });
    expect(readLook(gone, 4 * hour, false)).toMatchObject({ next: "failed", failure: { type: "ORDER_EXPIRED" } });
    expect(readLook(gone, 1_000 * hour, true)).toEqual({ next: "wait" });
    const unpaid: Outcome<OrderView> = { outcome: "ok", value: order("PAYER_ACTION_REQUIRED"), ...evidence };
    expect(readLook(unpaid, 70 * hour, false)).toEqual({ next: "wait" });
    expect(readLook(unpaid, 76 * hour, false)).toMatchObject({ next: "failed", failure: { type: "ORDER_EXPIRED" } });
  });
});
