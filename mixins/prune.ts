import type { SchemaName } from "../config/names.ts";
import { row, type Database } from "./database.ts";

/** Rows that nobody will ask for any more. */
interface Outdated {
  /** Without its schema. */
  table: string;
  /** SQL of a condition on its rows. */
  where: string;
}

/** Rows removed per statement, and statements per table and pass: a pass ends, however much there is, and the next goes on. */
const atOnce = 5_000;
const statements = 20;

/** Of the tables that every service with durable work has. Inboxes outlive what JetStream may deliver again (seven days), by as much. */
const durable: Outdated[] = [
  { table: "inbox", where: "created_at < now() - interval '14 days'" },
  { table: "idempotency_keys", where: "created_at < now() - interval '7 days'" },
  { table: "actor_messages", where: "done_at < now() - interval '7 days'" },
  // At rest, or left by an owner that died after its last letter. Null is from before rest was noted.
  { table: "actors", where: "pending = 0 and (lease_until is null or lease_until < now() - interval '7 days')" },
];

/** Of single services. A day more than what the OpenID provider keeps lasts: a code or token that is used twice is told from an unknown one. A dead letter among the mails can be sent again for a month; of others nobody asks. A dead event of PayPal's can be dealt with again as long as a payment can be refunded. */
const own: Partial<Record<SchemaName, Outdated[]>> = {
  auth: [
    { table: "challenges", where: "expires_at < now()" },
    { table: "oidc_records", where: "expires_at < now() - interval '1 day'" },
    { table: "revocations", where: "at < now() - interval '1 day'" },
    { table: "links", where: "expires_at < now() - interval '7 days'" },
    { table: "sessions", where: "coalesce(ended_at, expires_at) < now() - interval '90 days'" },
  ],
  payment: [
    { table: "webhook_inbox", where: "finished_at < now() - interval '90 days'" },
    { table: "webhook_inbox", where: "state = 'dead' and received_at < now() - interval '180 days'" },
  ],
  notification: [{ table: "mails", where: "status <> 'pending' and ended_at < now() - interval '30 days'" }],
};

/**
 * Removes outdated rows, a part at a time. One node at a time per schema: the others find the lock taken and leave.
 * @returns rows removed
 */
export async function prune(database: Database): Promise<number> {
  let removed = 0;
  for (const outdated of [...durable, ...(own[database.schema] ?? [])]) {
    for (let i = 0; i < statements; i++) {
      const count = await removeSome(database, outdated);
      removed += count ?? 0;
      if (count === undefined) return removed;
      if (count < atOnce) break;
    }
  }
  return removed;
}

/** @returns undefined when another node is at it */
function removeSome(database: Database, { table, where }: Outdated): Promise<number | undefined> {
  const { schema } = database;
  return database.system(async (em) => {
    const lock = await row<{ mine: boolean }>(em, `select pg_try_advisory_xact_lock(hashtext(?)) as mine`, [`${schema} prune`]);
    if (!lock?.mine) return undefined;
    const done = await row<{ count: number }>(em, removal(schema, table, where));
    return done?.count ?? 0;
  });
}

/** What somebody works on right now (a letter that is being put into an idle mailbox, an event that is being replayed) is outdated no more. */
const removal = (schema: SchemaName, table: string, where: string) =>
  `with removed as (
     delete from ${schema}.${table} where ctid = any(array(select ctid from ${schema}.${table} where ${where} limit ${atOnce} for update skip locked)) returning 1
   )
   select count(*)::int as count from removed`;
