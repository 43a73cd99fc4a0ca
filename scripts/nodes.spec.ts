import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { startNodes, type Nodes } from "./nodes.ts";
import { identity } from "./servers/process.ts";

let dataDir: string;
let nodes: Nodes;
let lines: string[];
let changes: number;

beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), "legendo-nodes-"));
  lines = [];
  changes = 0;
});

afterEach(async () => {
  await nodes.stop(2000);
  rmSync(dataDir, { recursive: true, force: true });
});

const pair = [
  { id: "one", services: ["sync"] },
  { id: "two", services: ["sync"] },
];
/** Two nodes that run the given script. */
const start = (script: string) =>
  (nodes = startNodes({
    dataDir,
    environment: () => process.env,
    report: (line) => lines.push(line),
    changed: () => changes++,
    nodes: pair,
    program: ["-e", script],
  }));
const stay = "process.on('disconnect', () => process.exit()); process.on('SIGINT', () => process.exit());";

test("a killed node is started again, and only that one", async () => {
  start(stay).settled();
  const [one, two] = nodes.list();
  await sleep(200);
  process.kill(one!.pid, "SIGKILL");
  while (!changes) await sleep(20);
  const [oneAgain, twoStill] = nodes.list();
  expect(twoStill).toEqual(two);
  expect(oneAgain!.pid).not.toBe(one!.pid);
  expect(identity(oneAgain!.pid)).not.toBe("");
  expect(lines.join()).toContain("node one ended (signal SIGKILL); starting it again in 0.5 s");
});

test("a node that ends before the cluster was ready is a fault of the start, told with its last words", async () => {
  start("if (process.env.LEGENDO_NODE_ID === 'two') { console.error('no such key'); process.exit(1) } " + stay);
  await expect(nodes.fault).rejects.toThrow(/Node two ended while starting \(exit code 1\)[^]*no such key/);
});

test("stopped nodes stay stopped", async () => {
  start(stay).settled();
  await sleep(200);
  const pids = nodes.list().map(({ pid }) => pid);
  await nodes.stop(2000);
  await sleep(700);
  expect(pids.map(identity)).toEqual(["", ""]);
  expect(changes).toBe(0);
});
