import { expect, test } from "@jest/globals";
import { Turnstile } from "./turnstile.ts";

const turn = () => new Promise((resolve) => setImmediate(resolve));

test("lets two in with each turn, the first at once and all in order, and none wait when nobody came before", async () => {
  const turnstile = new Turnstile(2);
  const inside: number[] = [];
  const come = (...numbers: number[]) => numbers.forEach((number) => turnstile.pass(() => inside.push(number)));
  come(1, 2, 3, 4, 5);
  expect(inside).toEqual([1, 2]);
  await turn();
  expect(inside).toEqual([1, 2, 3, 4]);
  come(6);
  expect(inside).toEqual([1, 2, 3, 4]);
  await turn();
  expect(inside).toEqual([1, 2, 3, 4, 5, 6]);
  await turn();
  await turn();
  come(7, 8, 9);
  expect(inside).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  await turn();
  expect(inside).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
});
