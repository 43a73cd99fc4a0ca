import { expect, test } from "@jest/globals";
import { Acquaintances, Crowd, type Leave } from "./crowd.ts";

const stays = new AbortController().signal;

/** A crowd, and who has come so far: what became of each under the name it came with. */
function crowdOf(limits: { atOnce: number; each: number; waiting: number }, known: string[] = []) {
  const acquaintances = new Acquaintances();
  for (const network of known) acquaintances.add(network);
  const crowd = new Crowd(limits, acquaintances);
  const inside = new Map<string, Leave>();
  const refused: string[] = [];
  return {
    crowd,
    inside,
    refused,
    /** "a1" comes from network "a". */
    come: async (name: string, left = stays) => {
      void crowd.enter(name[0]!, left).then(
        (leave) => inside.set(name, leave),
        (error: { type: string; code: number; data: { retryAfter: number } }) => {
          expect(error).toMatchObject({ type: "TOO_MANY_AT_ONCE", code: 429, data: { retryAfter: 3 } });
          refused.push(name);
        },
      );
      await settled();
    },
    leave: async (name: string) => {
      inside.get(name)!();
      inside.delete(name);
      await settled();
    },
  };
}
const settled = () => new Promise((resolve) => setImmediate(resolve));
const names = (map: Map<string, unknown>) => [...map.keys()].sort();

test("a crowd is let in up to its places and those of a network, the rest waits, and who finds no room to wait is refused at once", async () => {
  const { come, leave, inside, refused, crowd } = crowdOf({ atOnce: 4, each: 2, waiting: 3 });
  for (const name of ["a1", "a2", "a3", "b1", "c1", "d1"]) await come(name);
  // A fourth place is kept for who is known.
  expect(names(inside)).toEqual(["a1", "a2", "b1"]);
  expect(() => crowd.check("e")).toThrow("Too many");
  await come("e1");
  expect(refused).toEqual(["e1"]);
  await leave("a1");
  // a3 waited longest, but its network has a place still.
  expect(names(inside)).toEqual(["a2", "b1", "c1"]);
  for (const name of ["a2", "b1", "c1"]) await leave(name);
  expect(names(inside)).toEqual(["a3", "d1"]);
  expect(() => crowd.check("e")).not.toThrow();
});

test("in a full room the network with the most who wait makes room for others, its newest first", async () => {
  const { come, inside, refused } = crowdOf({ atOnce: 4, each: 4, waiting: 3 });
  for (const name of ["a1", "a2", "a3", "a4", "a5", "a6"]) await come(name);
  expect(names(inside)).toEqual(["a1", "a2", "a3"]);
  await come("a7");
  await come("b1");
  await come("b2");
  await come("c1");
  expect(refused).toEqual(["a7", "a6", "b2", "a5"]);
});

test("who is known has places and room that strangers can't take, and goes first", async () => {
  const { come, leave, inside, refused, crowd } = crowdOf({ atOnce: 4, each: 2, waiting: 2 }, ["k"]);
  for (const name of ["a1", "b1", "c1", "d1", "e1"]) await come(name);
  await come("k1");
  expect(names(inside)).toEqual(["a1", "b1", "c1", "k1"]);
  expect(() => crowd.check("k")).not.toThrow();
  await come("k2");
  expect(refused).toEqual(["e1"]);
  await leave("a1");
  expect(names(inside)).toEqual(["b1", "c1", "k1", "k2"]);
  // Being known gives no more than a network's share.
  await come("k3");
  await leave("b1");
  await leave("c1");
  expect(names(inside)).toEqual(["d1", "k1", "k2"]);
});

test("who goes away while waiting leaves the line, and a place is given back once", async () => {
  const { come, inside, refused } = crowdOf({ atOnce: 4, each: 1, waiting: 4 });
  const gone = new AbortController();
  await come("a1");
  await come("a2", gone.signal);
  await come("a3");
  gone.abort();
  await settled();
  expect(refused).toEqual(["a2"]);
  const leave = inside.get("a1")!;
  leave();
  leave();
  await settled();
  expect(names(inside)).toEqual(["a1", "a3"]);
  await come("a4");
  expect(inside.has("a4")).toBe(false);
  const already = new AbortController();
  already.abort();
  await come("a5", already.signal);
  expect(refused).toEqual(["a2", "a5"]);
});

test("networks that are known leave strangers a quarter of the places, and a place in the line", async () => {
  const { come, leave, inside, refused, crowd } = crowdOf({ atOnce: 8, each: 2, waiting: 8 }, ["k", "l", "m", "n"]);
  for (const network of ["k", "l", "m", "n"]) for (const i of [1, 2, 3, 4]) await come(`${network}${i}`);
  expect(inside.size).toBe(8);
  // Nobody else is there: they have it all. The newest of those with the most in the line makes room for a stranger.
  expect(() => crowd.check("p")).not.toThrow();
  await come("p1");
  expect(refused).toEqual(["n4"]);
  // Who is known doesn't get it back from a network with fewer in the line.
  await come("k5");
  expect(refused).toEqual(["n4", "k5"]);
  await come("q1");
  expect(refused).toEqual(["n4", "k5", "m4"]);
  // Strangers have their quarter of the line.
  await come("r1");
  expect(refused).toEqual(["n4", "k5", "m4", "r1"]);
  await leave("k1");
  await leave("l1");
  expect(names(inside)).toEqual(["k2", "l2", "m1", "m2", "n1", "n2", "p1", "q1"]);
  await come("r2");
  // Strangers have their places: it's the turn of who is known.
  await leave("k2");
  expect(names(inside)).toEqual(["k3", "l2", "m1", "m2", "n1", "n2", "p1", "q1"]);
  await leave("q1");
  expect(names(inside)).toEqual(["k3", "l2", "m1", "m2", "n1", "n2", "p1", "r2"]);
});

test("strangers get the places that are kept for them beside networks that are known, and leave these theirs", async () => {
  const { come, inside } = crowdOf({ atOnce: 8, each: 2, waiting: 8 }, ["k", "l", "m", "n"]);
  for (const name of ["k1", "k2", "l1", "l2", "m1", "p1", "q1", "r1"]) await come(name);
  expect(names(inside)).toEqual(["k1", "k2", "l1", "l2", "m1", "p1", "q1"]);
  await come("n1");
  expect(inside.has("n1")).toBe(true);
});

test("who has gone gets no place, also when there is one", async () => {
  const { come, inside, refused } = crowdOf({ atOnce: 4, each: 1, waiting: 4 });
  await come("a1", AbortSignal.abort());
  expect(refused).toEqual(["a1"]);
  await come("a2");
  expect(names(inside)).toEqual(["a2"]);
});
