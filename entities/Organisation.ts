import { defineEntity, p } from "@mikro-orm/core";
import { tenantPolicy } from "./tenancy.ts";

/** A tenant. */
export const Organisation = defineEntity({
  name: "Organisation",
  tableName: "organisations",
  schema: "auth",
  properties: {
    id: p.uuid().primary().defaultRaw("gen_random_uuid()"),
    name: p.text(),
    createdAt: p.datetime().defaultRaw("now()"),
  },
  policies: tenantPolicy("id"),
});
