import { defineEntity, p } from "@mikro-orm/core";
import { systemPolicy } from "./tenancy.ts";

/** A key pair that signs ID tokens (RS256): the public half as JWK, the private members sealed by the key ring. */
export const OidcKey = defineEntity({
  name: "OidcKey",
  tableName: "oidc_keys",
  schema: "auth",
  properties: {
    kid: p.text().primary(),
    publicJwk: p.json(),
    masterKeyId: p.text(),
    sealedPrivateMembers: p.blob(),
    createdAt: p.datetime().defaultRaw("now()"),
  },
  policies: systemPolicy(),
});
