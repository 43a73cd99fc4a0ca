import { defineEntity, p, type InferEntity } from "@mikro-orm/core";
import { invoiceKinds, invoiceStatuses } from "../config/states.ts";
import { tenantPolicy } from "./tenancy.ts";

/**
 * An invoice or a credit note. Once issued it is what it is: the database takes no change of anything but how far it is paid and credited, and lets
 * nobody remove it. A number is given in the transaction that issues, under the lock of its series, so the series has no gaps.
 */
export const Invoice = defineEntity({
  name: "Invoice",
  tableName: "invoices",
  schema: "payment",
  properties: {
    id: p.uuid().primary(),
    tenantId: p.uuid(),
    /** Who made it. */
    userId: p.uuid().nullable(),
    kind: p.enum(invoiceKinds),
    status: p.enum(invoiceStatuses).default("draft"),
    series: p.text().nullable(),
    sequence: p.integer().nullable(),
    /** What people call it: series and sequence. */
    number: p.text().nullable(),
    currency: p.string().length(3),
    /** For rules and reports; `grossMinor` is what is reckoned with. */
    amount: p.decimal("string").precision(20).scale(2),
    netMinor: p.bigint("bigint"),
    taxMinor: p.bigint("bigint"),
    grossMinor: p.bigint("bigint"),
    /** What credit notes have taken back so far. */
    creditedMinor: p.bigint("bigint").default(0),
    /** Seller, buyer, lines: services/payment/invoices/content.ts. */
    content: p.json<object>(),
    paymentId: p.uuid().nullable(),
    /** Where it is of a subscription's payment: the subscription, and PayPal's id of the payment. A credit note has the first alone. */
    subscriptionId: p.uuid().nullable(),
    saleId: p.string().length(50).nullable(),
    /** A credit note's: the refund that it is for. */
    refundId: p.text().nullable(),
    /** A credit note's: the invoice that it corrects. */
    correctsId: p.uuid().nullable(),
    issueDate: p.date().nullable(),
    dueDate: p.date().nullable(),
    version: p.integer().default(0),
    createdAt: p.datetime().defaultRaw("now()"),
    issuedAt: p.datetime().nullable(),
    paidAt: p.datetime().nullable(),
  },
  checks: [
    { name: "invoices_sum", expression: "net_minor + tax_minor = gross_minor" },
    { name: "invoices_credit", expression: "credited_minor >= 0 and credited_minor <= gross_minor" },
    {
      name: "invoices_issued_has_number",
      expression: "status = 'draft' or (number is not null and issued_at is not null and issue_date is not null)",
    },
    { name: "invoices_paid_at", expression: "status <> 'paid' or paid_at is not null" },
  ],
  uniques: [{ properties: ["tenantId", "series", "sequence"] }, { properties: ["tenantId", "refundId"] }],
  indexes: [
    { properties: ["tenantId", "createdAt", "id"] },
    { properties: ["tenantId", "status", "createdAt"] },
    { name: "invoices_issue_date", properties: ["tenantId", "issueDate"], where: "issue_date is not null" },
    { name: "invoices_credit_notes", properties: ["correctsId"], where: "corrects_id is not null" },
    {
      name: "invoices_of_sale",
      expression: `create unique index "invoices_of_sale" on "payment"."invoices" ("tenant_id", "sale_id") where sale_id is not null and status <> 'void'`,
    },
    { name: "invoices_of_subscription", properties: ["tenantId", "subscriptionId", "createdAt"], where: "subscription_id is not null" },
    {
      name: "invoices_of_payment",
      expression: `create unique index "invoices_of_payment" on "payment"."invoices" ("tenant_id", "payment_id") where payment_id is not null and status <> 'void'`,
    },
  ],
  policies: tenantPolicy(),
  triggers: [
    {
      name: "invoices_immutable",
      timing: "before",
      events: ["update", "delete"],
      forEach: "row",
      body: `if old.status = 'draft' then return case when tg_op = 'DELETE' then old else new end; end if;
if tg_op = 'UPDATE' and to_jsonb(new) - '{status,paid_at,credited_minor,version}'::text[] = to_jsonb(old) - '{status,paid_at,credited_minor,version}'::text[] and new.credited_minor >= old.credited_minor and (new.status = old.status or old.status || ' ' || new.status in ('issued paid', 'issued void', 'paid void')) then return new; end if;
raise exception 'an issued invoice is not changed' using errcode = 'restrict_violation';`,
    },
  ],
});
export type InvoiceRow = InferEntity<typeof Invoice>;
