import { describe, expect, it } from "@jest/globals";
import { comparePaths } from "../order.ts";
import { END, pathIn, Shelf } from "./shelf.ts";

const record = (path: string) => `${path}${END}{"of":${JSON.stringify(path)}}`;

describe.each([
  ["in memory", Infinity],
  ["on the disk, all of it", 0],
  ["on the disk from some length on", 20_000],
])("A shelf %s", (_, most) => {
  const paths = Array.from({ length: 3_000 }, (_, i) => `${i % 3 ? "a" : "\u{10000}\ue000"}/${i}`).sort(comparePaths);
  const filled = () => {
    const shelf = new Shelf(most);
    for (const path of paths) shelf.add(record(path));
    shelf.end();
    return shelf;
  };

  it("has each record by its path", () => {
    const shelf = filled();
    for (const path of paths) expect(shelf.find(path)).toBe(record(path));
    for (const path of ["", "a", "a/", "a/1 ", "b", "\u{10fffd}"]) expect(shelf.find(path)).toBeUndefined();
    shelf.retire();
  });

  it("is read from any path on, and to its end when it is retired meanwhile", () => {
    const shelf = filled();
    for (const after of ["", "A", paths[0]!, paths[255]!, paths[256]!, "a/15 ", paths[2_998]!, paths[2_999]!])
      expect([...shelf.after(after)].map(pathIn)).toEqual(paths.filter((path) => comparePaths(path, after) > 0));
    const reading = shelf.after("");
    const first = reading.next().value as string;
    shelf.retire();
    expect([first, ...reading]).toEqual(paths.map(record));
  });

  it("may be empty", () => {
    const shelf = new Shelf(most);
    shelf.end();
    expect([shelf.find("a"), ...shelf.after("")]).toEqual([undefined]);
    shelf.retire();
  });
});
