import type { DomainEvent } from "../../config/events.ts";
import type { Subscription } from "../../mixins/consumer.ts";
import { rows, type Em } from "../../mixins/database.ts";
import { isAboutDelivery } from "./topics.ts";

/** PostgreSQL channel that says: something has become due. */
export const dueChannel = "notification_due";

/** Tells the dispatchers of all nodes, when and if this transaction commits. */
export const announceDue = (em: Em) => em.execute(`select pg_notify('${dueChannel}', '')`);

/** What a receiver gets, as Standard Webhooks has it. The text is made once: it is what all attempts sign. */
export const bodyOf = (event: DomainEvent): string => JSON.stringify({ type: event.type, timestamp: event.at, data: event.data });

/**
 * Writes one delivery for each of the tenant's endpoints that wants the event; a repeat writes nothing more.
 */
export async function fanOut(em: Em, event: DomainEvent): Promise<void> {
  // The share lock makes a removal wait, so that it also finds the deliveries written here.
  const written = await rows(
    em,
    `insert into notification.webhook_deliveries (tenant_id, endpoint_id, event_id, event_type, body, next_attempt_at)
     select tenant_id, id, ?, ?, ?, now() from (
       select tenant_id, id from notification.webhook_endpoints
       where tenant_id = ? and enabled and (? = any(events) or ? and '*' = any(events))
       for share
     ) endpoint
     on conflict (endpoint_id, event_id) do nothing returning id`,
    [event.id, event.type, bodyOf(event), event.tenantId, event.type, !isAboutDelivery(event.type)],
  );
  if (written.length) await announceDue(em);
}

/** All events of all tenants, each fanned out in its tenant's transaction. */
export const webhookSubscription: Subscription = { name: "webhooks", type: "*", concurrency: 8, commit: (em, event) => fanOut(em, event) };
