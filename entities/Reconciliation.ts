import { defineEntity, p } from "@mikro-orm/core";
import { tenantPolicy } from "./tenancy.ts";

/** When an organisation's books are compared with PayPal next, and how far they have been. */
export const Reconciliation = defineEntity({
  name: "Reconciliation",
  tableName: "reconciliations",
  schema: "payment",
  properties: {
    tenantId: p.uuid().primary(),
    nextRunAt: p.datetime().defaultRaw("now()"),
    claim: p.uuid().nullable(),
    claimedUntil: p.datetime().nullable(),
    /** Everything that happened before has been compared. Null before the first time. */
    comparedUntil: p.datetime().nullable(),
    /** Runs that failed in a row. */
    failures: p.integer().default(0),
  },
  indexes: [{ properties: ["nextRunAt"] }],
  policies: tenantPolicy(),
});
