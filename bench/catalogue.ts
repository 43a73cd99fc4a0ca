import { randomUUID } from "node:crypto";
import { parseArgs } from "node:util";
import { say } from "../scripts/terminal.ts";
import { differences } from "../services/sync/catalogue/difference.ts";
import { listAssets, type AssetList } from "../services/sync/catalogue/list.ts";
import { statesAfter } from "../services/sync/catalogue/moment.ts";
import { statistics } from "../services/sync/catalogue/statistics.ts";
import { generate, settle, withoutIndexes } from "../test/catalogue.ts";
import { testDatabase } from "../test/database.ts";
import { explaining } from "../test/plans.ts";
import type { Em } from "../mixins/database.ts";
import { withServers } from "../test/servers.ts";

// npm run bench -- catalogue: how long a page of the catalogue takes in a tenant of five million assets, beside another tenant.
const { values } = parseArgs({
  options: { assets: { type: "string", default: "5000000" }, pages: { type: "string", default: "200" } },
});
const count = Number(values.assets);
const pages = Number(values.pages);
/** Milliseconds: of a page, and of adding everything up. No statement of a page may read a table from end to end. */
const aim = { p50: 50, p99: 250, sums: 3_000 };
const secret = "s".repeat(32);
const tenantId = randomUUID();
const other = randomUUID();

/** Milliseconds below which so many of a hundred are. */
const share = (milliseconds: number[], percent: number) =>
  milliseconds.toSorted((a, b) => a - b)[Math.ceil((milliseconds.length * percent) / 100) - 1]!;
const pick = <T>(list: readonly T[]): T => list[Math.floor(Math.random() * list.length)]!;
const number = () => Math.floor(Math.random() * count);

const { slow, scans } = await withServers(async () => {
  const database = await testDatabase();
  try {
    const { admin } = database;
    const third = Math.floor(count / 3);
    const source = (name: string, tenantId: string, from: number, to: number) => ({
      tenantId,
      sourceId: randomUUID(),
      uri: `file:///${name}`,
      from,
      to,
    });
    const sources = [
      source("first", tenantId, 1, third),
      source("second", tenantId, third + 1, 2 * third),
      source("third", tenantId, 2 * third + 1, count),
    ];
    const foreign = source("foreign", other, count + 1, count + Math.ceil(count / 5));
    say(`loading ${count} assets of one tenant and ${foreign.to - foreign.from + 1} of another`);
    await withoutIndexes(admin, async () => {
      for (const each of [...sources, foreign]) {
        await generate(admin, each, randomUUID());
        say(`  ${each.uri}`);
      }
    });
    await settle(admin);
    const { rows } = await admin.query<{ name: string; size: string }>(
      `select relname as name, pg_size_pretty(pg_total_relation_size(oid)) as size from pg_class
       where oid in ('sync.assets'::regclass, 'sync.asset_versions'::regclass, 'sync.asset_words'::regclass) order by 1`,
    );
    say(`loaded: ${rows.map(({ name, size }) => `${name} ${size}`).join(", ")}`);

    const db = await database.open("sync");
    const slow: string[] = [];
    const scans = new Set<string>();
    const report = (name: string, taken: number[]) => {
      const [p50, p99] = [share(taken, 50), share(taken, 99)];
      if (p50 > aim.p50 || p99 > aim.p99) slow.push(name);
      say(`${name.padEnd(44)} p50 ${p50.toFixed(1).padStart(7)} ms   p99 ${p99.toFixed(1).padStart(7)} ms   of ${taken.length}`);
    };
    const timed = async <T>(taken: number[], work: (em: Em) => Promise<T>): Promise<T> => {
      const begin = performance.now();
      const result = await db.tenant(tenantId, work);
      taken.push(performance.now() - begin);
      return result;
    };
    /** Asks PostgreSQL what the page's statements do. */
    const explained = async <T>(name: string, work: (em: Em) => Promise<T>): Promise<T> =>
      await db.tenant(tenantId, async (em) => {
        const { em: asking, cost } = explaining(em, ["assets", "asset_versions", "asset_words"]);
        const result = await work(asking);
        if (cost.scanned.length) scans.add(`${name}: ${cost.scanned.join(", ")}`);
        return result;
      });
    /** Pages of lists: a few on from where each begins. */
    const list = async (name: string, wish: () => Partial<AssetList>) => {
      const taken: number[] = [];
      while (taken.length < pages) {
        const asked = { sort: "created", order: "asc", state: "present", limit: 50, ...wish() } as const;
        let cursor: string | undefined;
        for (let i = 0; i < 5; i++) {
          const work = (em: Em) => listAssets(em, secret, tenantId, { ...asked, cursor });
          const page = await timed(taken, work);
          if (taken.length <= 10) await explained(name, work);
          cursor = page.pagination.cursor ?? undefined;
          if (!cursor) break;
        }
      }
      report(name, taken);
    };
    for (const sort of ["created", "updated", "path", "name", "size"] as const)
      for (const order of ["asc", "desc"] as const) await list(`list by ${sort}, ${order}`, () => ({ sort, order }));
    const uri = () => pick(sources).uri;
    const folder = () => `Projects/Customer ${String(number() % 97).padStart(3, "0")}/${2012 + (number() % 13)}/`;
    const word = () => String(number()).padStart(8, "0");
    await list("list of one source, by size", () => ({ source: uri(), sort: "size", order: "desc" }));
    await list("category (2 %)", () => ({ category: "video" }));
    await list("category (2 %), by size", () => ({ category: "video", sort: "size" }));
    await list("rare category (0.02 %), by name", () => ({ category: "rare", sort: "name" }));
    await list("media type (2 %), by update", () => ({ mediaType: "video/mp4", sort: "updated", order: "desc" }));
    await list("folder, by path", () => ({ prefix: folder(), sort: "path" }));
    await list("folder, by size", () => ({ prefix: folder(), sort: "size" }));
    await list("gone (0.1 %), by name", () => ({ state: "gone", sort: "name" }));
    await list("sizes (0.1 %)", () => ({ minSize: 1_000_000, maxSize: 1_005_000 }));
    await list("modified within two days (0.1 %)", () => ({
      modifiedAfter: "2023-05-01T00:00:00Z",
      modifiedBefore: "2023-05-03T00:00:00Z",
    }));
    await list("search: a word of all", () => ({ search: "img" }));
    await list("search: a word of one asset", () => ({ search: word() }));
    await list("search: the beginning of a word", () => ({ search: word().slice(0, 6) }));
    await list("search: words of some (0.03 %), by size", () => ({
      search: `customer ${String(number() % 97).padStart(3, "0")} 2019 proofs`,
      sort: "size",
    }));
    await list("search: a word of none", () => ({ search: "zebra" }));
    await list("search in a rare category", () => ({ search: "raw", category: "rare" }));

    const at: number[] = [];
    for (let after = ""; at.length < pages;) {
      const [of, prefix] = [pick(sources), pick(["", folder()])];
      const work = (em: Em) => statesAfter(em, of, { at: "2026-05-01T00:00:00Z", prefix }, after, 200);
      const page = await timed(at, work);
      if (at.length <= 10) await explained("source at a moment", work);
      after = Math.random() < 0.5 && page.next !== null ? page.next : "";
    }
    report("source at a moment, 200 a page", at);
    const different: number[] = [];
    while (different.length < pages) {
      const wish = { id: pick(sources).sourceId, from: "2026-09-30T00:00:00Z", to: "2026-10-02T00:00:00Z", limit: 200 };
      const work = (em: Em) => differences(em, secret, tenantId, wish);
      await timed(different, work);
      if (different.length <= 10) await explained("difference of two moments", work);
    }
    report("difference of two moments, 200 a page", different);
    const sums: number[] = [];
    for (let i = 0; i < 3; i++) await timed(sums, (em) => statistics(em, tenantId));
    say(
      `statistics, added up                          median ${share(sums, 50).toFixed(0)} ms; remembered for a minute and renewed behind the answer`,
    );
    if (share(sums, 50) > aim.sums) slow.push("statistics");
    return { slow, scans: [...scans] };
  } finally {
    await database.drop();
  }
});
say(
  slow.length
    ? `above ${aim.p50} ms (p50) or ${aim.p99} ms (p99), statistics ${aim.sums} ms: ${slow.join(", ")}`
    : `all within ${aim.p50} ms (p50) and ${aim.p99} ms (p99), statistics within ${aim.sums} ms`,
);
say(
  scans.length ? `read from end to end, as EXPLAIN shows: ${scans.join("; ")}` : "EXPLAIN shows no page that reads a table from end to end",
);
process.exit(slow.length || scans.length ? 1 : 0);
