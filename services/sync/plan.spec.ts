import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { batches, plan, type Decision, type FetchItem, type Known, type PlanRules, type PlanSummary } from "./plan.ts";
import { comparePaths } from "./sources/order.ts";
import type { Entry } from "./sources/source.ts";

const entry = (path: string, fingerprint = "f", more: Partial<Entry> = {}): Entry => ({
  path,
  size: 10,
  modifiedAt: 1,
  fingerprint,
  ...more,
});
const row = (path: string, fingerprint = "f", gone = false): Known => ({
  assetId: `id of ${path}`,
  path,
  fingerprint,
  gone,
});
const problem = (path: string, hides?: string) =>
  entry(path, "", { problem: { type: "SOURCE_DENIED", message: "closed", ...(hides !== undefined && { hides }) } });

async function planned(
  entries: Iterable<Entry[]>,
  rows: Iterable<Known[]>,
  rules: Partial<PlanRules> = {},
): Promise<{ decisions: Decision[]; summary: PlanSummary }> {
  const decisions: Decision[] = [];
  const planning = plan(entries, rows, { mode: "incremental", ...rules });
  for (;;) {
    const step = await planning.next();
    if (step.done) return { decisions, summary: step.value };
    decisions.push(...step.value);
  }
}
const told = (decisions: Decision[]) =>
  decisions.map((decision) => {
    const why = "reason" in decision ? decision.reason : "type" in decision ? decision.type : "";
    return `${decision.path} ${decision.kind} ${why}`.trimEnd();
  });

/** Cuts a list into pages, some of them empty. */
const pages = <T>(all: T[], sizes: number[]): T[][] => {
  const cut: T[][] = [];
  let at = 0;
  for (const size of sizes) cut.push(all.slice(at, (at += size)));
  return [...cut, all.slice(at)];
};

describe("A plan", () => {
  it("gives every path its decision and the reason for it", async () => {
    const entries = [entry("changed", "new"), entry("fresh"), entry("returned"), entry("same")];
    const rows = [row("changed"), row("lost"), row("lost before", "f", true), row("returned", "f", true), row("same")];
    const { decisions, summary } = await planned([entries], [rows]);
    expect(told(decisions)).toEqual(["changed fetch changed", "fresh fetch new", "lost gone", "returned fetch returned"]);
    expect(summary).toMatchObject({
      complete: true,
      listed: 4,
      known: 3,
      fetch: { items: 3, bytes: 30 },
      changed: 1,
      unchanged: 1,
      gone: 1,
      problems: 0,
    });
    expect(decisions[0]).toMatchObject({ known: true, fingerprint: "new" });
    expect(decisions[1]).not.toHaveProperty("known");
  });

  it("fetches everything that can be read in full mode, and still tells what is gone", async () => {
    const { decisions } = await planned([[entry("a"), entry("b"), problem("c")]], [[row("a"), row("c"), row("d")]], { mode: "full" });
    expect(told(decisions)).toEqual(["a fetch full", "b fetch new", "c problem SOURCE_DENIED", "d gone"]);
  });

  it("keeps what lies in a folder that could not be listed, and says that the listing is not complete", async () => {
    const rows = [row("a"), row("closed/1"), row("closed/2"), row("closer"), row("z")];
    const { decisions, summary } = await planned([[entry("a"), problem("closed/", "closed/"), entry("z")]], [rows]);
    expect(told(decisions)).toEqual(["closed/ problem SOURCE_DENIED", "closer gone"]);
    expect(summary).toMatchObject({ complete: false, unchanged: 4 });
    expect((await planned([[problem("x")]], [[]])).summary).toMatchObject({ complete: true, problems: 1 });
  });

  it("leaves alone what its filter leaves out, on both sides", async () => {
    const rules = { filter: ({ path }: { path: string }) => !path.endsWith(".tmp") };
    const { decisions, summary } = await planned(
      [[entry("a.tmp"), entry("b", "new"), entry("c.tmp")]],
      [[row("b"), row("c.tmp", "old")]],
      rules,
    );
    expect(told(decisions)).toEqual(["b fetch changed"]);
    expect(summary).toMatchObject({ filtered: 2, known: 2, listed: 3 });
  });

  it("does not fetch what the source proves to be the same content", async () => {
    const contentTag = (fingerprint: string) => fingerprint.split(".")[1] ?? null;
    const rows = [row("a", "1.x"), row("b", "1.x"), row("c", "1")];
    const { decisions, summary } = await planned([[entry("a", "2.x"), entry("b", "2.y"), entry("c", "2")]], [rows], { contentTag });
    expect(told(decisions)).toEqual(["a touch", "b fetch changed", "c fetch changed"]);
    expect(summary).toMatchObject({ touched: 1, changed: 2 });
  });

  it("names paths that differ only in case or Unicode form", async () => {
    const paths = ["A/x", "a/X", "a/x", "b", "e\u0301", "\u00e9"].sort(comparePaths);
    const { summary } = await planned([paths.map((path) => entry(path))], []);
    expect(summary.collisions.map((group) => group.sort())).toEqual([
      ["A/x", "a/X", "a/x"],
      ["e\u0301", "\u00e9"],
    ]);
  });

  it("retires everything of an emptied source, in pages", async () => {
    const rows = Array.from({ length: 5000 }, (_, i) => row(String(i).padStart(5, "0")));
    const { decisions, summary } = await planned([], pages(rows, [1000, 1000, 1000, 1000]));
    expect(summary).toMatchObject({ complete: true, gone: 5000 });
    expect(decisions).toHaveLength(5000);
  });

  it("refuses a side that is out of order instead of retiring what is there", async () => {
    for (const [entries, rows] of [
      [[[entry("b"), entry("a")]], []],
      [[[entry("a")], [entry("a")]], []],
      [[[entry("\u{10000}")], [entry("\uFB00")]], []],
      [[[entry("z")]], [[row("b"), row("a")]]],
      [[[entry("z")]], [[row("b")], [row("a")]]],
    ] as const) {
      await expect(planned(entries as unknown as Entry[][], rows as unknown as Known[][])).rejects.toThrow(/ascending byte order/);
    }
  });

  it("equals the comparison of two maps, however the sides are paged", async () => {
    const path = fc.string({ unit: fc.constantFrom("a", "b", "/", "-", "\uFB00", "\u{1F600}"), minLength: 1, maxLength: 4 });
    const side = fc.dictionary(path, fc.record({ print: fc.constantFrom("1", "2"), gone: fc.boolean() }), { maxKeys: 30 });
    const cuts = fc.array(fc.nat(5), { maxLength: 10 });
    const property = fc.asyncProperty(
      side,
      side,
      cuts,
      cuts,
      fc.constantFrom("incremental" as const, "full" as const),
      async (source, catalogue, one, two, mode) => {
        const sorted = (of: object) => Object.keys(of).sort(comparePaths);
        const entries = sorted(source).map((path) => entry(path, source[path]!.print));
        const rows = sorted(catalogue).map((path) => row(path, catalogue[path]!.print, catalogue[path]!.gone));
        const { decisions } = await planned(pages(entries, one), pages(rows, two), { mode });
        const expected = [...new Set([...sorted(source), ...sorted(catalogue)])].sort(comparePaths).flatMap((path) => {
          const [here, there] = [source[path], catalogue[path]];
          if (!here) return there!.gone ? [] : [`${path} gone`];
          if (!there) return [`${path} fetch new`];
          if (there.gone) return [`${path} fetch returned`];
          if (mode === "full") return [`${path} fetch full`];
          return here.print === there.print ? [] : [`${path} fetch changed`];
        });
        expect(told(decisions)).toEqual(expected);
      },
    );
    await fc.assert(property, { numRuns: 300 });
  });
});

describe("Batches", () => {
  const item = (size: number): FetchItem => ({ path: "p", size, modifiedAt: null, fingerprint: "f" });

  it("keep every item once, respect their limits, and carry large files alone", () => {
    const limits = { maxItems: 5, maxBytes: 100, largeFrom: 100 };
    fc.assert(
      fc.property(fc.array(fc.nat(130)), (sizes) => {
        const grouping = batches(limits);
        const all = [...sizes.flatMap((size) => grouping.add(item(size))), ...grouping.end()];
        expect(all.flatMap(({ items }) => items.map(({ size }) => size)).sort((a, b) => a - b)).toEqual([...sizes].sort((a, b) => a - b));
        for (const { items, bytes } of all) {
          expect(bytes).toBe(items.reduce((sum, { size }) => sum + size, 0));
          expect(items.length).toBeGreaterThan(0);
          expect(items.length).toBeLessThanOrEqual(limits.maxItems);
          if (items.length > 1) expect(items.every(({ size }) => size < limits.largeFrom) && bytes <= limits.maxBytes).toBe(true);
        }
      }),
    );
  });

  it("are none when there is nothing to fetch", () => {
    expect(batches().end()).toEqual([]);
  });
});
