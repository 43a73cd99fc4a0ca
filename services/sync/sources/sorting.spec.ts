import { readdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { describe, expect, it } from "@jest/globals";
import { comparePaths } from "./order.ts";
import { Sorting } from "./sorting.ts";

const openFiles = () => readdirSync("/proc/self/fd").length;
/** Numbers that look random and are the same every time. */
function numbers(seed: number) {
  return (below: number) => {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
    return (seed >>> 8) % below;
  };
}

describe("Sorting", () => {
  it.each([
    ["in memory", Infinity],
    ["on the disk", 20_000],
    ["on the disk, one by one", 1],
  ])("puts texts in the order of their bytes %s", (_, most) => {
    const next = numbers(7);
    // Surrogates come after U+FFFF by bytes and before U+E000 by units.
    const signs = ["a", "b", "/", "\n", "é", "\ue000", "\uffff", "\u{10000}", "\u{1f600}", "x".repeat(40)];
    const texts = Array.from({ length: most === 1 ? 300 : 5_000 }, () =>
      Array.from({ length: next(8) }, () => signs[next(signs.length)]).join(""),
    );
    const sorting = new Sorting(most);
    for (const text of texts) sorting.add(text);
    expect([...sorting.inOrder()]).toEqual(texts.toSorted(comparePaths));
  });

  it("takes texts that are longer than what is written at once", () => {
    const texts = [300_000, 65_531, 65_532, 65_533, 5, 200_000].map((length, i) => String(9 - i).repeat(length));
    const sorting = new Sorting(100_000);
    for (const text of texts) sorting.add(text);
    expect([...sorting.inOrder()]).toEqual(texts.toSorted());
  });

  it("leaves nothing on the disk, read to its end or not", () => {
    const [files, names] = [openFiles(), readdirSync(tmpdir()).filter((name) => name.startsWith("legendo-")).length];
    for (const leave of ["early", "unread", "late"]) {
      const sorting = new Sorting(1_000);
      for (let i = 0; i < 1_000; i++) sorting.add(`name ${i}`);
      expect(openFiles()).toBe(files + 1);
      expect(readdirSync(tmpdir()).filter((name) => name.startsWith("legendo-")).length).toBeLessThanOrEqual(names);
      if (leave === "unread") sorting.close();
      else for (const name of sorting.inOrder()) if (leave === "early" && name) break;
      expect(openFiles()).toBe(files);
    }
  });
});
