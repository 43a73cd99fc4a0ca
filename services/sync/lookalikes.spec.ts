import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { findLookalikes } from "./lookalikes.ts";
import { comparePaths } from "./sources/order.ts";

/** @param paths in byte order */
function groupsIn(paths: string[]): string[][] {
  const found: string[][] = [];
  const look = findLookalikes(found);
  for (const path of paths) look(path);
  return found;
}

describe("Paths that look alike", () => {
  it("are all that fold to the same text, whatever they are made of", () => {
    const path = fc.string({
      unit: fc.constantFrom("a", "A", "/", "é", "e\u0301", "É", "ß", "\u{10400}", "\u{10428}"),
      minLength: 1,
      maxLength: 3,
    });
    fc.assert(
      fc.property(fc.uniqueArray(path, { maxLength: 60 }), (paths) => {
        const groups = Map.groupBy(paths, (path) => path.normalize("NFC").toLowerCase());
        const expected = [...groups.values()].filter(({ length }) => length > 1).map((group) => group.sort(comparePaths));
        const ordered = (all: string[][]) => all.sort(([a], [b]) => comparePaths(a!, b!));
        expect(ordered(groupsIn(paths.sort(comparePaths)))).toEqual(ordered(expected));
      }),
      { numRuns: 500 },
    );
  });

  it("are found among a hundred thousand that differ, and no more than a hundred groups are told", () => {
    const paths = Array.from({ length: 100_000 }, (_, i) => `Holidays in Île-de-France/IMG_${String(i).padStart(5, "0")}.jpg`);
    expect(groupsIn(paths)).toEqual([]);
    const again = paths.slice(0, 99).map((path) => path.toLowerCase());
    expect(groupsIn([...paths, ...again])).toHaveLength(99);
    expect(groupsIn([...paths.map((path) => path.toUpperCase()), ...paths, ...again])).toHaveLength(100);
  });

  it("are looked for as far as sixteen megabytes of them reach", () => {
    const paths = Array.from({ length: 20_000 }, (_, i) => `A${String(i).padStart(5, "0")}${"x".repeat(1000)}`);
    const again = [paths[0]!.toLowerCase(), paths[19_999]!.toLowerCase()];
    expect(groupsIn([...paths, ...again])).toEqual([[paths[0], again[0]]]);
  });
});
