import { expect, it } from "@jest/globals";
import { setImmediate as turn } from "node:timers/promises";
import { collectGarbage } from "./growth.ts";

it("what nobody needs is freed when a thread has nothing to do, what is needed stays", async () => {
  const needed = { bytes: new ArrayBuffer(1000) };
  const kept = new WeakRef(needed);
  const left = new WeakRef({ bytes: new ArrayBuffer(1000) });
  // What a WeakRef was made of lives to the end of the turn.
  await turn();
  collectGarbage();
  expect(left.deref()).toBeUndefined();
  expect(kept.deref()).toBe(needed);
});
