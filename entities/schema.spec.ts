import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { readFileSync } from "node:fs";
import { MikroORM } from "@mikro-orm/postgresql";
import { schemas } from "../config/names.ts";
import { ormOptions } from "../config/orm.ts";
import { schemaSql } from "../config/schema.ts";
import { tables, testDatabase, type TestDatabase } from "../test/database.ts";

let database: TestDatabase;
beforeAll(async () => {
  database = await testDatabase();
});
afterAll(() => database.drop());

describe("the schema", () => {
  it("is committed as the entities declare it", async () => {
    expect(readFileSync(new URL("./schema.sql", import.meta.url), "utf8")).toBe(await schemaSql());
  });

  it.each(schemas)("of %s is what its migrations make", async (service) => {
    const orm = await MikroORM.init(ormOptions(service, database.adminUrl, 2));
    try {
      expect(await orm.schema.getUpdateSchemaSQL({ wrap: false })).toBe("");
    } finally {
      await orm.close();
    }
  });

  it("has row-level security on every table", async () => {
    const { rows } = await database.admin.query<{ name: string }>(
      `select n.nspname || '.' || c.relname as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
       where n.nspname = any($1) and c.relkind in ('r', 'p') and not c.relrowsecurity and c.relname <> 'migrations'`,
      [schemas],
    );
    expect(rows).toEqual([]);
  });

  it("shows a service's role no row of any table without a tenant, and only its own with one", async () => {
    const tenant = "11111111-1111-4111-8111-111111111111";
    const other = "22222222-2222-4222-8222-222222222222";
    await database.admin.query(
      `insert into sync.sources (tenant_id, kind, uri) values ($1, 'file', 'file:///a'), ($2, 'file', 'file:///b')`,
      [tenant, other],
    );
    for (const { schema, table } of await tables(database.admin)) {
      const service = await database.open(schema);
      const seen = await service.nobody((em) => em.execute(`select * from ${schema}.${table}`));
      expect({ schema, table, seen }).toEqual({ schema, table, seen: [] });
    }
    const sync = await database.open("sync");
    const uris = await sync.tenant(tenant, (em) => em.execute("select uri from sync.sources"));
    expect(uris).toEqual([{ uri: "file:///a" }]);
    await expect(
      sync.tenant(tenant, (em) => em.execute(`insert into sync.sources (tenant_id, kind, uri) values ('${other}', 'file', 'file:///c')`)),
    ).rejects.toThrow(/row-level security/);
  });

  it("lets nobody rewrite events, the role by its grants and the owner by a trigger", async () => {
    await database.admin.query(
      `insert into sync.events (id, tenant_id, stream, version, type, data) values (gen_random_uuid(), gen_random_uuid(), 'job:x', 1, 'sync.job.created', '{}')`,
    );
    await expect(database.admin.query(`update sync.events set type = 'forged'`)).rejects.toThrow("events are append-only");
    await expect(database.admin.query(`delete from sync.events`)).rejects.toThrow("events are append-only");
    const sync = await database.open("sync");
    await expect(sync.system((em) => em.execute(`delete from sync.events`))).rejects.toThrow(/permission denied/);
  });
});
