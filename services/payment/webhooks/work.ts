import { platform } from "../../../config/permissions.ts";
import { failureType, messageOf } from "../../../config/errors.ts";
import { ReceivedEvent, type ReceivedEventRow } from "../../../entities/ReceivedEvent.ts";
import type { ActorKind, Queue } from "../../../mixins/actor.ts";
import { rows, type Em } from "../../../mixins/database.ts";
import type { Till } from "../till.ts";
import { readEnvelope } from "./envelope.ts";
import type { Handle, Handled } from "./event.ts";
import { askFor, actorKind } from "./keep.ts";
import { subjectOf } from "./subject.ts";

/** Events of different payments that one node deals with at the same time, and of one organisation's in the whole cluster. */
const slots = 8;
const slotsOfOne = 4;

/** Waits before each further attempt, seconds: soon at first, then ever less often, for three days in all. */
const waits = [2, 5, 15, 60, 300, 900, 3_600, 7_200, 14_400, 28_800, 43_200, 86_400, 86_400];

type Outcome = { state: Handled } | { state: "failed"; error: unknown };

/**
 * Deals with kept events, one at a time per payment, on any node. What comes of an event is written down in the transaction that takes its
 * letter away. One that waits or fails leaves the others through: it gets a letter of its own later.
 */
export function webhookActor(till: Till, handlerOf: (type: string) => Handle | undefined): ActorKind {
  return {
    kind: actorKind,
    slots,
    queue: fairly,
    async receive({ body }, lease) {
      const { id } = body as { id: string };
      const event = await lease.commit((em) => begin(em, id));
      if (!event) return;
      const outcome = await deal(till, handlerOf(event.type), event);
      return (em) => finish(em, id, outcome);
    },
    async giveUp({ body }, error, _tenantId, _key, em) {
      const event = await em.findOne(ReceivedEvent, { id: (body as { id: string }).id });
      if (event) bury(event, error);
    },
  };
}

/** Null when nothing is left to do. */
async function begin(em: Em, id: string): Promise<ReceivedEventRow | null> {
  const event = await em.findOne(ReceivedEvent, { id });
  if (!event || event.finishedAt || event.state === "dead") return null;
  event.state = "processing";
  event.nextAttemptAt = null;
  event.attempts++;
  return event;
}

async function deal(till: Till, handle: Handle | undefined, event: ReceivedEventRow): Promise<Outcome> {
  if (!handle) return { state: "ignored" };
  // Of the platform's account, and nobody knows yet whose it is: `adopt` looks again before each attempt.
  if (event.tenantId === platform) return { state: "waits" };
  try {
    const { type, resourceType, resource, at, eventId } = readEnvelope(Buffer.from(event.body));
    return { state: await handle(till, { id: eventId, tenantId: event.tenantId, type, resourceType, resource, createdAt: at }) };
  } catch (error) {
    return { state: "failed", error };
  }
}

async function finish(em: Em, id: string, outcome: Outcome): Promise<void> {
  const event = await em.findOneOrFail(ReceivedEvent, { id });
  const { state } = outcome;
  event.errorType = event.errorMessage = null;
  if (state === "done" || state === "ignored") {
    event.state = state;
    event.finishedAt = new Date();
    return;
  }
  const error = state === "failed" ? outcome.error : "There is nothing here that it could be about.";
  const wait = waits[event.attempts - 1];
  if (wait === undefined) return bury(event, error);
  event.state = "waiting";
  event.nextAttemptAt = new Date(Date.now() + wait * 1_000);
  note(event, error);
}

function bury(event: ReceivedEventRow, error: unknown): void {
  event.state = "dead";
  event.nextAttemptAt = null;
  note(event, error);
}

function note(event: ReceivedEventRow, error: unknown): void {
  event.errorType = typeof error === "string" ? "UNMATCHED" : failureType(error);
  event.errorMessage = (typeof error === "string" ? error : messageOf(error)).slice(0, 1_000);
}

/**
 * Has those dealt with that have waited long enough.
 * @returns how many
 */
export async function wakeWaiting({ db }: Till, limit = 200): Promise<number> {
  return await db.system(async (em) => {
    // Another node may be at it: each takes what the other has not locked.
    const due = await rows<{ id: string }>(
      em,
      `select id from payment.webhook_inbox where next_attempt_at <= now() order by next_attempt_at limit ? for update skip locked`,
      [limit],
    );
    const events = await em.find(ReceivedEvent, { id: { $in: due.map(({ id }) => id) } });
    for (const event of events) {
      await adopt(em, event);
      event.nextAttemptAt = null;
      await em.flush();
      await askFor(em, event);
    }
    return events.length;
  });
}

/** Gives an event that nobody knew the owner of to its organisation, once it is there. */
async function adopt(em: Em, event: ReceivedEventRow): Promise<void> {
  if (event.tenantId !== platform) return;
  const { eventId, resourceType, resource } = readEnvelope(Buffer.from(event.body));
  const found = await subjectOf(em, { eventId, resourceType, resource });
  if (!found.tenantId) return;
  event.tenantId = found.tenantId;
  event.subject = found.key;
}

/** An organisation whose PayPal is slow has some of the slots busy, never all of them. */
const fairly: Queue = {
  async choose(em) {
    const found = await rows<{ key: string }>(
      em,
      `select key from payment.actors a
       where kind = ? and pending > 0 and (lease_until is null or lease_until < now())
         and (select count(*) from payment.actors b where b.kind = a.kind and b.tenant_id = a.tenant_id and b.pending > 0 and b.owner is not null and b.lease_until >= now()) < ?
       order by lease_until nulls first limit ?`,
      [actorKind, slotsOfOne, slots],
    );
    return found.map(({ key }) => key);
  },
  crowded: () => Promise.resolve(new Set()),
  left: () => Promise.resolve(),
};
