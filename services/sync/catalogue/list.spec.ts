import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { randomUUID } from "node:crypto";
import type { Database } from "../../../mixins/database.ts";
import { generate, settle } from "../../../test/catalogue.ts";
import { testDatabase, type TestDatabase } from "../../../test/database.ts";
import { explaining, type Cost } from "../../../test/plans.ts";
import type { AssetView } from "./asset.ts";
import { listAssets, type AssetList } from "./list.ts";
import { recordWords } from "./words.ts";

const secret = "s".repeat(32);
const tenant = randomUUID();
const other = randomUUID();
const big = { tenantId: tenant, sourceId: randomUUID(), uri: "file:///big", from: 1, to: 180_000 };
const late = { tenantId: tenant, sourceId: randomUUID(), uri: "file:///late", from: 200_001, to: 205_000 };
const foreign = { tenantId: other, sourceId: randomUUID(), uri: "file:///big", from: 300_001, to: 310_000 };

let database: TestDatabase;
let db: Database;
beforeAll(async () => {
  database = await testDatabase();
  for (const source of [big, late, foreign]) await generate(database.admin, source, randomUUID());
  await settle(database.admin);
  db = await database.open("sync");
}, 180_000);
afterAll(() => database.drop());

const usual = { sort: "created", order: "asc", state: "present", limit: 50 } as const;

interface Read {
  assets: AssetView[];
  costs: Cost[];
  sizes: number[];
  done: boolean;
}
/** Reads a list page by page, `most` pages at most. */
async function read(list: Partial<AssetList>, most = Infinity, tenantId = tenant): Promise<Read> {
  const found: Read = { assets: [], costs: [], sizes: [], done: false };
  let cursor: string | undefined;
  while (!found.done && found.sizes.length < most) {
    const page = await db.tenant(tenantId, async (em) => {
      const { em: explained, cost } = explaining(em, ["assets", "asset_words"]);
      found.costs.push(cost);
      return await listAssets(explained, secret, tenantId, { ...usual, ...list, cursor });
    });
    found.assets.push(...page.data);
    found.sizes.push(page.data.length);
    found.done = !page.pagination.hasNext;
    cursor = page.pagination.cursor ?? undefined;
  }
  return found;
}

/** What the list has to be, by a statement that may take its time. */
async function expected(where: string, sort = "created_at", order = "asc", limit = 10_000): Promise<string[]> {
  const { rows } = await database.admin.query<{ id: string }>(
    `select id from sync.assets where tenant_id = $1 and ${where} order by ${sort} ${order}, id ${order} limit ${limit}`,
    [tenant],
  );
  return rows.map(({ id }) => id);
}
const idsOf = ({ assets }: Read) => assets.map(({ id }) => id);
const present = "gone_at is null";
const columns = { created: "created_at", updated: "updated_at", path: "path", name: "name", size: "size" } as const;

describe("A list of assets", () => {
  it.each(Object.keys(columns) as (keyof typeof columns)[])("is in order of %s, both ways, over all sources, by an index", async (sort) => {
    for (const order of ["asc", "desc"] as const) {
      const found = await read({ sort, order, state: "all", limit: 200 }, 6);
      expect(idsOf(found)).toEqual(await expected("true", columns[sort], order, 1200));
      for (const { scanned, rows, sorted, pages } of found.costs) {
        expect(scanned).toEqual([]);
        // Four times the page and a few of each source, and whole runs of one time.
        expect(rows).toBeLessThan(3_000);
        expect(sorted).toBeLessThan(2_000);
        expect(pages).toBeLessThan(4_000);
      }
    }
  });

  const filters: [string, Partial<AssetList>, string][] = [
    ["a category", { category: "video", source: late.uri }, `category = 'video' and ${present} and source_id = '${late.sourceId}'`],
    ["a rare category", { category: "rare" }, `category = 'rare' and ${present}`],
    ["a category that there is not", { category: "none" }, "false"],
    [
      "a media type",
      { mediaType: "video/mp4", source: late.uri },
      `media_type = 'video/mp4' and ${present} and source_id = '${late.sourceId}'`,
    ],
    ["a folder", { prefix: "Projects/Customer 042/2015/" }, `starts_with(path, 'Projects/Customer 042/2015/') and ${present}`],
    ["a source by its id", { source: late.sourceId }, `source_id = '${late.sourceId}' and ${present}`],
    ["a source that there is not", { source: "file:///none" }, "false"],
    ["what is gone", { state: "gone" }, "gone_at is not null"],
    ["sizes", { minSize: 1_000, maxSize: 30_000 }, `size between 1000 and 30000 and ${present}`],
    [
      "times",
      { modifiedAfter: "2025-09-01T00:00:00Z", modifiedBefore: "2025-09-03T00:00:00Z" },
      `modified_at >= '2025-09-01Z' and modified_at < '2025-09-03Z' and ${present}`,
    ],
    ["words", { search: "Proofs CUSTOMER 017 201" }, `path ~ 'Customer 017/201./Proofs/' and ${present}`],
    ["one word of a single asset", { search: "00000042" }, `id = md5('asset 42')::uuid`],
    ["words that no path has", { search: "zebra" }, "false"],
    [
      "several of these",
      { search: "raw", category: "video", minSize: 2_000_000, prefix: "Projects/Customer 05" },
      `path like '%/Raw/%' and category = 'video' and size >= 2000000 and starts_with(path, 'Projects/Customer 05') and ${present}`,
    ],
  ];
  it.each(filters)("leaves nothing but %s, in any order, and reads no table from end to end", async (_name, filter, where) => {
    for (const [sort, order] of [
      ["created", "asc"],
      ["size", "desc"],
      ["path", "asc"],
    ] as const) {
      const found = await read({ ...filter, sort, order, limit: 200 });
      expect({ sort, ids: idsOf(found) }).toEqual({ sort, ids: await expected(where, columns[sort], order) });
      for (const { scanned, rows, pages } of found.costs) {
        expect(scanned).toEqual([]);
        // Every stretch, and what a part of the filter leaves.
        expect(rows).toBeLessThan(80_000);
        expect(pages).toBeLessThan(120_000);
      }
    }
  });

  it("gives a page that is not full rather than look at everything, and goes on from where it looked", async () => {
    const found = await read({ modifiedAfter: "2025-09-10T00:00:00Z", limit: 50 });
    expect(idsOf(found)).toEqual(await expected(`modified_at >= '2025-09-10Z' and ${present}`));
    expect(found.sizes.length).toBeGreaterThan(2);
    expect(found.sizes).toContain(0);
  });

  it("is found at once where a part of the filter leaves little, wherever that stands in the order", async () => {
    const { costs, sizes } = await read({ search: "00179999", sort: "name" });
    expect(sizes).toEqual([1]);
    expect(costs[0]!.rows).toBeLessThan(2_500);
    const rare = await read({ category: "rare", sort: "name" });
    expect(rare.costs[0]!.rows).toBeLessThan(2_500);
  });

  it("shows a tenant its own assets alone, also by search", async () => {
    const found = await read({ search: "img", limit: 200 }, 3, other);
    expect(found.assets.length).toBe(600);
    expect(new Set(found.assets.map(({ sourceId }) => sourceId))).toEqual(new Set([foreign.sourceId]));
    expect((await read({ search: "00000042" }, 1, other)).assets).toEqual([]);
    const foreignIds = await db.tenant(other, (em) => em.execute(`select * from sync.assets_matching('00000042', 10)`));
    const nobodysIds = await db.nobody((em) => em.execute(`select * from sync.assets_matching('img', 10)`));
    expect({ foreignIds, nobodysIds }).toEqual({ foreignIds: [], nobodysIds: [] });
  });

  it("refuses the cursor of another order, another filter or another tenant, and a search for nothing", async () => {
    const page = (tenantId: string, list: Partial<AssetList>) =>
      db.tenant(tenantId, (em) => listAssets(em, secret, tenantId, { ...usual, ...list }));
    const { cursor } = (await page(tenant, {})).pagination;
    for (const [who, list] of [
      [tenant, { sort: "name" }],
      [tenant, { order: "desc" }],
      [tenant, { category: "video" }],
      [other, {}],
    ] as const)
      await expect(page(who, { ...list, cursor: cursor! })).rejects.toMatchObject({ type: "CURSOR_INVALID" });
    await expect(page(tenant, { search: " -/!" })).rejects.toMatchObject({ type: "VALIDATION_FAILED" });
  });

  it("does not show what was removed", async () => {
    const [first] = await expected(present);
    await database.admin.query("update sync.assets set removed_at = now() where id = $1", [first]);
    expect(idsOf(await read({}, 1))).not.toContain(first);
    await database.admin.query("update sync.assets set removed_at = null where id = $1", [first]);
  });
});

describe("A search", () => {
  const place = { tenantId: randomUUID(), sourceId: randomUUID() };
  const paths = [
    "Räume/Küche-NORD.jpg",
    "фото/Москва_2019 (1).JPG",
    "写真/東京タワー.png",
    "a/it's 'quoted' & \\odd|!.txt",
    "x".repeat(5_000) + "/end.bin",
  ];
  beforeAll(async () => {
    await database.admin.query(`insert into sync.sources (id, tenant_id, kind, uri) values ($1, $2, 'file', 'file:///words')`, [
      place.sourceId,
      place.tenantId,
    ]);
    const { rows } = await database.admin.query<{ id: string }>(
      `insert into sync.assets (tenant_id, source_id, path, name, content_id, size, fingerprint)
       select $1, $2, path, path, ''::bytea, 0, '' from unnest($3::text[]) path returning id`,
      [place.tenantId, place.sourceId, paths],
    );
    const ids = rows.map(({ id }) => id);
    await db.tenant(place.tenantId, (em) => recordWords(em, ids));
    // A second time changes nothing.
    await db.tenant(place.tenantId, (em) => recordWords(em, ids));
  });

  it.each([
    ["küche", 0],
    ["nord räume", 0],
    ["MOSK", undefined],
    ["моск ФОТО", 1],
    ["2019 1", 1],
    ["東京", 2],
    ["quot", 3],
    ["it's", 3],
    ["odd|!", 3],
    ["bin end", 4],
    ["t", undefined],
  ])("for %s finds words in any language, case and order, from their beginnings", async (search, index) => {
    const found = await read({ search, sort: "path" }, 1, place.tenantId);
    expect(found.assets.map(({ path }) => path)).toEqual(index === undefined ? [] : [paths[index]]);
    const matching = await db.tenant(place.tenantId, (em) => em.execute<unknown[]>("select * from sync.assets_matching(?, 10)", [search]));
    expect(matching).toHaveLength(index === undefined ? 0 : 1);
  });
});
