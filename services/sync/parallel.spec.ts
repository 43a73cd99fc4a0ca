import { setImmediate as turn } from "node:timers/promises";
import { describe, expect, it } from "@jest/globals";
import { inParallel } from "./parallel.ts";

const items = [1, 2, 3, 4, 5, 6, 7];

describe("work in parallel lanes", () => {
  it("takes every item once, in order, and never more at a time than there are lanes", async () => {
    const begun: number[] = [];
    let under = 0;
    let most = 0;
    await inParallel(items, 3, async (item) => {
      begun.push(item);
      most = Math.max(most, ++under);
      for (let i = 0; i < item % 3; i++) await turn();
      under--;
    });
    expect({ begun, most, under }).toEqual({ begun: items, most: 3, under: 0 });
  });

  it("that fails begins nothing more, and is thrown when the others have ended", async () => {
    const begun: number[] = [];
    const ended: number[] = [];
    const working = inParallel(items, 2, async (item) => {
      begun.push(item);
      if (item === 2) throw new Error("broken");
      for (let i = 0; i < 5; i++) await turn();
      ended.push(item);
    });
    await expect(working).rejects.toThrow("broken");
    expect({ begun, ended }).toEqual({ begun: [1, 2], ended: [1] });
  });

  it("stops between two items when it is enough, and does not ask when none is left", async () => {
    const done: number[] = [];
    const work = (item: number) => Promise.resolve(void done.push(item));
    let asked = 0;
    await inParallel(items, 1, work, () => Promise.resolve(++asked > 4));
    expect(done).toEqual([1, 2, 3, 4]);
    asked = 0;
    await inParallel([1], 1, work, () => ++asked > 1);
    expect(asked).toBe(1);
  });
});
