import { Refund, type RefundRow } from "../../../entities/Refund.ts";
import type { Database } from "../../../mixins/database.ts";
import { lockPayment } from "../claim.ts";
import { recordOrder } from "../record.ts";
import type { PayPal } from "../till.ts";
import { totals } from "./remaining.ts";

/**
 * Compares PayPal's total of all refunds of a capture with those that are known here. When PayPal says more, somebody has refunded at its website:
 * its order tells what.
 */
export async function crossCheck(
  db: Database,
  paypal: PayPal,
  { captureId, paymentId, totalMinor }: RefundRow,
  orderId: string,
): Promise<void> {
  if (totalMinor == null) return;
  const { known, told } = totals(await db.system((em) => em.find(Refund, { captureId })));
  if (known >= told) return;
  const look = await paypal.orders.getOrder(orderId);
  if (look.outcome !== "ok") return;
  await db.system(async (em) => {
    const payment = await lockPayment(em, paymentId);
    if (payment) await recordOrder(em, payment, look.value);
  });
}
