import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { pathToFileURL } from "node:url";
import { afterEach, describe, expect, test } from "@jest/globals";
import { sample } from "../../test/samples.ts";
import { AnalysisThreads, type ThreadOptions } from "./threads.ts";

const opened: AnalysisThreads[] = [];
const folders: string[] = [];
const open = (options: ThreadOptions) => {
  const threads = new AnalysisThreads(options);
  opened.push(threads);
  return threads;
};
afterEach(async () => {
  await Promise.all(opened.splice(0).map((threads) => threads.close()));
  await Promise.all(folders.splice(0).map((folder) => rm(folder, { recursive: true })));
});

/** A thread that works like the real one, except for assets of these names. */
async function program(): Promise<URL> {
  const folder = await mkdtemp(join(tmpdir(), "legendo-thread-"));
  folders.push(folder);
  const file = join(folder, "thread.mjs");
  const real = new URL("./analyse.ts", import.meta.url).href;
  await writeFile(
    file,
    `import { parentPort } from "node:worker_threads";
     import { analyse } from ${JSON.stringify(real)};
     parentPort.on("message", async (request) => {
       if (request.name === "endless") for (;;);
       if (request.name === "crash") process.exit(1);
       if (request.name === "greedy") { const all = []; for (;;) all.push(new Array(1e5).fill(request)); }
       parentPort.postMessage({ analysis: await analyse(request) });
     });`,
  );
  return pathToFileURL(file);
}

const text = (name: string) => {
  const bytes = new Uint8Array(Buffer.from("some text"));
  return { bytes, name, size: bytes.length };
};

describe("AnalysisThreads", () => {
  test("an asset past its deadline fails alone: its thread is replaced and the next asset is analysed", async () => {
    const threads = open({ threads: 1, deadlineMs: 1500, program: await program() });
    const [late, next] = await Promise.all([threads.analyse(text("endless")), threads.analyse(text("next.txt"))]);
    expect(late).toMatchObject({ status: "failed", problem: "The analysis took longer than 1.5 s and was ended." });
    expect(next).toMatchObject({ status: "complete", category: "text" });
    expect(threads.replaced).toBe(1);
  });

  test("a thread that dies or runs out of memory costs one asset", async () => {
    const threads = open({ threads: 1, heapMb: 32, program: await program() });
    const results = await Promise.all(["crash", "greedy", "after.txt"].map((name) => threads.analyse(text(name))));
    expect(results.map(({ status }) => status)).toEqual(["failed", "failed", "complete"]);
    expect(results[1]!.problem).toMatch(/memory/);
    expect(threads.replaced).toBe(2);
  });

  test("the event loop stays free while pictures are decoded", async () => {
    const threads = open({ threads: 1 });
    const photo = await sample("photos/2024 autumn/morning over the lake.jpg");
    await threads.analyse({ bytes: photo.slice(), name: "first.jpg", size: photo.length });
    const delay = monitorEventLoopDelay({ resolution: 5 });
    delay.enable();
    const work = Array.from({ length: 20 }, () => threads.analyse({ bytes: photo.slice(), name: "again.jpg", size: photo.length }));
    const results = await Promise.all(work);
    delay.disable();
    expect(results.every(({ status }) => status === "complete")).toBe(true);
    expect(delay.percentile(99) / 1e6).toBeLessThan(50);
  });

  test("takes small buffers that share their memory with others", async () => {
    const bytes = Buffer.from("a short note");
    const neighbour = Buffer.from("neighbour");
    await open({ threads: 1 }).analyse({ bytes, name: "a.txt", size: bytes.length });
    expect(neighbour.toString()).toBe("neighbour");
  });

  test("closing rejects what is under way and what waits, as retryable", async () => {
    const threads = open({ threads: 1, program: await program() });
    const rejected = Promise.allSettled([threads.analyse(text("endless")), threads.analyse(text("waiting.txt"))]);
    await threads.close();
    expect((await rejected).map((result) => result.status === "rejected" && (result.reason as { type: string }).type)).toEqual([
      "WORKER_THREAD_LOST",
      "WORKER_THREAD_LOST",
    ]);
  });
});
