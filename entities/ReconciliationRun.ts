import { defineEntity, p } from "@mikro-orm/core";
import { tenantPolicy } from "./tenancy.ts";

/** One comparison of an organisation's books with PayPal's report. */
export const ReconciliationRun = defineEntity({
  name: "ReconciliationRun",
  tableName: "reconciliation_runs",
  schema: "payment",
  properties: {
    id: p.uuid().primary(),
    tenantId: p.uuid(),
    /** What happened from then on and before. */
    periodFrom: p.datetime(),
    periodTo: p.datetime(),
    /** A principal's subject, or "service:payment" for the daily one. */
    startedBy: p.text(),
    status: p.enum(["running", "completed", "failed"] as const).default("running"),
    /** PayPal's transactions that were compared; breaks that were found, and those of them that a look at PayPal mended. */
    transactions: p.integer().default(0),
    found: p.integer().default(0),
    healed: p.integer().default(0),
    failureType: p.text().nullable(),
    failureMessage: p.text().nullable(),
    startedAt: p.datetime().defaultRaw("now()"),
    finishedAt: p.datetime().nullable(),
  },
  indexes: [{ properties: ["tenantId", "startedAt", "id"] }],
  policies: tenantPolicy(),
});
