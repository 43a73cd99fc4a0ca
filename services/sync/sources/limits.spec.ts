import { Worker } from "node:worker_threads";
import { describe, expect, it } from "@jest/globals";
import { Budgets, limited, type Clock, type Limits } from "./limits.ts";
import type { Entry, Opened, Source } from "./source.ts";

/** A clock that jumps to the end of whatever is waited for, as soon as everybody waits. */
function leaping(): Clock & { seconds(): number } {
  let now = 5_000_000n;
  const sleepers: { until: bigint; wake: () => void; fail: (error: Error) => void; signal: AbortSignal | undefined }[] = [];
  const leap = () => {
    sleepers.sort((a, b) => Number(a.until - b.until));
    const next = sleepers.shift();
    if (!next) return;
    if (next.until > now) now = next.until;
    if (next.signal?.aborted) next.fail(next.signal.reason as Error);
    else next.wake();
  };
  return {
    now: () => now,
    seconds: () => Number(now - 5_000_000n) / 1e6,
    sleep: (ms, signal) =>
      new Promise((wake, fail) => {
        sleepers.push({ until: now + BigInt(Math.ceil(ms * 1000)), wake: () => wake(undefined), fail, signal });
        setImmediate(leap);
      }),
  };
}

const kilobyte = 1024;

/** A place of files of a megabyte each, all zeros, that answers at once. */
function endless(): Source & { opened: string[]; largest: number; closed: number } {
  const place = {
    parallel: 16,
    opened: [] as string[],
    largest: 0,
    closed: 0,
    check: () => Promise.resolve(),
    *list(): Iterable<Entry[]> {
      try {
        for (let page = 0; ; page++) yield [{ path: `${page}`, size: 1024 * kilobyte, modifiedAt: null, fingerprint: "1" }];
      } finally {
        place.closed++;
      }
    },
    open(path: string): Opened {
      place.opened.push(path);
      let left = 1024 * kilobyte;
      return {
        size: left,
        modifiedAt: 7,
        fingerprint: "1",
        read(into) {
          const got = Math.min(left, into.length);
          place.largest = Math.max(place.largest, got);
          left -= got;
          return got;
        },
        verify() {},
        close: () => void place.closed++,
      };
    },
    close() {},
  };
  return place;
}

async function readAll(source: Source, path: string, signal?: AbortSignal): Promise<number> {
  const opened = await source.open(path, signal);
  let size = 0;
  for (const into = Buffer.alloc(64 * kilobyte); ;) {
    const got = await opened.read(into);
    if (!got) break;
    size += got;
  }
  await opened.verify();
  opened.close();
  return size;
}

const limitedBy = (limits: Limits, clock = leaping(), budget = new Budgets().of("place")) => {
  const place = endless();
  return { place, clock, source: limited(place, limits, budget, clock) };
};

describe("a source with limits", () => {
  it("gives no more bytes a second than it may, in pieces that never wait long", async () => {
    const { place, clock, source } = limitedBy({ bytesPerSecond: 100 * kilobyte });
    expect(await readAll(source, "a")).toBe(1024 * kilobyte);
    expect(clock.seconds()).toBeGreaterThan(9.7);
    expect(clock.seconds()).toBeLessThan(10.3);
    expect(place.largest).toBe(25 * kilobyte);
    expect(place.closed).toBe(1);
  });

  it("shares its bytes among all that read, whichever thread they are on", async () => {
    const [clock, budget] = [leaping(), new Budgets().of("place")];
    const readers = Array.from({ length: 4 }, () => limited(endless(), { bytesPerSecond: 512 * kilobyte }, budget, clock));
    await Promise.all(readers.map((reader) => readAll(reader, "a")));
    expect(clock.seconds()).toBeGreaterThan(7.5);
    expect(clock.seconds()).toBeLessThan(8.5);
  });

  it("opens and lists no more often than it may; what was not used for long is not saved up", async () => {
    const { clock, source, place } = limitedBy({ requestsPerSecond: 2 });
    for (let i = 0; i < 10; i++) await readAll(source, `${i}`);
    expect(place.opened).toHaveLength(10);
    expect(clock.seconds()).toBeGreaterThan(4.2);
    expect(clock.seconds()).toBeLessThan(4.8);
    await clock.sleep(60_000);
    const before = clock.seconds();
    let pages = 0;
    for await (const page of source.list()) if (page.length && ++pages === 7) break;
    expect(clock.seconds() - before).toBeGreaterThan(2.5);
    expect(place.closed).toBe(11);
  });

  it("keeps to the limits of one place only, and to new ones at once", async () => {
    const [clock, budgets] = [leaping(), new Budgets()];
    const read = (name: string, perSecond: number) =>
      readAll(limited(endless(), { bytesPerSecond: perSecond }, budgets.of(name), clock), "a");
    await Promise.all([read("one", 256 * kilobyte), read("another", 256 * kilobyte)]);
    expect(clock.seconds()).toBeLessThan(4.5);
    const before = clock.seconds();
    await read("one", 1024 * kilobyte);
    expect(clock.seconds() - before).toBeLessThan(1.3);
  });

  it("stops waiting when the call is aborted", async () => {
    const budget = new Budgets().of("place");
    const abort = new AbortController();
    const source = limited(endless(), { bytesPerSecond: kilobyte }, budget);
    const reading = readAll(source, "a", abort.signal);
    setTimeout(() => abort.abort(new Error("enough")), 50);
    await expect(reading).rejects.toMatchObject({ name: "AbortError" });
  });

  it("is read by fewer at the same time where it is slow, and is left as it is without limits", () => {
    expect(limitedBy({ bytesPerSecond: 100 * kilobyte }).source.parallel).toBe(2);
    expect(limitedBy({ requestsPerSecond: 0.5 }).source.parallel).toBe(1);
    expect(limitedBy({ bytesPerSecond: 1024 * 1024 * kilobyte }).source.parallel).toBe(16);
    const { place, source } = limitedBy({});
    expect(source).toBe(place);
  });

  it("has one budget for all threads of the node", async () => {
    const budget = new Budgets().of("place");
    const program = `
      const { parentPort, workerData } = require("node:worker_threads");
      import(workerData.limits).then(async ({ limited }) => {
        const open = () => { let left = 64; return { read: () => (left-- > 0 ? 8192 : 0) }; };
        const source = limited({ parallel: 4, open }, { bytesPerSecond: 1024 * 1024 }, workerData.budget);
        const opened = await source.open("a");
        while (await opened.read(Buffer.alloc(8192)));
        parentPort.postMessage("done");
      });`;
    const workerData = { limits: new URL("./limits.ts", import.meta.url).href, budget };
    const began = performance.now();
    const workers = Array.from({ length: 4 }, () => new Worker(program, { eval: true, workerData, execArgv: ["--no-warnings"] }));
    await Promise.all(workers.map((worker) => new Promise((resolve, reject) => worker.once("message", resolve).once("error", reject))));
    await Promise.all(workers.map((worker) => worker.terminate()));
    // Four times half a megabyte at one a second, less the quarter that may be taken at once; alone each would take a third of a second.
    expect(performance.now() - began).toBeGreaterThan(1_600);
  });
});
