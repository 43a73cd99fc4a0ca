import type { Binary } from "../../config/action.ts";
import type { PaymentStatus } from "../../config/states.ts";
import type { PaymentRow } from "../../entities/Payment.ts";
import { formatAmount, type Currency } from "./money.ts";
import { link, payerPage, shopUrl } from "./payerpage.ts";

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

/** The page for a payer who comes back: how the payment stands, and the way on. */
export function landingPage(payment: PaymentRow, cancelled: boolean): Binary {
  const status = payment.status as PaymentStatus;
  return payerPage({
    title: `${formatAmount(payment.amountMinor, payment.currency as Currency)} ${payment.currency}`,
    lines: [
      payment.description,
      sentences[status],
      payment.simulated && "A simulator stood in for PayPal: no money moved.",
      status === "pending" && payment.approvalUrl && link(payment.approvalUrl, "Pay at PayPal"),
    ],
    shop: shopUrl(payment, cancelled, { paymentId: payment.id, status }),
    again: status === "approved",
  });
}
