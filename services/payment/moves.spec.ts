import { describe, expect, it } from "@jest/globals";
import { authorizationStatuses, captureStatuses, paymentStatuses, refundStatuses, type PaymentStatus } from "../../config/states.ts";
import { after, authorizationTable, canMove, captureTable, firstAuthorization, isOver, isWatched, refundTable } from "./moves.ts";

/** Every pair of a table that moves, as "state + what is said = state"; all others are refused. */
const walk = (states: readonly string[], said: readonly string[], table: Parameters<typeof after>[0]) =>
  states.flatMap((from) =>
    said.flatMap((word) => {
      const to = after(table, from, word);
      return to === null ? [] : [`${from} + ${word} = ${to}`];
    }),
  );

describe("the table of moves", () => {
  it("of captures: what has ended stays as it ended, and a word that nobody knows moves nothing", () => {
    const said = [
      "PENDING",
      "COMPLETED",
      "PARTIALLY_REFUNDED",
      "REFUNDED",
      "DECLINED",
      "DENIED",
      "FAILED",
      "refused",
      "CREATED",
      "SOMETHING_NEW",
    ];
    expect(walk(captureStatuses, said, captureTable)).toEqual([
      "requested + PENDING = pending",
      "requested + COMPLETED = completed",
      "requested + PARTIALLY_REFUNDED = completed",
      "requested + REFUNDED = completed",
      "requested + DECLINED = declined",
      "requested + DENIED = declined",
      "requested + FAILED = declined",
      "requested + refused = failed",
      "pending + COMPLETED = completed",
      "pending + PARTIALLY_REFUNDED = completed",
      "pending + REFUNDED = completed",
      "pending + DECLINED = declined",
      "pending + DENIED = declined",
      "pending + FAILED = declined",
    ]);
  });

  it("of refunds: an e-check ends one way, once", () => {
    expect(walk(refundStatuses, ["PENDING", "COMPLETED", "FAILED", "CANCELLED", "refused", "SOMETHING_NEW"], refundTable)).toEqual([
      "requested + PENDING = pending",
      "requested + COMPLETED = completed",
      "requested + FAILED = failed",
      "requested + CANCELLED = cancelled",
      "requested + refused = failed",
      "pending + COMPLETED = completed",
      "pending + FAILED = failed",
      "pending + CANCELLED = cancelled",
    ]);
  });

  it("of authorizations: one that has ended, or was replaced, gives nothing more", () => {
    const said = [
      "PENDING",
      "CREATED",
      "PARTIALLY_CAPTURED",
      "CAPTURED",
      "VOIDED",
      "EXPIRED",
      "DENIED",
      "elapsed",
      "reauthorized",
      "SOMETHING_NEW",
    ];
    expect(walk(authorizationStatuses, said, authorizationTable)).toEqual([
      "pending + CREATED = created",
      "pending + PARTIALLY_CAPTURED = partially_captured",
      "pending + CAPTURED = captured",
      "pending + VOIDED = voided",
      "pending + EXPIRED = expired",
      "pending + DENIED = denied",
      "pending + elapsed = expired",
      "created + PARTIALLY_CAPTURED = partially_captured",
      "created + CAPTURED = captured",
      "created + VOIDED = voided",
      "created + EXPIRED = expired",
      "created + DENIED = denied",
      "created + elapsed = expired",
      "created + reauthorized = replaced",
      "partially_captured + CAPTURED = captured",
      "partially_captured + VOIDED = voided",
      "partially_captured + EXPIRED = expired",
      "partially_captured + DENIED = denied",
      "partially_captured + elapsed = expired",
      "partially_captured + reauthorized = replaced",
    ]);
    expect(firstAuthorization("PENDING")).toBe("pending");
    expect(firstAuthorization("SOMETHING_NEW")).toBeNull();
  });

  it("of payments: nothing comes back to its beginning, out of a full refund or a void, or to an unpaid state once money has moved", () => {
    const allowed = Object.fromEntries(paymentStatuses.map((from) => [from, paymentStatuses.filter((to) => canMove(from, to))]));
    const money: PaymentStatus[] = ["held", "partially_captured", "captured", "partially_refunded", "refunded"];
    expect(allowed).toEqual({
      created: ["review", "pending", "approved", "authorized", ...money, "failed"],
      review: ["created", "failed"],
      pending: ["approved", "authorized", ...money, "voided", "failed"],
      approved: ["pending", "authorized", ...money, "voided", "failed"],
      authorized: [...money, "voided", "failed"],
      held: ["authorized", "partially_captured", "captured", "partially_refunded", "refunded", "voided", "failed"],
      partially_captured: ["captured", "partially_refunded", "refunded"],
      captured: ["partially_refunded", "refunded"],
      partially_refunded: ["refunded"],
      refunded: [],
      voided: [],
      failed: ["authorized", ...money],
    });
    expect(paymentStatuses.filter(isWatched)).toEqual(["created", "pending", "approved", "held"]);
    expect(paymentStatuses.filter((status) => !isOver(status) && !isWatched(status))).toEqual(["authorized", "partially_captured"]);
  });
});
