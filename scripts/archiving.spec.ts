import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { zstdDecompressSync } from "node:zlib";
import { testDatabase, type TestDatabase } from "../test/database.ts";
import { detachBefore, dropMonth, writeMonth } from "./archiving.ts";

const tenant = "11111111-1111-4111-8111-111111111111";
let database: TestDatabase;
let folder: string;
beforeAll(async () => {
  database = await testDatabase();
  folder = mkdtempSync(join(tmpdir(), "legendo-archive-"));
  for (const [name, start, end] of [
    ["events_2025_01", "2025-01-01Z", "2025-02-01Z"],
    ["events_2025_02", "2025-02-01Z", "2025-03-01Z"],
  ]) {
    await database.admin.query(`create table auth.${name} (like auth.events including defaults)`);
    await database.admin.query(`alter table auth.events attach partition auth.${name} for values from ('${start}') to ('${end}')`);
  }
  await database.admin.query(
    `insert into auth.events (created_at, id, tenant_id, stream, version, type, data)
     select timestamptz '2025-01-01Z' + i * interval '6 minutes', gen_random_uuid(), $1, 'organisation:x', 1 + i, 'organisation.created', jsonb_build_object('name', 'ä "' || i || E'"\\n')
     from generate_series(0, 11999) i`,
    [tenant],
  );
});
afterAll(async () => {
  rmSync(folder, { recursive: true, force: true });
  await database.drop();
});

const count = async (table: string) =>
  Number((await database.admin.query<{ count: string }>(`select count(*) from ${table}`)).rows[0]!.count);

test("Months of events are written whole, once, read back, and only then dropped", async () => {
  const months = await detachBefore(database.admin, "auth", "events", "2025-02");
  expect(months).toEqual([{ schema: "auth", table: "events", month: "2025-01" }]);
  const [month] = months as [(typeof months)[number]];
  const inMonth = 31 * 240;
  expect(await count("auth_archive.events_2025_01")).toBe(inMonth);
  expect(await count("auth.events")).toBe(12_000 - inMonth);

  const { path, rows } = await writeMonth(database.admin, month, folder);
  expect({ path, rows }).toEqual({ path: join(folder, "auth/2025-01.jsonl.zst"), rows: inMonth });
  const lines = zstdDecompressSync(readFileSync(path)).toString().trimEnd().split("\n");
  expect(lines).toHaveLength(inMonth);
  expect(JSON.parse(lines[7]!)).toMatchObject({ tenant_id: tenant, version: 8, stream: "organisation:x", data: { name: 'ä "7"\n' } });

  await expect(writeMonth(database.admin, month, folder)).rejects.toThrow("is there already");
  await expect(dropMonth(database.admin, month, rows - 1)).rejects.toThrow("It stays.");
  expect(await count("auth_archive.events_2025_01")).toBe(inMonth);
  await dropMonth(database.admin, month, rows);
  // A second run goes on with what is left.
  expect(await detachBefore(database.admin, "auth", "events", "2025-03")).toEqual([{ schema: "auth", table: "events", month: "2025-02" }]);
});

test("A file of a month comes back into the table", async () => {
  const text = zstdDecompressSync(readFileSync(join(folder, "auth/2025-01.jsonl.zst"))).toString();
  await database.admin.query("create table auth.events_2025_01 (like auth.events including defaults)");
  await database.admin.query(
    "alter table auth.events attach partition auth.events_2025_01 for values from ('2025-01-01Z') to ('2025-02-01Z')",
  );
  await database.admin.query(
    `insert into auth.events overriding system value
     select e.* from unnest($1::json[]) line cross join json_populate_record(null::auth.events, line) e`,
    [text.trimEnd().split("\n")],
  );
  expect(await count("auth.events_2025_01")).toBe(31 * 240);
});
