import { defineEntity, p } from "@mikro-orm/core";
import { systemPolicy } from "./tenancy.ts";

/** A link that was mailed to a person and works once; only the hash of its token is kept. */
export const Link = defineEntity({
  name: "Link",
  tableName: "links",
  schema: "auth",
  properties: {
    id: p.uuid().primary(),
    userId: p.uuid(),
    purpose: p.enum(["password", "address"] as const),
    /** The address that it went to. */
    email: p.string().length(255),
    tokenHash: p.blob().unique(),
    createdAt: p.datetime().defaultRaw("now()"),
    expiresAt: p.datetime(),
    usedAt: p.datetime().nullable(),
  },
  indexes: [{ properties: ["userId", "purpose"] }, { properties: ["expiresAt"] }],
  policies: systemPolicy(),
});
