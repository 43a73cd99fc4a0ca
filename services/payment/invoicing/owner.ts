import { row, type Em } from "../../../mixins/database.ts";
import { record, text } from "../gateway/answer.ts";
import { captureIdOf, customIdOf } from "../webhooks/resource.ts";
import { invoiceOf } from "./billed.ts";

/**
 * Whose invoice an event's resource is, or is about: PayPal's invoice, by PayPal's id or by the reference that we gave it, or a dispute about what one
 * was paid with.
 */
export async function ownerOfInvoiced(
  em: Em,
  resource: Record<string, unknown>,
  resourceType: string,
): Promise<{ tenantId: string; key: string } | undefined> {
  const invoice = record(resource["invoice"] ?? resource);
  const reference = text(record(invoice["detail"])["reference"]) ?? customIdOf(resource);
  return await row(
    em,
    `select tenant_id as "tenantId", 'invoice:' || coalesce(paypal_id, id::text) as key from payment.paypal_invoices
     where paypal_id = ? or id = ?::uuid or id = (select invoice_id from payment.ledger_entries where object_id = ? and kind = 'capture' and invoice_id is not null limit 1)
     limit 1`,
    [text(invoice["id"]), reference === null ? null : invoiceOf(reference), captureIdOf(resource, resourceType)],
  );
}
