import { errors } from "../../../config/errors.ts";
import { Capture } from "../../../entities/Capture.ts";
import { Payment } from "../../../entities/Payment.ts";
import { readRefund } from "../gateway/answer.ts";
import type { RefundView } from "../gateway/gateway.ts";
import { lockPayment } from "../claim.ts";
import type { PayPal, Till } from "../till.ts";
import type { Handle, PayPalEvent } from "../webhooks/event.ts";
import { customIdOf, readCustom } from "../webhooks/resource.ts";
import { crossCheck } from "./crosscheck.ts";
import { recordRefund } from "./record.ts";

/**
 * Refunds, whoever made them, and what PayPal or a bank takes back: the refund is read at PayPal and merged by its id, so that our own and those of
 * PayPal's website count once each, by their own amount.
 */
export const handleRefund: Handle = async (till, event) => {
  const told = readRefund(event.resource);
  if (!told) return "ignored";
  const found = await paymentOf(till, event, told);
  if (typeof found === "string") return found;
  const paypal = await till.paypal(event.tenantId, found.accountId);
  const view = await readAgain(paypal, event, told);
  const kind = event.type.endsWith("REVERSED") ? "reversal" : "refund";
  const recorded = await till.db.system(async (em) => {
    const payment = await lockPayment(em, found.id);
    return payment && recordRefund(em, payment, { ...view, captureId: view.captureId ?? told.captureId }, { kind });
  });
  // Its capture is not known here yet: the event that tells of that one comes, or the sweeper.
  if (!recorded) return "waits";
  await crossCheck(till.db, paypal, recorded, found.orderId);
  return "done";
};

/** @throws PAYMENT_GATEWAY_UNAVAILABLE when PayPal can't be asked, so that the event is tried again */
async function readAgain(paypal: PayPal, event: PayPalEvent, told: RefundView): Promise<RefundView> {
  const answer = await paypal.payments.getRefund(told.id);
  if (answer.outcome === "ok") return answer.value;
  // Not everything that is reversed can be read as a refund; the event is signed.
  if (answer.outcome === "refused" && answer.httpStatus === 404 && event.type.endsWith("REVERSED")) return told;
  const reason = answer.outcome === "unknown" ? answer.reason : answer.issue;
  throw errors.gatewayUnavailable(`The refund ${told.id} could not be read at PayPal: ${reason}.`);
}

/** By the capture that it gives back, else by what we gave PayPal to keep. */
async function paymentOf(
  till: Till,
  { tenantId, resource }: PayPalEvent,
  { captureId }: RefundView,
): Promise<{ id: string; orderId: string; accountId: string | null } | "waits" | "ignored"> {
  const custom = readCustom(customIdOf(resource) ?? "");
  const payment = await till.db.tenant(tenantId, async (em) => {
    const capture = captureId === null ? null : await em.findOne(Capture, { tenantId, paypalId: captureId });
    const id = capture?.paymentId ?? (custom?.tenantId === tenantId ? custom.id : undefined);
    return id === undefined ? null : em.findOne(Payment, { tenantId, id });
  });
  if (payment?.paypalPaymentId) return { id: payment.id, orderId: payment.paypalPaymentId, accountId: payment.accountId ?? null };
  return custom?.tenantId === tenantId ? "waits" : "ignored";
}
