import { defineEntity, p, type InferEntity } from "@mikro-orm/core";
import { tenantPolicy } from "./tenancy.ts";

/** One event on its way to one endpoint. Retries that last for days stand here, not in JetStream. */
export const WebhookDelivery = defineEntity({
  name: "WebhookDelivery",
  tableName: "webhook_deliveries",
  schema: "notification",
  properties: {
    id: p.uuid().primary().defaultRaw("gen_random_uuid()"),
    tenantId: p.uuid(),
    endpointId: p.uuid(),
    eventId: p.uuid(),
    eventType: p.text(),
    body: p.text(),
    status: p.enum(["pending", "delivered", "exhausted"] as const).default("pending"),
    attempts: p.integer().default(0),
    nextAttemptAt: p.datetime().nullable(),
    /** Until when the node that attempts it now has it to itself. */
    claimedUntil: p.datetime().nullable(),
    lastStatus: p.integer().nullable(),
    lastError: p.text().nullable(),
    createdAt: p.datetime().defaultRaw("now()"),
    deliveredAt: p.datetime().nullable(),
  },
  /** Also the order of an endpoint's list: event ids are UUIDs of version 7. */
  uniques: [{ properties: ["endpointId", "eventId"] }],
  indexes: [{ name: "webhook_deliveries_due", properties: ["endpointId", "nextAttemptAt"], where: "status = 'pending'" }],
  policies: tenantPolicy(),
});
export type WebhookDeliveryRow = InferEntity<typeof WebhookDelivery>;
