import { randomUUID } from "node:crypto";
import { LockMode } from "@mikro-orm/core";
import { Payment, type PaymentRow } from "../../entities/Payment.ts";
import type { Database, Em } from "../../mixins/database.ts";
import { isOver } from "./moves.ts";

/** Longer than everything one holder asks of PayPal can take; after it, the holder is believed dead. */
export const claimMs = 90_000;

export const lockPayment = (em: Em, id: string): Promise<PaymentRow | null> =>
  em.findOne(Payment, { id }, { lockMode: LockMode.PESSIMISTIC_WRITE });

type Claimed = Pick<PaymentRow, "claim" | "claimedUntil">;

/** Marks a row as worked on. The transaction must hold its lock. */
export function claimRow(of: Claimed): string {
  of.claim = randomUUID();
  of.claimedUntil = new Date(Date.now() + claimMs);
  return of.claim;
}

/** Whether somebody works on it. */
export const isClaimed = ({ claimedUntil }: Claimed) => claimedUntil != null && claimedUntil.getTime() > Date.now();

/** Gives a row back. A claim that lapsed belongs to somebody else by now. */
export function release(of: Claimed, claim: string): void {
  if (of.claim === claim) of.claim = of.claimedUntil = null;
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
    if (isClaimed(payment)) return { state: "busy", payment };
    return { state: "taken", payment, claim: claimRow(payment) };
  });
}
