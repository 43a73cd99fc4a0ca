import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "@jest/globals";
import { Gate } from "./gate.ts";

test("lets two work at a time, the others in order, and refuses what its queue does not hold", async () => {
  const gate = new Gate(2, 3);
  const order: number[] = [];
  let running = 0;
  let most = 0;
  const work = (number: number) =>
    gate.pass("", async () => {
      most = Math.max(most, ++running);
      await sleep(5);
      running--;
      order.push(number);
    });
  const outcomes = await Promise.allSettled([1, 2, 3, 4, 5, 6].map(work));
  expect(most).toBe(2);
  expect(order).toEqual([1, 2, 3, 4, 5]);
  expect(outcomes.at(-1)).toMatchObject({ status: "rejected", reason: { type: "SIGN_IN_DELAYED", code: 429 } });
});

test("gives its place back after a work that fails", async () => {
  const gate = new Gate(1, 0);
  await expect(gate.pass("", () => Promise.reject(new Error("no")))).rejects.toThrow("no");
  await expect(gate.pass("", () => Promise.resolve("yes"))).resolves.toBe("yes");
});

test("keeps a place for others when one client takes all that it can have", async () => {
  const gate = new Gate(1, 4, 2);
  const enter: (() => void)[] = [];
  const work = (client: string) => gate.pass(client, () => new Promise<string>((resolve) => enter.push(() => resolve(client))));
  const outcomes = Promise.allSettled(["greedy", "greedy", "greedy", "greedy", "modest"].map(work));
  for (let i = 0; i < 4; i++) {
    while (enter.length <= i) await sleep(1);
    enter[i]!();
  }
  expect((await outcomes).map(({ status }) => status)).toEqual(["fulfilled", "fulfilled", "fulfilled", "rejected", "fulfilled"]);
});

test("lets who is known go first, also when strangers have filled their line", async () => {
  const gate = new Gate(1, 2);
  const order: string[] = [];
  let open: () => void = () => {};
  const first = gate.pass("", () => new Promise<void>((resolve) => (open = resolve)));
  const come = (name: string, known: boolean) => gate.pass(name, () => Promise.resolve(void order.push(name)), known);
  const outcomes = Promise.allSettled([come("a", false), come("b", false), come("c", false), come("ada", true), come("bob", true)]);
  open();
  await first;
  expect((await outcomes).map(({ status }) => status)).toEqual(["fulfilled", "fulfilled", "rejected", "fulfilled", "fulfilled"]);
  expect(order).toEqual(["ada", "bob", "a", "b"]);
});

test("gives every fourth place to the stranger who has waited longest", async () => {
  const gate = new Gate(1, 8);
  const order: string[] = [];
  let open: () => void = () => {};
  const first = gate.pass("", () => new Promise<void>((resolve) => (open = resolve)));
  const come = (name: string, known: boolean) => gate.pass(name, () => Promise.resolve(void order.push(name)), known);
  const all = [come("a", false), come("b", false), ...[1, 2, 3, 4, 5, 6, 7].map((i) => come(`k${i}`, true))];
  open();
  await Promise.all([first, ...all]);
  expect(order).toEqual(["k1", "k2", "k3", "a", "k4", "k5", "k6", "b", "k7"]);
});
