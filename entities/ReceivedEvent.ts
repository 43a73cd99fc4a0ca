import { defineEntity, p, type InferEntity } from "@mikro-orm/core";
import { webhookStates } from "../config/states.ts";
import { tenantPolicy } from "./tenancy.ts";

/** An event that PayPal told, as it came. It is kept before PayPal hears that it arrived, and stays until long after it was dealt with. */
export const ReceivedEvent = defineEntity({
  name: "ReceivedEvent",
  tableName: "webhook_inbox",
  schema: "payment",
  properties: {
    /** UUID of version 7. */
    id: p.uuid().primary(),
    /** The platform's as long as nobody knows whose it is. */
    tenantId: p.uuid(),
    accountId: p.uuid(),
    /** PayPal's. */
    eventId: p.string().length(255),
    type: p.text(),
    resourceType: p.text(),
    /** What it is about, e.g. "payment:<uuid>": events of one are dealt with one after the other. */
    subject: p.text(),
    /** The very bytes that were signed. */
    body: p.blob(),
    /** The headers of the delivery; null for what came out of PayPal's list. */
    headers: p.json<Record<string, string>>().nullable(),
    /** What proved it: the signature, PayPal when it was asked about it, or PayPal's own list. */
    provedBy: p.enum(["signature", "paypal", "list"] as const),
    state: p.enum(webhookStates).default("received"),
    attempts: p.integer().default(0),
    nextAttemptAt: p.datetime().nullable(),
    errorType: p.text().nullable(),
    errorMessage: p.text().nullable(),
    /** When PayPal made it. */
    eventAt: p.datetime(),
    receivedAt: p.datetime().defaultRaw("now()"),
    finishedAt: p.datetime().nullable(),
  },
  uniques: [{ properties: ["accountId", "eventId"] }],
  indexes: [
    { properties: ["tenantId", "id"] },
    { properties: ["tenantId", "state", "id"] },
    { name: "webhook_inbox_due", properties: ["nextAttemptAt"], where: "next_attempt_at is not null" },
    { name: "webhook_inbox_finished", properties: ["finishedAt"], where: "finished_at is not null" },
    { name: "webhook_inbox_dead", properties: ["receivedAt"], where: "state = 'dead'" },
  ],
  policies: tenantPolicy(),
});
export type ReceivedEventRow = InferEntity<typeof ReceivedEvent>;
