import { defineEntity, p } from "@mikro-orm/core";
import { systemPolicy } from "./tenancy.ts";

/** Who a person is to another provider. Issuer and subject are what it is known by: addresses change hands. */
export const Identity = defineEntity({
  name: "Identity",
  tableName: "identities",
  schema: "auth",
  properties: {
    id: p.uuid().primary(),
    userId: p.uuid().index(),
    /** Id of the provider as it was configured then. */
    provider: p.text(),
    issuer: p.text(),
    subject: p.text(),
    /** As the provider said last, for its owner to know it by. */
    email: p.text().nullable(),
    createdAt: p.datetime().defaultRaw("now()"),
    lastUsedAt: p.datetime().nullable(),
  },
  uniques: [{ properties: ["issuer", "subject"] }],
  policies: systemPolicy(),
});
