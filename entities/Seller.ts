import { defineEntity, p, type InferEntity } from "@mikro-orm/core";
import { tenantPolicy } from "./tenancy.ts";

/** Who the organisation is as a seller: what its invoices say of it, and how it reckons tax. */
export const Seller = defineEntity({
  name: "Seller",
  tableName: "sellers",
  schema: "payment",
  properties: {
    tenantId: p.uuid().primary(),
    name: p.text().nullable(),
    street: p.text().nullable(),
    postcode: p.text().nullable(),
    city: p.text().nullable(),
    /** ISO 3166-1 alpha-2. */
    country: p.text().nullable(),
    vatId: p.text().nullable(),
    /** Where there is no VAT id: the number at the tax office. */
    taxNumber: p.text().nullable(),
    email: p.text().nullable(),
    phone: p.text().nullable(),
    iban: p.text().nullable(),
    bic: p.text().nullable(),
    /** Countries besides its own in which it has to charge tax. */
    registrations: p.json<string[]>().defaultRaw(`'[]'`),
    homeTaxed: p.boolean().default(false),
    requireEvidence: p.boolean().default(false),
    prices: p.enum(["exclusive", "inclusive"] as const).default("exclusive"),
    roundingScope: p.enum(["total", "line"] as const).default("total"),
    roundingMode: p.enum(["half-up", "half-even"] as const).default("half-up"),
    invoiceSeries: p.text().default("INV"),
    creditSeries: p.text().default("CN"),
    /** Days until an invoice is due. */
    dueDays: p.integer().default(14),
    /** Whether a captured payment gets an invoice by itself, and whether issued invoices are mailed by themselves. */
    invoiceOnCapture: p.boolean().default(false),
    mailOnIssue: p.boolean().default(false),
    updatedAt: p.datetime().defaultRaw("now()"),
  },
  policies: tenantPolicy(),
});
export type SellerRow = InferEntity<typeof Seller>;
