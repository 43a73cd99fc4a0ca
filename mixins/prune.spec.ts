import { afterAll, beforeAll, expect, it } from "@jest/globals";
import { randomUUID } from "node:crypto";
import { testDatabase, type TestDatabase } from "../test/database.ts";
import type { Database } from "./database.ts";
import { claimFirst, finish, nextMessage, releaseIdle, renew, tell } from "./mailbox.ts";
import { prune } from "./prune.ts";

const tenant = randomUUID();
let database: TestDatabase;
let db: Database;
beforeAll(async () => {
  database = await testDatabase();
  db = await database.open("ai");
});
afterAll(() => database.drop());

const count = async (table: string, where = "true") =>
  Number((await database.admin.query<{ count: string }>(`select count(*) from ai.${table} where ${where}`)).rows[0]!.count);

it("removes what is outdated of a schema's tables, part by part, and nothing that is still asked for", async () => {
  const { admin } = database;
  // Days ago; more than one statement removes at once.
  await admin.query(
    `insert into ai.inbox (consumer, event_id, tenant_id, created_at)
     select 'c', gen_random_uuid(), $1, now() - case when i <= 12000 then 15 else 13 end * interval '1 day' from generate_series(1, 12500) i`,
    [tenant],
  );
  await admin.query(
    `insert into ai.idempotency_keys (tenant_id, action, key, request_hash, created_at)
     select $1, 'a', 'key ' || days, '', now() - days * interval '1 day' from unnest(array[1, 6, 8, 30]) days`,
    [tenant],
  );
  await admin.query(
    `insert into ai.actor_messages (key, tenant_id, message_id, type, body, created_at, done_at)
     select 'actor', $1, 'message ' || days || coalesce(done, '-'), 't', '{}', now() - days * interval '1 day', case when done is not null then now() - days * interval '1 day' end
     from unnest(array[1, 8, 90]) days, unnest(array['done', null]) done`,
    [tenant],
  );
  expect(await prune(db)).toBe(12_000 + 2 + 2);
  expect(await count("inbox")).toBe(500);
  expect(await count("idempotency_keys")).toBe(2);
  expect({ all: await count("actor_messages"), waiting: await count("actor_messages", "done_at is null") }).toEqual({ all: 4, waiting: 3 });
  expect(await prune(db)).toBe(0);
});

it("is left to one node at a time", async () => {
  await database.admin.query(
    `insert into ai.inbox (consumer, event_id, tenant_id, created_at) values ('d', gen_random_uuid(), $1, now() - interval '15 days')`,
    [tenant],
  );
  await database.admin.query("begin; select pg_advisory_xact_lock(hashtext('ai prune'))");
  expect(await prune(db)).toBe(0);
  await database.admin.query("commit");
  expect(await prune(db)).toBe(1);
});

const letter = (key: string) => ({ tenantId: tenant, kind: "spec", key, messageId: randomUUID(), type: "t" });
const actors = async () =>
  (
    await database.admin.query<{ key: string; pending: number }>(
      `select key, pending::int as pending from ai.actors where tenant_id = $1 order by key`,
      [tenant],
    )
  ).rows;
/** Has an actor deal with all its letters and rest since so many days. @returns the epoch of its lease */
async function rest(key: string, days: number): Promise<number> {
  await db.system((em) => tell(em, "ai", letter(key)));
  const { epoch } = (await db.system((em) => claimFirst(em, "ai", [key], "a node", 3_000)))!;
  const message = (await db.system((em) => nextMessage(em, "ai", key)))!;
  await db.system((em) => finish(em, "ai", key, message.id));
  expect(await db.system((em) => releaseIdle(em, "ai", key, epoch))).toBe(true);
  await database.admin.query(`update ai.actors set lease_until = now() - $2 * interval '1 day' where key = $1`, [key, days]);
  return epoch;
}

it("removes actors that have rested for a week, and those whose owner died after the last letter, but none with mail", async () => {
  await database.admin.query(`delete from ai.actor_messages`);
  await rest("idle", 8);
  await rest("new", 6);
  await rest("left", 8);
  await database.admin.query(`update ai.actors set owner = 'a dead node' where key = 'left'`);
  await rest("woken", 30);
  await db.system((em) => tell(em, "ai", letter("woken")));
  await prune(db);
  expect(await actors()).toEqual([
    { key: "new", pending: 0 },
    { key: "woken", pending: 1 },
  ]);
});

it("loses no letter that comes while an actor's row is removed, and lets nobody hold a lease from before", async () => {
  const keys = Array.from({ length: 40 }, (_, i) => `busy-${String(i).padStart(2, "0")}`);
  const epochs = new Map<string, number>();
  for (const key of keys) epochs.set(key, await rest(key, 8));
  // Every other letter is half written while the rows go; all others race with them.
  const held = keys.filter((_, i) => i % 2 === 0);
  let go = () => {};
  const gone = new Promise<void>((resolve) => (go = resolve));
  const sending = held.slice(0, 5).map((key) =>
    db.system(async (em) => {
      await tell(em, "ai", letter(key));
      await gone;
    }),
  );
  const racing = keys.filter((key) => !held.slice(0, 5).includes(key)).map((key) => db.system((em) => tell(em, "ai", letter(key))));
  await Promise.all([prune(db), prune(db), ...racing]);
  go();
  await Promise.all(sending);
  expect((await actors()).filter(({ key }) => keys.includes(key))).toEqual(keys.map((key) => ({ key, pending: 1 })));
  for (const key of keys) {
    expect(await db.system((em) => renew(em, "ai", key, epochs.get(key)!, 3_000))).toBe(false);
    expect(await db.system((em) => claimFirst(em, "ai", [key], "another node", 3_000))).toBeDefined();
    expect(await db.system((em) => nextMessage(em, "ai", key))).toMatchObject({ attempts: 1 });
  }
});

it("removes events of PayPal's that were given up half a year ago, but not while one is being replayed", async () => {
  const payment = await database.open("payment");
  const event = async (state: string, days: number) => {
    const id = randomUUID();
    await database.admin.query(
      `insert into payment.webhook_inbox (id, tenant_id, account_id, event_id, type, resource_type, subject, body, proved_by, state, event_at, received_at)
       values ($1, $2, $2, $3, 'T', 't', 's', '', 'signature', $4, now(), now() - $5 * interval '1 day')`,
      [id, tenant, randomUUID(), state, days],
    );
    return id;
  };
  const [, replayed, ...left] = [await event("dead", 181), await event("dead", 181), await event("dead", 179), await event("waiting", 400)];
  const ids = async () =>
    (await database.admin.query<{ id: string }>(`select id from payment.webhook_inbox where tenant_id = $1`, [tenant])).rows.map(
      ({ id }) => id,
    );
  await database.admin.query("begin");
  await database.admin.query(`update payment.webhook_inbox set state = 'received' where id = $1`, [replayed]);
  await prune(payment);
  await database.admin.query("commit");
  await prune(payment);
  expect((await ids()).sort()).toEqual([replayed, ...left].sort());
});
