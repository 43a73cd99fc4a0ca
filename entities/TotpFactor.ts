import { defineEntity, p } from "@mikro-orm/core";
import { systemPolicy } from "./tenancy.ts";

/** A person's authenticator app; its secret is sealed by the key ring. People belong to no one tenant. */
export const TotpFactor = defineEntity({
  name: "TotpFactor",
  tableName: "totp_factors",
  schema: "auth",
  properties: {
    userId: p.uuid().primary(),
    masterKeyId: p.text(),
    sealedSecret: p.blob(),
    /** Null until its first code was shown. */
    confirmedAt: p.datetime().nullable(),
    /** Of the code that was used last: it and those before work no more. */
    lastStep: p.bigint("number").default(0),
    createdAt: p.datetime().defaultRaw("now()"),
  },
  policies: systemPolicy(),
});
