import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { randomUUID } from "node:crypto";
import { MikroORM } from "@mikro-orm/postgresql";
import pg from "pg";
import { schemas } from "../config/names.ts";
import { migrate } from "../config/migrate.ts";
import { ormOptions } from "../config/orm.ts";
import { adminUrl, testDatabase, type TestDatabase } from "../test/database.ts";
import { rows, type Database, type Em } from "./database.ts";
import { appendEvent } from "./events.ts";
import { keepPartitions } from "./partitions.ts";

const tenant = randomUUID();
const other = randomUUID();
let database: TestDatabase;
let db: Database;
beforeAll(async () => {
  database = await testDatabase();
  db = await database.open("payment");
});
afterAll(() => database.drop());

const months = async (schema = "payment") =>
  (
    await database.admin.query<{ name: string }>(
      `select inhrelid::regclass::text as name from pg_inherits where inhparent = $1::regclass order by 1`,
      [`${schema}.events`],
    )
  ).rows.map(({ name }) => name);
/** `payment.events_2026_11` of so many months from now. */
const monthOf = (offset: number, schema = "payment") => {
  const now = new Date();
  const month = new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + offset, 1));
  return { name: `${schema}.events_${month.toISOString().slice(0, 7).replace("-", "_")}`, start: month.toISOString() };
};
const append = (em: Em, tenantId: string, stream: string) =>
  appendEvent(em, "payment", {
    tenantId,
    type: "payment.created",
    stream,
    data: { paymentId: stream, status: "created", amount: "1.00", currency: "EUR" },
  });

describe("Events by month", () => {
  it("have this month and three more, in every schema, whoever asks and how many at once", async () => {
    for (const schema of schemas) expect(await months(schema)).toEqual([0, 1, 2, 3].map((offset) => monthOf(offset, schema).name));
    await database.admin.query(`drop table ${monthOf(2).name}, ${monthOf(3).name}`);
    await Promise.all(Array.from({ length: 6 }, () => keepPartitions(db, { events: 0 })));
    expect(await months()).toEqual([0, 1, 2, 3].map((offset) => monthOf(offset).name));
  });

  it("number each stream without gaps, however many append to it, each tenant's apart", async () => {
    const appended = await Promise.all(
      Array.from({ length: 24 }, (_, i) => db.tenant(i % 2 ? tenant : other, (em) => append(em, i % 2 ? tenant : other, "payment:one"))),
    );
    for (const id of [tenant, other])
      expect(
        appended
          .filter(({ tenantId }) => tenantId === id)
          .map(({ version }) => version)
          .sort((a, b) => a - b),
      ).toEqual(Array.from({ length: 12 }, (_, i) => i + 1));
    // What was rolled back leaves no gap.
    await expect(
      db.tenant(tenant, async (em) => {
        await append(em, tenant, "payment:one");
        throw new Error("no");
      }),
    ).rejects.toThrow("no");
    expect((await db.tenant(tenant, (em) => append(em, tenant, "payment:one"))).version).toBe(13);
  });

  it("are refused by the database where a version is there already", async () => {
    const { name } = monthOf(0);
    const insert = `insert into payment.events (id, tenant_id, stream, version, type, data) values (gen_random_uuid(), $1, 'payment:one', 1, 'payment.created', '{}')`;
    await expect(database.admin.query(insert, [tenant])).rejects.toThrow(`${name.split(".")[1]}_stream`);
  });

  it("hold the tenants' rules and stay as they are in their months too", async () => {
    const { name } = monthOf(0);
    const seen = await db.tenant(tenant, (em) => rows<{ tenant_id: string }>(em, "select distinct tenant_id from payment.events"));
    expect(seen).toEqual([{ tenant_id: tenant }]);
    for (const sql of [
      `select * from ${name}`,
      `insert into ${name} (id, tenant_id, stream, version, type, data) select id, tenant_id, stream, version + 100, type, data from payment.events`,
      `delete from ${name}`,
      "delete from payment.events",
    ])
      await expect(db.system((em) => em.execute(sql))).rejects.toThrow(/permission denied/);
    for (const sql of [`update ${name} set type = 'forged'`, `delete from ${name}`])
      await expect(database.admin.query(sql)).rejects.toThrow("events are append-only");
    const { rows: unprotected } = await database.admin.query(
      "select relname from pg_class where relname like 'events_20%' and relkind = 'r' and not relrowsecurity",
    );
    expect(unprotected).toEqual([]);
    await expect(db.system((em) => em.execute("create table payment.mine (id int)"))).rejects.toThrow(/permission denied/);
  });

  it("go to the archive's schema whole when they are old, and only then", async () => {
    for (const offset of [-7, -4, -3, -1]) {
      const { name, start } = monthOf(offset);
      const end = monthOf(offset + 1).start;
      await database.admin.query(`create table ${name} (like payment.events including defaults)`);
      await database.admin.query(`alter table payment.events attach partition ${name} for values from ('${start}') to ('${end}')`);
      await database.admin.query(
        `insert into payment.events (created_at, id, tenant_id, stream, version, type, data) values ($1, gen_random_uuid(), $2, 'payment:old', $3, 'payment.created', '{}')`,
        [start, tenant, 10 + offset],
      );
    }
    expect(await keepPartitions(db, { events: 0 })).toEqual([]);
    await expect(keepPartitions(db, { events: 2 })).rejects.toThrow("at least 3 months");
    const plain = (offset: number) => monthOf(offset).name.split(".")[1]!;
    expect(await keepPartitions(db, { events: 3 })).toEqual([plain(-7), plain(-4)]);
    expect(await keepPartitions(db, { events: 3 })).toEqual([]);
    const left = await db.tenant(tenant, (em) =>
      rows<{ version: number }>(em, "select version from payment.events where stream = 'payment:old' order by version"),
    );
    expect(left.map(({ version }) => version)).toEqual([7, 9]);
    const { rows: archived } = await database.admin.query(
      `select version from payment_archive.${plain(-7)} union all select version from payment_archive.${plain(-4)}`,
    );
    expect(archived).toEqual([{ version: 3 }, { version: 6 }]);
    await expect(db.system((em) => em.execute(`select * from payment_archive.${plain(-7)}`))).rejects.toThrow(/permission denied/);
  });
});

describe("The migration to months", () => {
  it("keeps every event in its place and goes on counting from there", async () => {
    const name = `legendo_test_${randomUUID().slice(0, 8)}`;
    const server = new pg.Client({ connectionString: adminUrl() });
    await server.connect();
    await server.query(`create database ${name}`);
    const url = new URL(adminUrl());
    url.pathname = `/${name}`;
    const admin = new pg.Client({ connectionString: url.href });
    await admin.connect();
    try {
      await admin.query("create schema payment");
      const orm = await MikroORM.init(ormOptions("payment", url.href, 2));
      await orm.migrator.up({ to: "Migration20261122182737_first_tables" });
      await orm.close();
      await admin.query(
        `insert into payment.events (id, tenant_id, stream, version, type, data, actor, created_at)
         select gen_random_uuid(), $1, 'payment:' || i % 3, 1 + i / 3, 'payment.created', jsonb_build_object('i', i), 'user:x', timestamptz '2026-06-20T12:00Z' + i * interval '1 day'
         from generate_series(0, 59) i`,
        [tenant],
      );
      const all =
        "select position, transaction::text, id, tenant_id, stream, version, type, data, actor, created_at from payment.events order by position";
      const before = (await admin.query(all)).rows as unknown[];
      await migrate(url.href, process.env["CLUSTER_SECRET"] ?? "");
      expect((await admin.query(all)).rows).toEqual(before);
      expect((await admin.query("select stream, version from payment.streams order by 1")).rows).toEqual(
        [0, 1, 2].map((i) => ({ stream: `payment:${i}`, version: 20 })),
      );
      await admin.query(
        `insert into payment.events (id, tenant_id, stream, version, type, data) values (gen_random_uuid(), $1, 'payment:0', 21, 'payment.created', '{}')`,
        [tenant],
      );
      expect((await admin.query("select max(position)::int as last from payment.events")).rows).toEqual([{ last: 61 }]);
    } finally {
      await admin.end();
      await server.query(`drop database ${name} with (force)`);
      await server.end();
    }
  });
});
