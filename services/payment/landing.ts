import type { PaymentStatus } from "../../config/contracts.ts";
import type { PaymentRow } from "../../entities/Payment.ts";
import { formatAmount, type Currency } from "./money.ts";

/** Where a payer goes who comes back from PayPal: the shop's address with the payment in its query, else our own page. */
export function landingUrl(payment: PaymentRow, publicUrl: string, cancelled: boolean): string {
  const chosen = (cancelled && payment.cancelUrl) || payment.returnUrl;
  if (!chosen) return `${publicUrl}/api/v1/payments/${payment.id}/result?token=${payment.paypalPaymentId}`;
  const url = new URL(chosen);
  url.searchParams.set("paymentId", payment.id);
  url.searchParams.set("status", payment.status);
  return url.href;
}

const sentences: Record<PaymentStatus, string> = {
  created: "PayPal has not confirmed this payment yet.",
  pending: "This payment has not been made.",
  approved: "You approved this payment; PayPal is being asked for the money.",
  held: "You paid; PayPal is still checking the payment.",
  captured: "You paid. Thank you.",
  failed: "This payment failed.",
};

const escape = (text: string) => text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);

/** The page for payers whose shop has none. */
export function resultPage(payment: PaymentRow): string {
  const amount = `${formatAmount(payment.amountMinor, payment.currency as Currency)} ${payment.currency}`;
  const again =
    payment.status === "pending" && payment.approvalUrl ? `<p><a href="${escape(payment.approvalUrl)}">Pay at PayPal</a></p>` : "";
  const simulated = payment.simulated ? "<p>A simulator stood in for PayPal: no money moved.</p>" : "";
  const description = payment.description ? `<p>${escape(payment.description)}</p>` : "";
  return `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${amount}</title>
<h1>${amount}</h1>${description}<p>${sentences[payment.status as PaymentStatus]}</p>${again}${simulated}</html>`;
}
