import { randomUUID } from "node:crypto";
import { LockMode } from "@mikro-orm/core";
import { Payment, type PaymentRow } from "../../entities/Payment.ts";
import type { Database, Em } from "../../mixins/database.ts";
import { isOver } from "./moves.ts";

/** Longer than everything one holder asks of PayPal can take; after it, the holder is believed dead. */
export const claimMs = 90_000;

export const lockPayment = (em: Em, id: string): Promise<PaymentRow | null> =>
  em.findOne(Payment, { id }, { lockMode: LockMode.PESSIMISTIC_WRITE });

/** Marks the row as worked on. The transaction must hold its lock. */
export function claimRow(payment: PaymentRow): string {
  payment.claim = randomUUID();
  payment.claimedUntil = new Date(Date.now() + claimMs);
  return payment.claim;
}

export type Taken =
  { state: "taken"; payment: PaymentRow; claim: string } | { state: "busy" | "over"; payment: PaymentRow } | { state: "missing" };

/**
 * Takes a payment to work on. No transaction stays open while PayPal is asked, so the claim on the row keeps the others off;
 * should one lapse while its holder still works, PayPal-Request-Id and the locked transition still make one capture.
 */
export function takePayment(db: Database, id: string): Promise<Taken> {
  return db.system(async (em) => {
    const payment = await lockPayment(em, id);
    if (!payment) return { state: "missing" };
    if (isOver(payment.status)) return { state: "over", payment };
    if (payment.claimedUntil && payment.claimedUntil.getTime() > Date.now()) return { state: "busy", payment };
    return { state: "taken", payment, claim: claimRow(payment) };
  });
}
