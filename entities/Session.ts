import { defineEntity, p } from "@mikro-orm/core";
import { tenantPolicy } from "./tenancy.ts";

/** A person signed in on a device, and the family of refresh tokens by which that lasts: the record of what Redis holds for speed. */
export const Session = defineEntity({
  name: "Session",
  tableName: "sessions",
  schema: "auth",
  properties: {
    id: p.uuid().primary(),
    userId: p.uuid(),
    /** The organisation it works for. */
    tenantId: p.uuid(),
    /** RFC 8176: how the person proved who they are, and when. */
    methods: p.array<string>(),
    authenticatedAt: p.datetime().defaultRaw("now()"),
    device: p.text().nullable(),
    userAgent: p.text().nullable(),
    address: p.text().nullable(),
    createdAt: p.datetime().defaultRaw("now()"),
    lastSeenAt: p.datetime().defaultRaw("now()"),
    expiresAt: p.datetime(),
    endedAt: p.datetime().nullable(),
    endReason: p.enum(["signed_out", "revoked", "password", "reuse", "idle", "deactivated"] as const).nullable(),
    /** Of the newest refresh token; its hash is `tokenHash`. */
    generation: p.integer().default(1),
    tokenHash: p.blob(),
    /** The token before, and the newest one sealed for who holds that. */
    previousHash: p.blob().nullable(),
    sealedChild: p.blob().nullable(),
    rotatedAt: p.datetime().nullable(),
    /** Hash of the client that got the newest token. */
    rotatedFor: p.blob().nullable(),
  },
  indexes: [{ properties: ["userId", "expiresAt"] }, { properties: ["tenantId", "userId"] }, { properties: ["expiresAt"] }],
  policies: tenantPolicy(),
});
