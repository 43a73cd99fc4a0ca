import { Invoice } from "../../../entities/Invoice.ts";
import { PaypalInvoice } from "../../../entities/PaypalInvoice.ts";
import { record, text } from "../gateway/answer.ts";
import type { Handle } from "../webhooks/event.ts";
import { invoiceOf } from "./billed.ts";
import { advance } from "./send.ts";

/** Invoices at PayPal: whatever it says happened, the invoice is read anew. Those that the merchant made at PayPal itself are none of ours. */
export const handleInvoice: Handle = async (till, { tenantId, resource }) => {
  const invoice = record(resource["invoice"] ?? resource);
  const paypalId = text(invoice["id"]);
  const id = invoiceOf(text(record(invoice["detail"])["reference"]) ?? "");
  const known = await till.db.tenant(tenantId, async (em) => {
    const mirrored = paypalId === null ? null : await em.findOne(PaypalInvoice, { tenantId, paypalId });
    return mirrored?.id ?? (id !== null && (await em.findOne(Invoice, { tenantId, id })) ? "unconfirmed" : null);
  });
  if (known === null) return "ignored";
  // Its row does not know PayPal's id yet: whoever makes it is about to write it down.
  if (known === "unconfirmed") return "waits";
  const after = await advance(till, known);
  return after.claimedUntil || after.failureType ? "waits" : "done";
};
