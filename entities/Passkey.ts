import { defineEntity, p } from "@mikro-orm/core";
import { systemPolicy } from "./tenancy.ts";

/** A person's passkey: the public half; the private one never leaves the authenticator. */
export const Passkey = defineEntity({
  name: "Passkey",
  tableName: "passkeys",
  schema: "auth",
  properties: {
    id: p.uuid().primary(),
    userId: p.uuid().index(),
    /** Base64url, of the authenticator's making. */
    credentialId: p.text().unique(),
    publicKey: p.blob(),
    /** Of its signatures: one that falls comes of a copy. */
    counter: p.bigint("number"),
    transports: p.array<string>(),
    name: p.text(),
    aaguid: p.text(),
    /** Whether its owner's other devices may have it, too. */
    synced: p.boolean(),
    createdAt: p.datetime().defaultRaw("now()"),
    lastUsedAt: p.datetime().nullable(),
  },
  policies: systemPolicy(),
});
