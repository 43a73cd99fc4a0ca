import { existsSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { say } from "../scripts/terminal.ts";
import { median } from "../test/median.ts";
import { startCluster, type BenchCluster } from "./sync/cluster.ts";
import { largeFiles, sizes, smallFiles, tinyFiles } from "./sync/corpus.ts";
import { encryptingPeers, plainPeers, type Peer } from "./sync/peers.ts";
import type { Cost } from "./sync/processes.ts";

// npm run bench -- sync: syncs into the vault, beside the tools people use by hand, in one run. Everything lies in memory where the
// machine has /dev/shm, so that no side waits for a disk; the rounds take turns, and the first is thrown away.
const { values } = parseArgs({ options: { rounds: { type: "string", default: "3" }, quick: { type: "boolean", default: false } } });
const rounds = Number(values.rounds);
const size = values.quick ? sizes.quick : sizes.full;
const aims = { small: 1, large: 1, nothing: 1.5, memory: 350 };

const base = mkdtempSync(join(existsSync("/dev/shm") ? "/dev/shm" : tmpdir(), "legendo-bench-"));
const source = (name: string) => join(base, "source", name);
let fresh = 0;
const destination = () => join(base, `destination-${++fresh}`);

interface Contest {
  title: string;
  aim: number;
  ours: () => Promise<Cost>;
  peers: { name: string; run: () => Cost }[];
}

/** Runs both sides in turns; answers our wall time over the first peer's. */
async function contest({ title, aim, ours, peers }: Contest): Promise<void> {
  const costs = new Map<string, Cost[]>([["legendo", []], ...peers.map(({ name }): [string, Cost[]] => [name, []])]);
  for (let round = 0; round <= rounds; round++) {
    const results: [string, Cost][] = [["legendo", await ours()]];
    for (const { name, run } of peers) results.push([name, run()]);
    // First touch of memory costs seconds: the first round is not counted.
    if (round) for (const [name, cost] of results) costs.get(name)!.push(cost);
  }
  say(title);
  const middle = (name: string, figure: keyof Cost) => median(costs.get(name)!.map((cost) => cost[figure]));
  for (const name of costs.keys()) {
    const ratio = (figure: keyof Cost) => (middle("legendo", figure) / middle(name, figure)).toFixed(2);
    const beside = name === "legendo" ? "" : `   legendo takes ${ratio("wall")} × of its time, ${ratio("cpu")} × of its CPU`;
    say(`  ${name.padEnd(13)} ${middle(name, "wall").toFixed(2)} s wall ${middle(name, "cpu").toFixed(2)} s CPU${beside}`);
  }
  const [peer] = peers;
  if (peer) judge(`${aim} × of the time of ${peer.name}`, middle("legendo", "wall") / middle(peer.name, "wall") <= aim);
  const memory = memoryOfNodes();
  say(`  peak memory of a sync node ${memory.toFixed(0)} MiB`);
  judge(`${aims.memory} MiB`, memory <= aims.memory);
}

/** Small corpora say whether all this works, not how fast it is. */
function judge(aim: string, reached: boolean): void {
  if (values.quick) return;
  say(`  aim: at most ${aim}: ${reached ? "reached" : "NOT reached"}`);
  if (!reached) process.exitCode = 1;
}

const copying = (peers: Peer[], folder: string) =>
  peers.map((peer) => ({
    name: peer.name,
    run() {
      const into = destination();
      const cost = peer.copy(folder, into);
      rmSync(into, { recursive: true, force: true });
      return cost;
    },
  }));

let cluster: BenchCluster | undefined;
const memoryOfNodes = () => cluster?.memory() ?? 0;
try {
  for (const name of ["small", "large", "tiny"]) mkdirSync(source(name), { recursive: true });
  smallFiles(source("small"), size.small);
  largeFiles(source("large"), size.large);
  tinyFiles(source("tiny"), size.tiny);
  cluster = await startCluster(join(base, "cluster"), join(base, "source"));
  const running = cluster;
  const ingest = (folder: string) => async () => (await running.organisation()).sync(folder);

  await contest({
    title: `${size.small} small files`,
    aim: aims.small,
    ours: ingest(source("small")),
    peers: copying(encryptingPeers(), source("small")),
  });
  await contest({
    title: `${size.large.count} files of ${size.large.mebibytes} MiB`,
    aim: aims.large,
    ours: ingest(source("large")),
    peers: copying(encryptingPeers(), source("large")),
  });

  const tenant = await running.organisation();
  await tenant.sync(source("tiny"));
  const plain = plainPeers().map((peer) => ({ peer, into: destination() }));
  for (const { peer, into } of plain) peer.copy(source("tiny"), into);
  await contest({
    title: `${size.tiny} files, nothing changed`,
    aim: aims.nothing,
    ours: () => tenant.sync(source("tiny")),
    peers: plain.map(({ peer, into }) => ({ name: peer.name, run: () => peer.copy(source("tiny"), into) })),
  });
} finally {
  await cluster?.stop();
  rmSync(base, { recursive: true, force: true });
}
