import { createHash } from "node:crypto";
import type { Binary } from "../../config/action.ts";
import type { PaymentStatus } from "../../config/contracts.ts";
import { messageOf } from "../../config/errors.ts";
import type { PaymentRow } from "../../entities/Payment.ts";
import { formatAmount, type Currency } from "./money.ts";

/** Where the shop wants a payer who comes back from PayPal, with the payment in the query; null when it named no place. */
export function shopUrl(payment: PaymentRow, cancelled: boolean): string | null {
  const chosen = (cancelled && payment.cancelUrl) || payment.returnUrl;
  if (!chosen) return null;
  const url = new URL(chosen);
  url.searchParams.set("paymentId", payment.id);
  url.searchParams.set("status", payment.status);
  return url.href;
}

const sentences: Record<PaymentStatus, string> = {
  created: "PayPal has not confirmed this payment yet.",
  review: "The shop looks at this payment before it can be made.",
  pending: "This payment has not been made.",
  approved: "You approved this payment; PayPal is being asked for the money.",
  authorized: "Your money is reserved. Thank you.",
  held: "You paid; PayPal is still checking the payment.",
  partially_captured: "You paid. Thank you.",
  captured: "You paid. Thank you.",
  partially_refunded: "A part of this payment was given back to you.",
  refunded: "This payment was given back to you.",
  voided: "The money that was reserved is yours again.",
  failed: "This payment failed.",
};

export const escape = (text: string) => text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);

/** What comes by itself after the page: the shop, or another look while PayPal is being asked. */
function next(payment: PaymentRow, shop: string | null): string {
  if (shop) return `<meta http-equiv="refresh" content="0;url=${escape(shop)}">`;
  return payment.status === "approved" ? `<meta http-equiv="refresh" content="3">` : "";
}

/** A page for payers as an action answers it. */
export function pageAnswer(html: string): Binary {
  const etag = createHash("sha256").update(html).digest("base64url");
  return { mediaType: "text/html; charset=utf-8", base64: Buffer.from(html).toString("base64"), etag, ownPage: true };
}

/**
 * What is to be shown to a payer: what PayPal says now, or what is known here when it can't be asked. A payer is no part of our trouble, and
 * the sweeper goes on.
 */
export async function shownToPayer<T>(known: T, asked: Promise<T>, log: { warn(...words: unknown[]): void }): Promise<T> {
  try {
    return await asked;
  } catch (error) {
    log.warn(`A payer who came back was shown what was known: ${messageOf(error)}`);
    return known;
  }
}

/** The page for a payer who comes back: how the payment stands, and the way on. Its address holds the order's id, so it sends no referrer. */
export function landingPage(payment: PaymentRow, cancelled: boolean): string {
  const shop = shopUrl(payment, cancelled);
  const amount = `${formatAmount(payment.amountMinor, payment.currency as Currency)} ${payment.currency}`;
  const lines = [
    payment.description && escape(payment.description),
    sentences[payment.status as PaymentStatus],
    payment.simulated && "A simulator stood in for PayPal: no money moved.",
    payment.status === "pending" && payment.approvalUrl && `<a href="${escape(payment.approvalUrl)}">Pay at PayPal</a>`,
    shop && `<a href="${escape(shop)}">Back to the shop</a>`,
  ];
  return `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><meta name="referrer" content="no-referrer">
${next(payment, shop)}<title>${amount}</title><h1>${amount}</h1>${lines.map((line) => (line ? `<p>${line}</p>` : "")).join("")}</html>`;
}
