import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { root } from "./cluster.ts";
import { launch, type Running } from "./servers/process.ts";
import { tail } from "./servers/ready.ts";
import type { Report } from "./servers/servers.ts";

/** The nodes of a cluster on one machine: what faces the network, what moves bytes (twice: one may be killed), and the rest. */
export const layout = [
  { id: "edge-1", services: ["api", "auth", "metrics"] },
  { id: "sync-1", services: ["sync"] },
  { id: "sync-2", services: ["sync"] },
  { id: "ai-1", services: ["ai"] },
  { id: "business-1", services: ["payment", "notification"] },
];

export interface Nodes {
  list(): { id: string; pid: number; services: string[] }[];
  /** Rejects when a node ends before `settled()` was called: then something is wrong that a restart would not mend. */
  fault: Promise<never>;
  /** From now on a node that dies is started again. */
  settled(): void;
  stop(graceMs: number): Promise<void>;
  /** Kills what still stops. */
  kill(): void;
}

const restartsAMinute = 5;
const minute = 60_000;

export interface NodesOptions {
  dataDir: string;
  /** Environment of one node, by its id. */
  environment: (id: string) => NodeJS.ProcessEnv;
  report: Report;
  /** Called when a node has a new process id. */
  changed: () => void;
  nodes?: typeof layout;
  /** Arguments of Node itself. */
  program?: string[];
}

/**
 * Keeps a node small. V8 would let garbage grow to a hundred megabytes before it looks, the sooner the less it may have at all: what lives in
 * a sync node's main thread is 50 to 70 MB whatever it lists. glibc keeps a heap of its own per thread, and of each, once large blocks
 * have been freed, megabytes that nobody uses. And taking the types out of TypeScript needs some 10 MB in every thread, which a cache
 * from an earlier start spares. What the caller's environment sets stays. The Dockerfile says
 * the same but for the cache, and a container's limit tells V8 how much it may have.
 */
export const frugal = (dataDir: string, services: readonly string[]) => ({
  NODE_OPTIONS: services.includes("sync") ? "--max-semi-space-size=4 --max-old-space-size=256" : "--max-semi-space-size=8",
  MALLOC_ARENA_MAX: "2",
  MALLOC_TRIM_THRESHOLD_: "262144",
  NODE_COMPILE_CACHE: join(dataDir, "compiled"),
});

/** Starts every node as a process of its own. */
export function startNodes(options: NodesOptions): Nodes {
  const { dataDir, environment, report, changed, nodes = layout, program = ["scripts/node.ts"] } = options;
  const running = new Map<string, Running>();
  const stopping = new AbortController();
  let watching = false;
  let fail: (error: Error) => void;
  const fault = new Promise<never>((_resolve, reject) => (fail = reject));
  fault.catch(() => undefined);

  const start = ({ id, services }: (typeof layout)[number], restarts: number[]) => {
    const env = { ...frugal(dataDir, services), ...environment(id), LEGENDO_NODE_ID: id, SERVICES: services.join(",") };
    const node = launch({ name: id, dataDir, command: process.execPath, args: program, env, cwd: root, ipc: true });
    running.set(id, node);
    void node.ended.then(async (how) => {
      if (stopping.signal.aborted) return;
      if (!watching) return fail(new Error(`Node ${id} ended while starting (${how}). The end of ${node.log}:\n${tail(node.log)}`));
      const recent = restarts.filter((time) => time > Date.now() - minute);
      const backOff = Math.min(500 * 2 ** recent.length, 10_000);
      const allowance = recent.length < restartsAMinute ? 0 : (recent.at(-restartsAMinute) ?? 0) + minute - Date.now();
      const delay = Math.max(backOff, allowance);
      report(`node ${id} ended (${how}); starting it again in ${(delay / 1000).toFixed(1)} s, see ${node.log}`);
      await sleep(delay, undefined, { signal: stopping.signal }).catch(() => undefined);
      if (stopping.signal.aborted) return;
      start({ id, services }, [...recent, Date.now()]);
      changed();
    });
  };
  for (const entry of nodes) start(entry, []);

  return {
    list: () => nodes.map((entry) => ({ ...entry, pid: running.get(entry.id)?.pid ?? 0 })),
    fault,
    settled: () => (watching = true),
    async stop(graceMs) {
      stopping.abort();
      await Promise.all([...running.values()].map((node) => node.stop(graceMs)));
    },
    kill() {
      for (const node of running.values()) node.child.kill("SIGKILL");
    },
  };
}
