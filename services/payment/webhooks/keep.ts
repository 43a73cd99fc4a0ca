import { v7 as uuidv7 } from "uuid";
import { platform } from "../../../config/permissions.ts";
import type { PaypalAccountRow } from "../../../entities/PaypalAccount.ts";
import type { ReceivedEventRow } from "../../../entities/ReceivedEvent.ts";
import { row, type Database, type Em } from "../../../mixins/database.ts";
import { tell } from "../../../mixins/mailbox.ts";
import type { Envelope } from "./envelope.ts";
import { subjectOf } from "./subject.ts";

type Letter = Pick<ReceivedEventRow, "id" | "tenantId" | "accountId" | "subject">;

/** Kind of the actors that deal with events. */
export const actorKind = "webhook";

/** The mailbox of what an event is about. Each organisation and account has its own: what one tells can't hold up what another does. */
const mailboxOf = ({ accountId, tenantId, subject }: Letter) => `webhook:${accountId}:${tenantId}:${subject}`;

/** Has an event dealt with, in its turn. Each time is a letter of its own: callers hold the event's row, so none is sent twice. */
export const askFor = (em: Em, event: Letter) =>
  tell(em, "payment", {
    tenantId: event.tenantId,
    kind: actorKind,
    key: mailboxOf(event),
    messageId: `webhook:${event.id}:${uuidv7()}`,
    type: "event",
    body: { id: event.id },
  });

/**
 * Keeps a verified event, once, with the letter that has it dealt with: both or neither.
 * @returns whether it was new
 */
export async function keepEvent(
  db: Database,
  account: Pick<PaypalAccountRow, "id" | "tenantId">,
  { eventId, type, resourceType, resource, at }: Envelope,
  proof: Pick<ReceivedEventRow, "body" | "headers" | "provedBy">,
): Promise<boolean> {
  const found = await db.system((em) => subjectOf(em, { eventId, resourceType, resource }));
  const tenantId = account.tenantId === platform ? (found.tenantId ?? platform) : account.tenantId;
  const id = uuidv7();
  return await db.tenant(tenantId, async (em) => {
    const fresh = await row(
      em,
      `insert into payment.webhook_inbox (id, tenant_id, account_id, event_id, type, resource_type, subject, body, headers, proved_by, event_at)
       values (?, ?, ?, ?, ?, ?, ?, ?, ?::jsonb, ?, ?) on conflict (account_id, event_id) do nothing returning 1`,
      [id, tenantId, account.id, eventId, type, resourceType, found.key, proof.body, JSON.stringify(proof.headers), proof.provedBy, at],
    );
    if (fresh) await askFor(em, { id, tenantId, accountId: account.id, subject: found.key });
    return fresh !== undefined;
  });
}
