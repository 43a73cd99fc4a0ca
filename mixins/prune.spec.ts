import { afterAll, beforeAll, expect, it } from "@jest/globals";
import { randomUUID } from "node:crypto";
import { testDatabase, type TestDatabase } from "../test/database.ts";
import type { Database } from "./database.ts";
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
