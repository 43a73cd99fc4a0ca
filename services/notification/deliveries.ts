import { rows, row, type Em } from "../../mixins/database.ts";
import { appendEvent } from "../../mixins/events.ts";
import type { Outcome } from "./deliver.ts";
import type { Schedule } from "./schedule.ts";
import { isAboutDelivery } from "./topics.ts";

/** A delivery that this node has to itself until its claim runs out. */
export interface Claimed {
  id: string;
  tenant_id: string;
  endpoint_id: string;
  event_id: string;
  event_type: string;
  body: string;
  /** This attempt's number, from 1. Only the holder of the latest one may record a failure. */
  attempts: number;
  url: string;
  enabled: boolean;
  master_key_id: string;
  sealed_secret: Buffer;
}

/**
 * Claims due deliveries, oldest first, of any tenant. The attempt is counted here, before it is made: a delivery that kills its node
 * runs out of attempts like any other.
 * @param busy how many each endpoint already has in flight on this node
 * @param perEndpoint the most of one endpoint in flight: a slow receiver holds up its own messages alone
 */
export function claimDue(
  em: Em,
  limit: number,
  perEndpoint: number,
  busy: ReadonlyMap<string, number>,
  claimMs: number,
): Promise<Claimed[]> {
  return rows<Claimed>(
    em,
    `update notification.webhook_deliveries delivery
     set attempts = delivery.attempts + 1, claimed_until = now() + ? * interval '1 millisecond'
     from (
       select due.id, endpoint.url, endpoint.enabled, endpoint.master_key_id, endpoint.sealed_secret
       from notification.webhook_endpoints endpoint
       left join jsonb_each_text(?::jsonb) busy on busy.key = endpoint.id::text
       cross join lateral (
         select id, next_attempt_at from notification.webhook_deliveries
         where endpoint_id = endpoint.id and status = 'pending' and next_attempt_at <= now() and coalesce(claimed_until < now(), true)
         order by next_attempt_at
         limit greatest(0, ? - coalesce(busy.value::int, 0))
         for update skip locked
       ) due
       order by due.next_attempt_at
       limit ?
     ) mine
     where delivery.id = mine.id
     returning delivery.id, delivery.tenant_id, delivery.endpoint_id, delivery.event_id, delivery.event_type, delivery.body,
       delivery.attempts, mine.url, mine.enabled, mine.master_key_id, mine.sealed_secret`,
    [claimMs, JSON.stringify(Object.fromEntries(busy)), perEndpoint, limit],
  );
}

/** Hands a claim back that was given up before its end, e.g. because the node stops: another node may try at once. */
export async function release(em: Em, claimed: Claimed): Promise<void> {
  await em.execute(
    `update notification.webhook_deliveries set claimed_until = null, attempts = attempts - 1
     where id = ? and attempts = ? and status = 'pending'`,
    [claimed.id, claimed.attempts],
    "run",
  );
}

/**
 * Records how an attempt ended, with its event. 410 turns the endpoint off; a delivery of an endpoint that is off ends.
 * Does nothing when the delivery was removed, or taken over by another node that is not done yet and this attempt failed.
 */
export async function record(em: Em, claimed: Claimed, outcome: Outcome, schedule: Schedule): Promise<void> {
  if (outcome.ok) return await recordDelivered(em, claimed, outcome);
  const gone = outcome.status === 410;
  if (gone) await em.execute(`update notification.webhook_endpoints set enabled = false where id = ?`, [claimed.endpoint_id], "run");
  const wait = gone || !claimed.enabled ? null : schedule(claimed.attempts, outcome.retryAfterMs);
  const recorded = await row(
    em,
    `update notification.webhook_deliveries
     set status = ?, next_attempt_at = now() + ?::float8 * interval '1 millisecond', claimed_until = null, last_status = ?, last_error = ?
     where id = ? and status = 'pending' and attempts = ? returning id`,
    [wait === null ? "exhausted" : "pending", wait, outcome.status, outcome.error, claimed.id, claimed.attempts],
  );
  if (recorded && wait === null && !isAboutDelivery(claimed.event_type)) {
    await appendEvent(em, "notification", {
      ...aggregate(claimed),
      type: "notification.exhausted",
      data: { deliveryId: claimed.id, eventId: claimed.event_id, attempts: claimed.attempts, error: outcome.error ?? "" },
    });
  }
}

async function recordDelivered(em: Em, claimed: Claimed, outcome: Outcome): Promise<void> {
  // Delivered is delivered, also when another node has claimed it meanwhile; that one's failure then finds nothing pending.
  const recorded = await row(
    em,
    `update notification.webhook_deliveries
     set status = 'delivered', delivered_at = now(), next_attempt_at = null, claimed_until = null, last_status = ?, last_error = null
     where id = ? and status = 'pending' returning id`,
    [outcome.status, claimed.id],
  );
  if (recorded && !isAboutDelivery(claimed.event_type)) {
    await appendEvent(em, "notification", {
      ...aggregate(claimed),
      type: "notification.delivered",
      data: { deliveryId: claimed.id, eventId: claimed.event_id, attempts: claimed.attempts },
    });
  }
}

const aggregate = (claimed: Claimed) => ({ tenantId: claimed.tenant_id, stream: `delivery:${claimed.id}`, actor: "service:notification" });
