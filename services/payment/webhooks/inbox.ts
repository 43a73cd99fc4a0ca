import { LockMode } from "@mikro-orm/postgresql";
import type { Page } from "../../../config/action.ts";
import type { WebhookState } from "../../../config/states.ts";
import { errors } from "../../../config/errors.ts";
import { ReceivedEvent, type ReceivedEventRow } from "../../../entities/ReceivedEvent.ts";
import type { Database } from "../../../mixins/database.ts";
import { decodeCursor, encodeCursor, pageOf } from "../../../mixins/page.ts";
import { askFor } from "./keep.ts";

/** An event of PayPal's as its organisation sees it. */
export interface ShownEvent {
  id: string;
  /** PayPal's. */
  eventId: string;
  type: string;
  accountId: string;
  /** E.g. "payment:<uuid>". */
  about: string;
  state: WebhookState;
  provedBy: "signature" | "paypal" | "list";
  attempts: number;
  nextAttemptAt: string | null;
  error: { type: string; message: string } | null;
  eventAt: string;
  receivedAt: string;
  finishedAt: string | null;
}

export interface WholeEvent extends ShownEvent {
  headers: Record<string, string> | null;
  /** The text that was signed. */
  body: string;
}

const shown = (event: ReceivedEventRow): ShownEvent => ({
  id: event.id,
  eventId: event.eventId,
  type: event.type,
  accountId: event.accountId,
  about: event.subject,
  state: event.state,
  provedBy: event.provedBy,
  attempts: event.attempts,
  nextAttemptAt: event.nextAttemptAt?.toISOString() ?? null,
  error: event.errorType ? { type: event.errorType, message: event.errorMessage ?? "" } : null,
  eventAt: event.eventAt.toISOString(),
  receivedAt: event.receivedAt.toISOString(),
  finishedAt: event.finishedAt?.toISOString() ?? null,
});

export interface EventFilter {
  state?: WebhookState;
  about?: string;
  limit?: number;
  cursor?: string;
}

/** The organisation's events, those that came last first. */
export async function listEvents(
  db: Database,
  clusterSecret: string,
  tenantId: string,
  { limit = 50, cursor, state, about }: EventFilter,
): Promise<Page<ShownEvent>> {
  const scope = ["paypal events", tenantId, state ?? null, about ?? null];
  const from = decodeCursor(clusterSecret, scope, cursor);
  const found = await db.tenant(tenantId, (em) =>
    em.find(
      ReceivedEvent,
      { tenantId, ...(state && { state }), ...(about && { subject: about }), ...(from && { id: { $lt: String(from.after[0]) } }) },
      { orderBy: { id: "desc" }, limit: limit + 1, exclude: ["body", "headers"] },
    ),
  );
  return pageOf(found as ReceivedEventRow[], limit, from !== undefined, shown, ({ id }) =>
    encodeCursor(clusterSecret, scope, { after: [id] }),
  );
}

const missing = (id: string) => errors.paypalEventNotFound("There is no such event of PayPal's.", { id });

/** @throws PAYPAL_EVENT_NOT_FOUND, also for another organisation's */
export async function readEvent(db: Database, tenantId: string, id: string): Promise<WholeEvent> {
  const event = await db.tenant(tenantId, (em) => em.findOne(ReceivedEvent, { tenantId, id }));
  if (!event) throw missing(id);
  return { ...shown(event), headers: event.headers ?? null, body: Buffer.from(event.body).toString() };
}

/**
 * Has an event dealt with again from the beginning, whatever became of it: what it did already it does not do twice.
 * @throws PAYPAL_EVENT_NOT_FOUND, also for another organisation's
 */
export async function replayEvent(db: Database, tenantId: string, id: string): Promise<ShownEvent> {
  return await db.tenant(tenantId, async (em) => {
    const event = await em.findOne(ReceivedEvent, { tenantId, id }, { lockMode: LockMode.PESSIMISTIC_WRITE });
    if (!event) throw missing(id);
    event.state = "received";
    event.finishedAt = event.nextAttemptAt = event.errorType = event.errorMessage = null;
    event.attempts = 0;
    await em.flush();
    await askFor(em, event);
    return shown(event);
  });
}
