import { defineEntity, p } from "@mikro-orm/core";
import { systemPolicy } from "./tenancy.ts";

/** What a ceremony of two requests remembers between them: a sign-in that waits for its second factor, a passkey that is made or used. */
export const Challenge = defineEntity({
  name: "Challenge",
  tableName: "challenges",
  schema: "auth",
  properties: {
    id: p.uuid().primary(),
    tokenHash: p.blob().unique(),
    purpose: p.enum(["sign-in", "passkey-sign-in", "passkey-registration", "step-up"] as const),
    userId: p.uuid().nullable(),
    /** Base64url; what a passkey has to sign. */
    challenge: p.text(),
    /** What was asked for at sign-in, and how it was proved so far. */
    signIn: p.json().nullable(),
    expiresAt: p.datetime().index(),
  },
  policies: systemPolicy(),
});
