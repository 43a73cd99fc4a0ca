import { defineEntity, p } from "@mikro-orm/core";
import { systemPolicy } from "./tenancy.ts";

/** A code that stands for a lost second factor, once; only a keyed hash is kept. */
export const RecoveryCode = defineEntity({
  name: "RecoveryCode",
  tableName: "recovery_codes",
  schema: "auth",
  properties: {
    userId: p.uuid().primary(),
    codeHash: p.blob().primary(),
    usedAt: p.datetime().nullable(),
    createdAt: p.datetime().defaultRaw("now()"),
  },
  policies: systemPolicy(),
});
