import type { EventType } from "../../config/events.ts";
import type { PaymentStatus } from "../../config/states.ts";
import type { CaptureRow } from "../../entities/Capture.ts";
import type { PaymentRow } from "../../entities/Payment.ts";
import type { RefundRow } from "../../entities/Refund.ts";
import { recordAct } from "../../mixins/act.ts";
import type { Em } from "../../mixins/database.ts";
import { appendEvent, type NewEvent } from "../../mixins/events.ts";
import { formatAmount, type Currency } from "./money.ts";

/** The states that are told as such. Captures and refunds are told one by one. */
const eventOf: Partial<
  Record<
    PaymentStatus,
    "payment.created" | "payment.review.opened" | "payment.approved" | "payment.authorized" | "payment.failed" | "payment.voided"
  >
> = {
  created: "payment.created",
  review: "payment.review.opened",
  approved: "payment.approved",
  authorized: "payment.authorized",
  failed: "payment.failed",
  voided: "payment.voided",
};

const self = "service:payment";

const factsOf = ({ id: paymentId, status, currency, amountMinor }: PaymentRow) => ({
  paymentId,
  status,
  amount: formatAmount(amountMinor, currency as Currency),
  currency,
});

async function append<T extends EventType>(em: Em, payment: PaymentRow, of: Pick<NewEvent<T>, "type" | "data" | "actor">): Promise<void> {
  payment.version = (await appendEvent(em, "payment", { tenantId: payment.tenantId, stream: `payment:${payment.id}`, ...of })).version;
}

/** Appends the event that belongs to the payment's status. */
export async function tell(em: Em, payment: PaymentRow, actor = self): Promise<void> {
  const type = eventOf[payment.status as PaymentStatus];
  if (type) await append(em, payment, { type, data: factsOf(payment), actor });
}

/** Tells what came of a review. */
export const tellReview = (em: Em, payment: PaymentRow, type: `payment.review.${"approved" | "rejected" | "expired"}`, actor: string) =>
  append(em, payment, { type, data: factsOf(payment), actor });

/** Tells of a capture that went through, also in the audit log: whoever was the first to notice. */
export async function tellCapture(em: Em, payment: PaymentRow, capture: CaptureRow): Promise<void> {
  const { currency } = capture;
  const amount = formatAmount(capture.amountMinor, currency as Currency);
  await append(em, payment, {
    type: "payment.captured",
    data: { ...factsOf(payment), captureId: capture.paypalId!, captured: amount },
    actor: self,
  });
  const act = { tenantId: payment.tenantId, action: "payment.captured", object: `payment:${payment.id}`, outcome: "allowed" } as const;
  await recordAct(em, "payment", { ...act, details: { amount, currency } });
}

/** Tells how a refund ended: that it went through, was taken back from us, or failed. */
export async function tellRefund(em: Em, payment: PaymentRow, refund: RefundRow): Promise<void> {
  const done = refund.kind === "reversal" ? "payment.reversed" : "payment.refunded";
  await append(em, payment, {
    type: refund.status === "completed" ? done : "payment.refund.failed",
    data: { ...factsOf(payment), refundId: refund.id, refunded: formatAmount(refund.amountMinor, refund.currency as Currency) },
    actor: self,
  });
}
