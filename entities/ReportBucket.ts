import { defineEntity, p } from "@mikro-orm/core";
import { tenantPolicy } from "./tenancy.ts";

/**
 * What the ledger says by quarter of an hour, currency and method: what reports are summed up from. Quarters, because the days of every time
 * zone begin at one. A read model: services/payment/reports/project.ts writes it and can write it anew.
 */
export const ReportBucket = defineEntity({
  name: "ReportBucket",
  tableName: "report_buckets",
  schema: "payment",
  properties: {
    tenantId: p.uuid().primary(),
    /** Begin of the quarter. */
    bucket: p.datetime().primary(),
    currency: p.string().length(3).primary(),
    method: p.text().primary(),
    /** Minor units. */
    revenue: p.bigint("bigint").default(0),
    refunds: p.bigint("bigint").default(0),
    chargebacks: p.bigint("bigint").default(0),
    /** Less what PayPal gave back. */
    fees: p.bigint("bigint").default(0),
    /** How many captures and refunds. */
    captured: p.integer().default(0),
    refunded: p.integer().default(0),
  },
  policies: tenantPolicy(),
});
