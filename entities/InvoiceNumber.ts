import { defineEntity, p } from "@mikro-orm/core";
import { tenantPolicy } from "./tenancy.ts";

/** The last number given in a series. Whoever issues holds the row until the transaction ends: a number is given for good or not at all. */
export const InvoiceNumber = defineEntity({
  name: "InvoiceNumber",
  tableName: "invoice_numbers",
  schema: "payment",
  properties: {
    tenantId: p.uuid().primary(),
    series: p.text().primary(),
    last: p.integer(),
  },
  policies: tenantPolicy(),
});
