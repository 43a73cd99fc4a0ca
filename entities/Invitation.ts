import { defineEntity, p } from "@mikro-orm/core";
import { tenantPolicy } from "./tenancy.ts";

/** An invitation into an organisation, for one address. Of the token in the mail only a hash is kept. */
export const Invitation = defineEntity({
  name: "Invitation",
  tableName: "invitations",
  schema: "auth",
  properties: {
    id: p.uuid().primary().defaultRaw("gen_random_uuid()"),
    tenantId: p.uuid(),
    /** Lower case. */
    email: p.string().length(255),
    role: p.text(),
    tokenHash: p.blob().unique(),
    invitedBy: p.uuid().nullable(),
    /** How often it was sent, and when last; the number makes each mail one of its own. */
    sent: p.integer().default(0),
    sentAt: p.datetime().nullable(),
    createdAt: p.datetime().defaultRaw("now()"),
    expiresAt: p.datetime(),
    acceptedAt: p.datetime().nullable(),
    revokedAt: p.datetime().nullable(),
  },
  indexes: [
    { properties: ["tenantId", "createdAt", "id"] },
    {
      name: "invitations_open",
      expression: `create unique index "invitations_open" on "auth"."invitations" ("tenant_id", "email") where accepted_at is null and revoked_at is null`,
    },
  ],
  policies: tenantPolicy(),
});
