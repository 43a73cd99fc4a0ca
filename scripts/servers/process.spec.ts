import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { identity, launch, stopLeftovers, type Running } from "./process.ts";
import { untilReady } from "./ready.ts";

let dataDir: string;

beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), "legendo-process-"));
});

afterEach(() => rmSync(dataDir, { recursive: true, force: true }));

const sh = (script: string): Running =>
  launch({ name: "it", dataDir, command: "sh", args: ["-c", script], env: process.env, cwd: dataDir });
const says = (running: Running, text: string) =>
  untilReady(
    running,
    () => (readFileSync(running.log, "utf8").includes(text) ? Promise.resolve() : Promise.reject(new Error("not yet"))),
    5000,
  );

test("a process that ignores SIGINT is killed after its grace, children included", async () => {
  const running = sh("trap '' INT; sleep 60 & echo child $!; wait");
  await says(running, "child");
  const child = Number(/child (\d+)/.exec(readFileSync(running.log, "utf8"))?.[1]);
  expect(identity(child)).not.toBe("");
  await running.stop(200);
  expect(await running.ended).toBe("signal SIGKILL");
  while (identity(child)) await sleep(10);
  expect(existsSync(join(dataDir, "run", "it.pid"))).toBe(false);
});

test("a process that ends while it is waited for is reported with the end of its log", async () => {
  const running = sh("echo port is taken >&2; exit 3");
  await expect(untilReady(running, () => Promise.reject(new Error("closed")))).rejects.toThrow(
    /it ended while starting \(exit code 3\)[^]*port is taken/,
  );
});

test("a program that is not there is reported, not thrown", async () => {
  const running = launch({ name: "it", dataDir, command: join(dataDir, "absent"), args: [], env: {}, cwd: dataDir });
  expect(await running.ended).toMatch(/ENOENT/);
  await running.stop(100);
});

test("nothing is stopped for a pid file whose process is gone", async () => {
  const running = sh("exit 0");
  await running.ended;
  expect(await stopLeftovers(dataDir, [], 100)).toEqual([]);
});
