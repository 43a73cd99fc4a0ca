import { defineEntity, p } from "@mikro-orm/core";
import { systemPolicy } from "./tenancy.ts";

/** How many wrong codes a person has given in a row, and when the next may come. */
export const FactorAttempts = defineEntity({
  name: "FactorAttempts",
  tableName: "factor_attempts",
  schema: "auth",
  properties: {
    userId: p.uuid().primary(),
    failures: p.integer().default(0),
    retryAt: p.datetime().defaultRaw("now()"),
  },
  policies: systemPolicy(),
});
