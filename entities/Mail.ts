import { defineEntity, p } from "@mikro-orm/core";
import { tenantPolicy } from "./tenancy.ts";

/** One mail on its way. What it says is kept sealed while it may still be sent, and not at all afterwards. */
export const Mail = defineEntity({
  name: "Mail",
  tableName: "mails",
  schema: "notification",
  properties: {
    id: p.uuid().primary(),
    tenantId: p.uuid(),
    template: p.text(),
    recipient: p.text(),
    masterKeyId: p.text().nullable(),
    wrappedKey: p.blob().nullable(),
    sealedData: p.blob().nullable(),
    /** undelivered: a dead letter, which an operator may send again while its data is there. */
    status: p.enum(["pending", "sent", "undelivered"] as const).default("pending"),
    attempts: p.integer().default(0),
    nextAttemptAt: p.datetime().nullable(),
    /** After this it is not worth sending any more. */
    worthUntil: p.datetime(),
    /** Until when the node that attempts it now has it to itself. */
    claimedUntil: p.datetime().nullable(),
    /** The mail server's last reply code. */
    lastCode: p.integer().nullable(),
    lastError: p.text().nullable(),
    createdAt: p.datetime().defaultRaw("now()"),
    endedAt: p.datetime().nullable(),
  },
  indexes: [
    { name: "mails_due", properties: ["nextAttemptAt"], where: "status = 'pending'" },
    { properties: ["tenantId", "status", "createdAt"] },
    { name: "mails_ended", properties: ["endedAt"], where: "status <> 'pending'" },
  ],
  policies: tenantPolicy(),
});
