import { defineEntity, p } from "@mikro-orm/core";
import { tenantPolicy } from "./tenancy.ts";

/** An issued invoice as it was first handed out: whoever asks again gets the same bytes, whatever the layout looks like by then. */
export const InvoiceDocument = defineEntity({
  name: "InvoiceDocument",
  tableName: "invoice_documents",
  schema: "payment",
  properties: {
    invoiceId: p.uuid().primary(),
    format: p.enum(["pdf", "xml"] as const).primary(),
    tenantId: p.uuid().index(),
    bytes: p.blob(),
    sha256: p.text(),
    createdAt: p.datetime().defaultRaw("now()"),
  },
  policies: tenantPolicy(),
  triggers: [
    {
      name: "invoice_documents_append_only",
      timing: "before",
      events: ["update", "delete"],
      forEach: "row",
      body: "raise exception 'documents of invoices are append-only' using errcode = 'restrict_violation'; return null;",
    },
  ],
});
