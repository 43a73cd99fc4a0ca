import type { PaymentRow } from "../../../entities/Payment.ts";
import { row } from "../../../mixins/database.ts";
import { settle } from "../settle.ts";
import type { Till } from "../till.ts";
import type { Handle, PayPalEvent } from "./event.ts";
import { customIdOf, orderIdOf, readCustom } from "./resource.ts";

/** How long to wait for the return page, which comes at the same moment. */
const waitMs = 5_000;

/**
 * Orders and captures: whatever PayPal says happened, the payment is settled by what the order shows now. So an old, doubled or reordered
 * event does no harm, and no amount of an event is believed.
 */
export const handleOrder: Handle = async (till, event) => {
  const found = await paymentOf(till, event);
  if (typeof found === "string") return found;
  const payment = await settle(till, found.id, { payerActed: event.type === "CHECKOUT.ORDER.APPROVED", waitMs });
  return isMoving(payment) && !/REVERSED|VOIDED/.test(event.type) ? "waits" : "done";
};

/** Somebody else still works on it, or PayPal could not be asked. */
const isMoving = ({ status, failureType }: PaymentRow) =>
  status === "created" || status === "approved" || (status === "pending" && !failureType);

/** The payment that an event is about: by what we gave PayPal to keep, else by the order. An organisation's account speaks for its own payments alone. */
async function paymentOf(till: Till, event: PayPalEvent): Promise<{ id: string } | "waits" | "ignored"> {
  const customId = customIdOf(event.resource);
  const custom = customId === null ? null : readCustom(customId);
  if (customId !== null && custom?.tenantId !== event.tenantId) return "ignored";
  const orderId = orderIdOf(event.resource, event.resourceType);
  const found = await till.db.tenant(event.tenantId, (em) =>
    row<{ id: string }>(em, `select id from payment.payments where id = ?::uuid or paypal_payment_id = ? limit 1`, [
      custom?.id ?? null,
      orderId,
    ]),
  );
  return found ?? "waits";
}
