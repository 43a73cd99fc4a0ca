import { refused } from "./replies.ts";
import type { World } from "./world.ts";

/** Takes an invoice id for an order. @throws Refused when another order has used it. */
export function useInvoiceId(world: World, merchant: string, orderId: string, invoiceId: string | undefined): void {
  if (invoiceId === undefined) return;
  const key = JSON.stringify([merchant, invoiceId]);
  const user = world.invoiceIds.get(key);
  if (user !== undefined && user !== orderId)
    throw refused(
      "DUPLICATE_INVOICE_ID",
      "Duplicate Invoice ID detected. To avoid a potential duplicate transaction your account setting requires that Invoice Id be unique.",
    );
  world.invoiceIds.set(key, orderId);
}
