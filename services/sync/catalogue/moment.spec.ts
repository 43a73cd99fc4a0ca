import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { randomUUID } from "node:crypto";
import { assetChanges, type AssetChange } from "../../../config/states.ts";
import type { Database } from "../../../mixins/database.ts";
import { generate, settle } from "../../../test/catalogue.ts";
import { testDatabase, type TestDatabase } from "../../../test/database.ts";
import { explaining } from "../../../test/plans.ts";
import { differences, type Difference } from "./difference.ts";
import { statesAfter, type AssetState, type Wish } from "./moment.ts";
import { sourceAt } from "./past.ts";

const secret = "s".repeat(32);
const tenantId = randomUUID();
const other = randomUUID();
const sourceId = randomUUID();
const jobId = randomUUID();
const big = { tenantId: randomUUID(), sourceId: randomUUID(), uri: "file:///big", from: 1, to: 60_000 };

interface Version {
  version: number;
  change: AssetChange;
  path: string;
  content: string;
  size: number;
  modified: number;
  /** Minutes of the history. */
  at: number;
}
interface Made {
  id: string;
  versions: Version[];
}

const minutes = 60;
const time = (minute: number) => new Date(Date.UTC(2026, 0, 1) + minute * 60_000).toISOString();
const folders = ["", "a/", "a/deep/", "b/", "bä/"];

/** Small enough to repeat, random enough not to be thought of. */
function random(seed: number) {
  let state = seed;
  return (below: number) => (state = (state * 1_103_515_245 + 12_345) % 2_147_483_648) % below;
}

/** Assets with a random history each: what a sync may do, minute by minute. */
function histories(count: number): Made[] {
  const next = random(4);
  const taken = new Set<string>();
  const free = (): string => {
    const path = `${folders[next(folders.length)]}${next(100_000)}.txt`;
    if (taken.has(path)) return free();
    taken.add(path);
    return path;
  };
  const content = () =>
    next(1 << 24)
      .toString(16)
      .padStart(64, "0");
  return Array.from({ length: count }, () => {
    let at = next(minutes / 2);
    const versions: Version[] = [
      { version: 1, change: "stored", path: free(), content: content(), size: next(1000), modified: next(1000), at },
    ];
    for (let version = 2; (at += 1 + next(15)) < minutes; version++) {
      const last = versions.at(-1)!;
      const change =
        last.change === "gone" ? (["returned", "stored"] as const)[next(2)]! : assetChanges.filter((one) => one !== "returned")[next(4)]!;
      const { path, size, modified } = last;
      versions.push({
        ...{ version, change, at, path: change === "moved" ? free() : path },
        ...(change === "stored" ? { content: content(), size: next(1000) } : { content: last.content, size }),
        modified: change === "touched" ? modified + 1 : modified,
      });
    }
    return { id: randomUUID(), versions };
  });
}

let database: TestDatabase;
let db: Database;
const made = histories(400);
beforeAll(async () => {
  database = await testDatabase();
  const { admin } = database;
  await admin.query(`insert into sync.sources (id, tenant_id, kind, uri) values ($1, $2, 'file', 'file:///moments')`, [sourceId, tenantId]);
  const last = made.map(({ id, versions }) => ({
    id,
    ...versions.at(-1)!,
    created: time(versions[0]!.at),
    updated: time(versions.at(-1)!.at),
  }));
  await admin.query(
    `insert into sync.assets (id, tenant_id, source_id, path, name, version, content_id, size, fingerprint, created_at, updated_at, gone_at)
     select id, $1, $2, path, path, version, decode(content, 'hex'), size, '', created, updated, case when change = 'gone' then updated end
     from json_to_recordset($3) as a(id uuid, path text, version int, content text, size bigint, created timestamptz, updated timestamptz, change text)`,
    [tenantId, sourceId, JSON.stringify(last)],
  );
  const versions = made.flatMap(({ id, versions }) =>
    versions.map((version) => ({ id, ...version, modified: time(version.modified), at: time(version.at) })),
  );
  await admin.query(
    `insert into sync.asset_versions (asset_id, version, tenant_id, change, path, content_id, masked_checksum, size, modified_at, job_id, created_at)
     select id, version, $1, change, path, decode(content, 'hex'), '', size, modified, $2, at
     from json_to_recordset($3) as v(id uuid, version int, change text, path text, content text, size bigint, modified timestamptz, at timestamptz)`,
    [tenantId, jobId, JSON.stringify(versions)],
  );
  await generate(admin, big, randomUUID());
  await settle(admin);
  db = await database.open("sync");
}, 120_000);
afterAll(() => database.drop());

const stateAt = ({ versions }: Made, minute: number): Version | undefined => {
  const state = versions.findLast(({ at }) => at <= minute);
  return state?.change === "gone" ? undefined : state;
};

async function states(wish: Wish, limit: number, of = { tenantId, sourceId }): Promise<AssetState[]> {
  const found: AssetState[] = [];
  for (let after: string | null = ""; after !== null;) {
    const from: string = after;
    const page = await db.tenant(of.tenantId, (em) => statesAfter(em, of, wish, from, limit));
    expect(page.states.length).toBeLessThanOrEqual(limit);
    found.push(...page.states);
    after = page.next;
  }
  return found;
}
const byId = <T extends { id: string }>(list: T[]) => list.toSorted((a, b) => (a.id < b.id ? -1 : 1));
const modelOf = (minute: number, prefix = "") =>
  byId(
    made.flatMap((asset) => {
      const state = stateAt(asset, minute);
      if (!state?.path.startsWith(prefix)) return [];
      const { version, path, size, modified, content } = state;
      return [{ id: asset.id, version, path, size, modified: Date.parse(time(modified)), content }];
    }),
  );

describe("A source at a moment", () => {
  it.each([-1, 0, 7, 23, 31, 44, minutes])("is what it was then, whole and by folder, minute %i", async (minute) => {
    for (const prefix of ["", "a/", "a/deep/", "bä/", "none/"])
      expect({ prefix, states: byId(await states({ at: time(minute), prefix }, 37)) }).toEqual({ prefix, states: modelOf(minute, prefix) });
  });

  it("is what it is now, in byte order of the path, when no moment is given", async () => {
    for (const prefix of ["", "b"]) {
      const now = await states({ prefix }, 37);
      expect(byId(now)).toMatchObject(modelOf(minutes, prefix).map(({ modified: _modified, ...state }) => state));
      expect(now.map(({ path }) => path)).toEqual(
        now.map(({ path }) => path).toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))),
      );
    }
  });

  it("tells of one asset alone, wherever it is now", async () => {
    const asset = made.find(
      ({ versions }) => versions.some(({ change }) => change === "moved") && stateAt(versions ? { id: "", versions } : made[0]!, 20),
    )!;
    expect(await states({ at: time(20), assetId: asset.id }, 10)).toEqual(modelOf(20).filter(({ id }) => id === asset.id));
  });

  it("has nothing of another tenant's", async () => {
    expect(await states({ at: time(30) }, 100, { tenantId: other, sourceId })).toEqual([]);
    await expect(
      db.tenant(other, (em) => sourceAt(em, secret, other, { id: sourceId, moment: time(30), limit: 10 })),
    ).rejects.toMatchObject({
      type: "SOURCE_NOT_FOUND",
    });
  });

  it("misses nothing that moves while its pages are read", async () => {
    const at = time(minutes);
    const of = { tenantId, sourceId };
    const expected = modelOf(minutes);
    const first = await db.tenant(tenantId, (em) => statesAfter(em, of, { at }, "", 50));
    const found = [...first.states];
    // Behind the page that was read: its path alone would not find it any more.
    const mover = expected.findLast(({ id, path }) => path > "b/" && !found.some((state) => state.id === id))!;
    await database.admin.query(
      `with moved as (update sync.assets set path = '/first', version = version + 1, updated_at = now() where id = $1 returning *)
       insert into sync.asset_versions (asset_id, version, tenant_id, change, path, content_id, masked_checksum, size, modified_at, job_id)
       select id, version, tenant_id, 'moved', path, content_id, '', size, modified_at, $2 from moved`,
      [mover.id, jobId],
    );
    for (let after = first.next; after !== null;) {
      const from: string = after;
      const page = await db.tenant(tenantId, (em) => statesAfter(em, of, { at }, from, 50));
      found.push(...page.states);
      after = page.next;
    }
    expect(byId(found).map(({ id }) => id)).toEqual(expected.map(({ id }) => id));
    expect(found.find(({ id }) => id === mover.id)!.path).toBe(mover.path);
  });

  it("is read by pages however large it is", async () => {
    for (const after of ["", "here Projects/Customer 020/"]) {
      const cost = await db.tenant(big.tenantId, async (em) => {
        const explained = explaining(em, ["assets", "asset_versions"]);
        const { states } = await statesAfter(explained.em, big, { at: "2026-06-01T00:00:00Z", prefix: "Projects/" }, after, 100);
        expect(states).toHaveLength(100);
        return explained.cost;
      });
      expect(cost).toMatchObject({ scanned: [] });
      expect(cost.rows).toBeLessThanOrEqual(400);
      expect(cost.pages).toBeLessThan(2_000);
    }
  });
});

describe("The difference", () => {
  async function all(from: string, to: string, limit: number, of = { tenantId, sourceId }): Promise<Difference[]> {
    const found: Difference[] = [];
    let cursor: string | undefined;
    for (let more = true; more;) {
      const page = await db.tenant(of.tenantId, (em) => differences(em, secret, of.tenantId, { id: of.sourceId, from, to, limit, cursor }));
      expect(page.data.length).toBeLessThanOrEqual(limit);
      found.push(...page.data);
      more = page.pagination.hasNext;
      cursor = page.pagination.cursor ?? undefined;
    }
    return found;
  }
  const expected = (from: number, to: number) =>
    made.flatMap((asset) => {
      const [before, after] = [stateAt(asset, from), stateAt(asset, to)];
      if (!before && !after) return [];
      if (!before || !after) return [{ assetId: asset.id, change: before ? "gone" : "added" }];
      if (before.path !== after.path) return [{ assetId: asset.id, change: "moved" }];
      if (before.content !== after.content) return [{ assetId: asset.id, change: "changed" }];
      return before.modified === after.modified ? [] : [{ assetId: asset.id, change: "touched" }];
    });
  const sorted = <T extends { assetId: string }>(list: T[]) => list.toSorted((a, b) => (a.assetId < b.assetId ? -1 : 1));

  it.each([
    [-1, 59],
    [0, 20],
    [20, 21],
    [15, 50],
    [40, 40],
  ])("between minutes %i and %i of a source is told asset by asset", async (from, to) => {
    const found = await all(time(from), time(to), 23);
    expect(sorted(found)).toMatchObject(sorted(expected(from, to)));
    for (const { change, before, after } of found)
      expect({ change, before: before === null, after: after === null }).toMatchObject({
        before: change === "added",
        after: change === "gone",
      });
  });

  it("is asked by jobs too, whose end counts", async () => {
    const job = (id: string, minute: number | null) =>
      database.admin.query(
        `insert into sync.sync_jobs (id, tenant_id, source_id, input, options, completed_at) values ($1, $2, $3, '', '{}', $4)`,
        [id, tenantId, sourceId, minute === null ? null : time(minute)],
      );
    const [first, second, running] = [randomUUID(), randomUUID(), randomUUID()];
    await Promise.all([job(first, 15), job(second, 50), job(running, null)]);
    expect(sorted(await all(first, second, 50))).toEqual(sorted(await all(time(15), time(50), 50)));
    await expect(all(first, running, 50)).rejects.toMatchObject({ type: "VALIDATION_FAILED" });
    await expect(all(second, first, 50)).rejects.toMatchObject({ type: "VALIDATION_FAILED" });
    await expect(all(first, second, 50, { tenantId: other, sourceId })).rejects.toMatchObject({ type: "SOURCE_NOT_FOUND" });
  });

  it("reads what changed since, and nothing else", async () => {
    const cost = await db.tenant(big.tenantId, async (em) => {
      const explained = explaining(em, ["assets", "asset_versions"]);
      const wish = { id: big.sourceId, from: "2026-09-01T00:00:00Z", to: "2026-11-01T00:00:00Z", limit: 100 };
      const { data, pagination } = await differences(explained.em, secret, big.tenantId, wish);
      expect({ changes: new Set(data.map(({ change }) => change)), count: data.length, hasNext: pagination.hasNext }).toEqual({
        changes: new Set(["gone"]),
        count: 60,
        hasNext: false,
      });
      return explained.cost;
    });
    expect(cost).toMatchObject({ scanned: [] });
    expect(cost.rows).toBeLessThan(500);
  });
});
