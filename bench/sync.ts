import { existsSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { say } from "../scripts/terminal.ts";
import { median } from "../test/median.ts";
import { startCluster, type BenchCluster } from "./sync/cluster.ts";
import { largeFiles, sizes, smallFiles, tinyFiles } from "./sync/corpus.ts";
import { encryptingPeers, plainPeers, type Origin, type Peer } from "./sync/peers.ts";
import type { Cost } from "./sync/processes.ts";
import { s3Server, sftpServer } from "./sync/servers.ts";

// npm run bench -- sync: syncs into the vault, beside the tools people use by hand, in one run. Everything lies in memory where the
// machine has /dev/shm, so that no side waits for a disk; the rounds take turns, and the first is thrown away.
const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "5" },
    quick: { type: "boolean", default: false },
    // Small files, for machines on which 20,000 take too long.
    files: { type: "string" },
    only: { type: "string", default: "small,large,nothing,sftp,s3" },
  },
});
const rounds = Number(values.rounds);
const chosen = values.quick ? sizes.quick : sizes.full;
const size = { ...chosen, ...(values.files && { small: Number(values.files) }) };
const wanted = new Set(values.only.split(","));
const memoryAim = 300;

const base = mkdtempSync(join(existsSync("/dev/shm") ? "/dev/shm" : tmpdir(), "legendo-bench-"));
const source = (name: string) => join(base, "source", name);
const files = { small: size.small, large: size.large.count, tiny: size.tiny };
const origin = (name: keyof typeof files): Origin => ({ path: source(name), files: files[name] });
let fresh = 0;
const destination = () => join(base, `destination-${++fresh}`);

interface Contest {
  title: string;
  /** Peer → the share of its wall time that ours may take. */
  aims: Record<string, number>;
  ours: () => Promise<Cost>;
  peers: { name: string; run: () => Promise<Cost> }[];
}

/** Runs all sides in turns and compares the medians. */
async function contest({ title, aims, ours, peers }: Contest): Promise<void> {
  const costs = new Map<string, Cost[]>([["legendo", []], ...peers.map(({ name }): [string, Cost[]] => [name, []])]);
  for (let round = 0; round <= rounds; round++) {
    const results: [string, Cost][] = [["legendo", await ours()]];
    for (const { name, run } of peers) results.push([name, await run()]);
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
  for (const [name, aim] of Object.entries(aims))
    if (costs.has(name)) judge(`${aim} × of the time of ${name}`, middle("legendo", "wall") / middle(name, "wall") <= aim);
  const memory = memoryOfNodes();
  say(`  peak memory of a sync node ${memory.toFixed(0)} MiB`);
  judge(`${memoryAim} MiB`, memory <= memoryAim);
}

/** Small corpora say whether all this works, not how fast it is. */
function judge(aim: string, reached: boolean): void {
  if (values.quick) return;
  say(`  aim: at most ${aim}: ${reached ? "reached" : "NOT reached"}`);
  if (!reached) process.exitCode = 1;
}

const copying = (peers: Peer[], origin: Origin) =>
  peers.map((peer) => ({
    name: peer.name,
    async run() {
      const into = destination();
      const cost = await peer.copy(origin, into);
      for (const left of [into, `${into}-cache`, `${into}-base`]) rmSync(left, { recursive: true, force: true });
      return cost;
    },
  }));

let cluster: BenchCluster | undefined;
const closing: (() => Promise<void>)[] = [];
const memoryOfNodes = () => cluster?.memory() ?? 0;
try {
  for (const name of ["small", "large", "tiny"]) mkdirSync(source(name), { recursive: true });
  smallFiles(source("small"), size.small);
  if (wanted.has("large")) largeFiles(source("large"), size.large);
  if (wanted.has("nothing")) tinyFiles(source("tiny"), size.tiny);
  const servers = {
    ...(wanted.has("sftp") && { sftp: await sftpServer(origin("small")) }),
    ...(wanted.has("s3") && { s3: await s3Server(origin("small")) }),
  };
  closing.push(...Object.values(servers).map(({ close }) => close));
  process.env["SYNC_PRIVATE_HOSTS"] = Object.values(servers)
    .map(({ host }) => host)
    .join(",");
  cluster = await startCluster(join(base, "cluster"), join(base, "source"));
  const running = cluster;
  const ingest = (request: { input: string }) => async () => (await running.organisation()).sync(request);
  const folder = (name: string) => ({ input: pathToFileURL(source(name)).href });
  const encrypting = encryptingPeers();

  if (wanted.has("small"))
    await contest({
      title: `${size.small} small files`,
      aims: { "rclone crypt": 0.8, restic: 0.6 },
      ours: ingest(folder("small")),
      peers: copying(encrypting, origin("small")),
    });
  if (wanted.has("large"))
    await contest({
      title: `${size.large.count} files of ${size.large.mebibytes} MiB`,
      aims: { "rclone crypt": 0.5 },
      ours: ingest(folder("large")),
      peers: copying(encrypting, origin("large")),
    });
  for (const [name, { title, aim, request, origin: served }] of Object.entries(servers))
    if (wanted.has(name))
      await contest({
        title: `${size.small} small files ${title}`,
        aims: { "rclone crypt": aim },
        ours: ingest(request),
        peers: copying(encrypting.slice(0, 1), served),
      });
  if (wanted.has("nothing")) {
    const tenant = await running.organisation();
    await tenant.sync(folder("tiny"));
    const again = [...plainPeers(), ...encrypting.slice(1)].map((peer) => ({ peer, into: destination() }));
    for (const { peer, into } of again) await peer.copy(origin("tiny"), into);
    await contest({
      title: `${size.tiny} files, nothing changed`,
      aims: { "rclone plain": 1, restic: 0.25 },
      ours: () => tenant.sync(folder("tiny")),
      peers: again.map(({ peer, into }) => ({ name: peer.name, run: () => peer.copy(origin("tiny"), into) })),
    });
  }
} finally {
  await cluster?.stop();
  for (const close of closing) await close();
  rmSync(base, { recursive: true, force: true });
}
