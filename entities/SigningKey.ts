import { defineEntity, p } from "@mikro-orm/core";
import { systemPolicy } from "./tenancy.ts";

/** A key that signs tokens: the public half as JWK, the private half sealed by the key ring. */
export const SigningKey = defineEntity({
  name: "SigningKey",
  tableName: "signing_keys",
  schema: "auth",
  properties: {
    kid: p.text().primary(),
    state: p.enum(["next", "active", "retired"] as const),
    publicJwk: p.json(),
    masterKeyId: p.text(),
    sealedPrivateJwk: p.blob(),
    createdAt: p.datetime().defaultRaw("now()"),
    activatedAt: p.datetime().nullable(),
    retiredAt: p.datetime().nullable(),
  },
  indexes: [
    {
      name: "signing_keys_one_active",
      expression: `create unique index "signing_keys_one_active" on "auth"."signing_keys" ("state") where state = 'active'`,
    },
  ],
  policies: systemPolicy(),
});
