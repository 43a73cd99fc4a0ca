import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, jest, test } from "@jest/globals";
import { v7 as uuidv7 } from "uuid";
import type { Act } from "../../../config/acts.ts";
import type { Database } from "../../../mixins/database.ts";
import { detachBefore, dropMonth, linesOfMonths, writeMonth } from "../../../scripts/archiving.ts";
import { testDatabase, type TestDatabase } from "../../../test/database.ts";
import { append } from "./chain.ts";
import { checkCheckpoints, type Place } from "./checked.ts";
import { makeCheckpoint, type Checkpoint } from "./checkpoint.ts";
import { auditKeys } from "./keys.ts";
import { eraseOrigins } from "./list.ts";
import { canonical } from "./record.ts";
import { verifyLog } from "./verification.ts";

const ours = "11111111-1111-4111-8111-111111111111";
const theirs = "22222222-2222-4222-8222-222222222222";
const person = "33333333-3333-4333-8333-333333333333";
const cluster = "spec";
const keys = auditKeys(randomBytes(32));
/** Records of each chain: the first ten are of January 2025, of the others seventeen stand in a checkpoint. */
const [old, covered, all] = [10, 27, 30];

let world: TestDatabase;
let db: Database;

const act = (tenantId: string, i: number): Act => ({
  id: uuidv7(),
  at: new Date().toISOString(),
  tenantId,
  actor: `user:${person}`,
  userId: person,
  action: "thing.changed",
  object: `thing:${i}`,
  outcome: i % 3 ? "allowed" : "refused",
  code: i % 3 ? null : "FORBIDDEN",
  call: "things.change",
  requestId: `request "${i}" ä 𝄞`,
  node: "one",
  details: i % 2 ? { z: 1.5, a: ["x", 'ä"\\'], n: null, yes: true } : null,
  address: i === 7 ? null : "203.0.113.7",
  userAgent: i === 7 ? null : "spec/1",
});

const add = async (tenantId: string, from: number, to: number) => {
  const acts = Array.from({ length: to - from + 1 }, (_, i) => ({ service: "sync", act: act(tenantId, from + i) }));
  expect(await append(db, keys, tenantId, acts)).toBe(acts.length);
  // A second delivery.
  expect(await append(db, keys, tenantId, acts)).toBe(0);
};

beforeAll(async () => {
  world = await testDatabase();
  db = await world.open("auth");
  await world.admin.query(
    `create table auth.audit_2025_01 (like auth.audit including defaults);
     alter table auth.audit attach partition auth.audit_2025_01 for values from ('2025-01-01Z') to ('2025-02-01Z')`,
  );
  const clock = jest.spyOn(Date, "now").mockReturnValue(Date.parse("2025-01-15T12:00:00.123Z"));
  for (const tenant of [ours, theirs]) await add(tenant, 1, old);
  clock.mockRestore();
  for (const tenant of [ours, theirs]) await add(tenant, old + 1, covered);
  expect(await makeCheckpoint(db, keys, cluster)).toBe(2);
  expect(await makeCheckpoint(db, keys, cluster)).toBe(0);
  for (const tenant of [ours, theirs]) await add(tenant, covered + 1, all);
  for (const table of ["audit", "audit_chains"])
    await world.admin.query(`create table public.${table}_kept as select * from auth.${table}`);
});
afterAll(() => world?.drop());

/** As they were before somebody has laid hands on them. */
beforeEach(async () => {
  for (const table of ["audit", "audit_chains"])
    await world.admin.query(`truncate auth.${table}; insert into auth.${table} select * from public.${table}_kept`);
});

async function published(): Promise<Map<number, string>> {
  const { rows } = await world.admin.query<{ number: string; text: string }>("select number, text from auth.audit_checkpoints");
  return new Map(rows.map(({ number, text }) => [Number(number), text]));
}

const check = async (found?: Map<number, string>) =>
  checkCheckpoints(keys, cluster, [{ name: "folder", found: found ?? (await published()), bounded: false }], 1);

async function verify(files?: AsyncIterable<string>) {
  const { covering } = await check();
  return await verifyLog(world.admin, keys, covering, files);
}

/** What is found, without the sentences. */
const found = async (files?: AsyncIterable<string>) =>
  (await verify(files)).faults.map(({ tenantId, kind, position }) => `${tenantId === ours ? "ours" : "theirs"} ${kind} ${position}`);

/** As the database's administrator, whom no trigger stops. */
async function tamper(sql: string): Promise<void> {
  await world.admin.query(`set session_replication_role = replica; ${sql}; set session_replication_role = default`);
}
const at = (position: number) => `tenant_id = '${ours}' and position = ${position}`;

describe("the canonical form", () => {
  test("is RFC 8785's: members sorted by UTF-16 code units, numbers and strings as ECMAScript writes them", () => {
    const value = {
      "\u20ac": 1,
      "\r": 2,
      "\ufb33": 3,
      "1": 4,
      "\ud83d\ude00": 5,
      "\u0080": 6,
      "\u00f6": [1e21, 0.000001, -0, "\u000f\n</é"],
    };
    expect(canonical(value)).toBe('{"\\r":2,"1":4,"\u0080":6,"ö":[1e+21,0.000001,0,"\\u000f\\n</é"],"€":1,"😀":5,"\ufb33":3}');
  });
});

describe("the log", () => {
  test("as it was written has no fault, over months and tenants", async () => {
    expect(await verify()).toEqual({ chains: 2, records: 2 * all, erased: 0, faults: [] });
  });

  test("can be changed by nobody: the role lacks the right, the owner is stopped by a trigger", async () => {
    await expect(world.admin.query(`update auth.audit set actor = 'user:other' where ${at(3)}`)).rejects.toThrow("append-only");
    await expect(world.admin.query(`update auth.audit set origin = '{}' where ${at(3)}`)).rejects.toThrow("append-only");
    await expect(world.admin.query(`delete from auth.audit where ${at(3)}`)).rejects.toThrow("append-only");
    await expect(db.system((em) => em.execute("delete from auth.audit"))).rejects.toThrow("permission denied");
    await expect(db.system((em) => em.execute("update auth.audit set action = 'x'"))).rejects.toThrow("permission denied");
    const seen = await db.tenant(theirs, (em) => em.execute<object[]>(`select 1 from auth.audit where ${at(3)}`));
    expect(seen).toEqual([]);
  });

  test.each([
    ["actor = 'user:other'"],
    ["at = at + interval '1 microsecond'"],
    ["recorded_at = recorded_at + interval '1 microsecond'"],
    ["outcome = 'allowed', code = null"],
    ["details = '{}'"],
    ["object = null"],
    ["origin_hash = null, origin = null"],
    ["service = 'auth'"],
    ["hash = decode(repeat('ab', 32), 'hex')"],
    ["previous = decode(repeat('ab', 32), 'hex')"],
  ])("names a record that was edited: %s", async (change) => {
    await tamper(`update auth.audit set ${change} where ${at(15)}`);
    const faults = (await verify()).faults.filter(({ kind }) => kind !== "covered");
    expect(faults.map(({ tenantId, kind, position }) => [tenantId, kind, position])).toEqual([[ours, "changed", 15]]);
    expect(faults[0]!.id).toMatch(/^[0-9a-f-]{36}$/);
  });

  test("names an address that was exchanged", async () => {
    await tamper(`update auth.audit set origin = jsonb_set(origin, '{address}', '"198.51.100.1"') where ${at(15)}`);
    expect(await found()).toEqual(["ours origin 15"]);
  });

  test("names records that were deleted, at the beginning, in the middle, at a border of months", async () => {
    await tamper(`delete from auth.audit where ${at(1)} or ${at(10)} or ${at(11)} or ${at(20)}`);
    const { faults } = await verify();
    expect(faults.map(({ text }) => text)).toEqual([
      "record 1 is not there: deleted",
      "records 10 to 11 are not there: deleted",
      "record 20 is not there: deleted",
    ]);
  });

  test("names records that were cut off, by the chain's end and by the checkpoint", async () => {
    await tamper(`delete from auth.audit where tenant_id = '${ours}' and position > 25`);
    expect(await found()).toEqual(["ours truncated 26"]);
    // Somebody who knows of the chain's end sets it back.
    const head = `position = 25, checkpointed = 25, hash = (select hash from auth.audit where ${at(25)})`;
    await tamper(`update auth.audit_chains set ${head} where tenant_id = '${ours}'`);
    expect((await verify()).faults.map(({ text }) => text)).toEqual(["records 26 to 27 are not there: cut off, as checkpoint 1 shows"]);
  });

  test("names a whole chain that was removed with its end", async () => {
    await tamper(`delete from auth.audit where tenant_id = '${ours}'; delete from auth.audit_chains where tenant_id = '${ours}'`);
    expect((await verify()).faults.map(({ text }) => text)).toEqual(["records 1 to 27 are not there: cut off, as checkpoint 1 shows"]);
  });

  test("names records that were reordered, with the places that they were written at", async () => {
    await tamper(
      `update auth.audit set position = 1000 where ${at(15)}; update auth.audit set position = 15 where ${at(18)};
       update auth.audit set position = 18 where ${at(1000)}`,
    );
    const moved = (await verify()).faults.filter(({ kind }) => kind === "moved");
    expect(moved.map(({ position, text }) => [position, text])).toEqual([
      [15, "it was written at position 18: records were reordered"],
      [18, "it was written at position 15: records were reordered"],
    ]);
  });

  test("names records that were inserted, at a place of their own or beside another", async () => {
    const copy = (position: number, recorded: string) =>
      `insert into auth.audit select ${recorded}, tenant_id, ${position}, gen_random_uuid(), at, actor, user_id, action, object, outcome, code, call,
         request_id, node, service, details, origin_hash, origin, previous, hash from auth.audit where ${at(30)}`;
    await tamper(copy(31, "recorded_at"));
    expect(await found()).toEqual(["ours changed 31", "ours head 31"]);
    // The index of a month would refuse it; in another month it does not see it.
    await tamper(`delete from auth.audit where ${at(31)}; ${copy(5, "now()")}`);
    expect(await found()).toEqual(["ours twice 5"]);
  });

  test("names what was written anew with the key, from the checkpoint on backwards", async () => {
    await tamper(`delete from auth.audit where tenant_id = '${ours}'; delete from auth.audit_chains where tenant_id = '${ours}'`);
    await world.admin.query(`delete from auth.inbox`);
    await add(ours, 1, all);
    expect(await found()).toEqual(["ours covered 27"]);
  });

  test("says nothing of the other organisation when one is tampered with, and finds both", async () => {
    await tamper(`update auth.audit set action = 'x.y' where position = 12`);
    expect(await found()).toEqual(["ours changed 12", "theirs changed 12"]);
  });

  test("stays whole when a person's addresses are erased, and says how many", async () => {
    expect(await eraseOrigins(db, ours, person)).toEqual({ erased: all - 1 });
    expect(await verify()).toMatchObject({ erased: all - 1, faults: [] });
    const { rows } = await world.admin.query<{ left: number }>(
      `select count(*)::int as left from auth.audit where tenant_id = '${ours}' and origin is not null`,
    );
    expect(rows).toEqual([{ left: 0 }]);
  });
});

describe("checkpoints", () => {
  const forged = async (change: (checkpoint: Checkpoint) => void) => {
    const texts = await published();
    const checkpoint = JSON.parse(texts.get(1)!) as Checkpoint;
    change(checkpoint);
    return new Map([[1, canonical(checkpoint)]]);
  };

  test("are signed, numbered and complete", async () => {
    expect(await check()).toMatchObject({ faults: [], count: 1 });
    const faultsOf = async (texts: Map<number, string>) => (await check(texts)).faults.map(({ number, text }) => `${number} ${text}`);
    expect(await faultsOf(new Map())).toEqual(["1 is not there"]);
    expect(await faultsOf(await forged(({ chains }) => (chains[0]!.position = 5)))).toEqual([
      "1 is not signed by this cluster: it was changed",
    ]);
    expect(await faultsOf(new Map([[2, (await published()).get(1)!]]))).toEqual([
      "1 is not there",
      "2 is number 1 of spec, put in another's place",
    ]);
    expect(await faultsOf(new Map([[1, "{"]]))).toEqual(["1 can't be read: it was changed"]);
  });

  test("may lack their oldest where the place is bounded, and nothing else", async () => {
    const [first] = (await published()).values();
    const place = (found: Map<number, string>): Place => ({ name: "stream", found, bounded: true });
    expect(checkCheckpoints(keys, cluster, [place(new Map())], 0).faults).toEqual([]);
    expect(checkCheckpoints(keys, cluster, [place(new Map([[1, first!]]))], 2).faults).toMatchObject([{ number: 2, text: "is not there" }]);
  });
});

describe("archived months", () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "legendo-audit-"));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test("are verified in the archive's schema, and from their files when they are in no table any more", async () => {
    const [month] = await detachBefore(world.admin, "auth", "audit", "2025-02");
    expect(month).toEqual({ schema: "auth", table: "audit", month: "2025-01" });
    expect(await verify()).toMatchObject({ records: 2 * all, faults: [] });
    await tamper(`update auth_archive.audit_2025_01 set actor = null where ${at(4)}`);
    expect(await found()).toEqual(["ours changed 4"]);
    await tamper(`update auth_archive.audit_2025_01 set actor = 'user:${person}' where ${at(4)}`);

    const { path, rows } = await writeMonth(world.admin, month!, folder);
    expect([path, rows]).toEqual([join(folder, "auth/audit-2025-01.jsonl.zst"), 2 * old]);
    await dropMonth(world.admin, month!, rows);
    expect((await verify()).faults.map(({ text }) => text)).toEqual(Array(2).fill("records 1 to 10 are not there: deleted"));
    expect(await verify(linesOfMonths(folder, "auth", "audit"))).toEqual({
      chains: 2,
      records: 2 * all,
      erased: 2 * (old - 1),
      faults: [],
    });
    const forged = async function* () {
      for await (const line of linesOfMonths(folder, "auth", "audit"))
        yield line.includes(`"position" : 6`) && line.includes(ours) ? line.replace("things.change", "things.other") : line;
    };
    expect(await found(forged())).toEqual(["ours changed 6"]);
  });
});
