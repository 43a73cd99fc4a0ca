import { defineEntity, p, type InferEntity } from "@mikro-orm/core";
import { tenantPolicy } from "./tenancy.ts";

/** A tenant's URL that wants to hear of events, with its signing secret sealed. */
export const WebhookEndpoint = defineEntity({
  name: "WebhookEndpoint",
  tableName: "webhook_endpoints",
  schema: "notification",
  properties: {
    /** UUID of version 7. */
    id: p.uuid().primary(),
    tenantId: p.uuid(),
    url: p.text(),
    /** Event types, or "*" for all. */
    events: p.array<string>(),
    masterKeyId: p.text(),
    sealedSecret: p.blob(),
    enabled: p.boolean().default(true),
    createdAt: p.datetime().defaultRaw("now()"),
  },
  indexes: [{ properties: ["tenantId", "id"] }],
  policies: tenantPolicy(),
});
export type WebhookEndpointRow = InferEntity<typeof WebhookEndpoint>;
