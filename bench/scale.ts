import { cpus } from "node:os";
import { parseArgs } from "node:util";
import { say } from "../scripts/terminal.ts";
import { testDatabase, type TestDatabase } from "../test/database.ts";
import { median } from "../test/median.ts";
import { withServers } from "../test/servers.ts";
import { latencyMs, startCluster, type ScaleCluster } from "./scale/cluster.ts";
import { fairness } from "./scale/fairness.ts";
import { throughput, type Throughput } from "./scale/throughput.ts";

// npm run bench -- scale: what more nodes bring where a source keeps one waiting, and who gets the slots where many want them.
const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "3" },
    only: { type: "string" },
    quick: { type: "boolean", default: false },
  },
});
const sizes = values.quick
  ? {
      nodes: [1, 2],
      rounds: 1,
      files: 600,
      crowd: { tenants: 10, jobsEach: 20, files: 100, large: 1_000, settleMs: 5_000, watchMs: 13_000, windowMs: 10_000 },
    }
  : {
      nodes: [1, 2, 4],
      rounds: Number(values.rounds),
      files: 12_000,
      crowd: { tenants: 50, jobsEach: 20, files: 100, large: 2_000, settleMs: 5_000, watchMs: 60_000, windowMs: 30_000 },
    };
const aims = { perDoubling: 1.8, urgentSeconds: 5, leastShare: 0.5 };
/** When so much of a core is in use, by nodes, database, web server and all, they begin to wait for each other, and not for the source. */
const full = 1;
process.env["LOG_LEVEL"] ??= "error";

function judge(aim: string, reached: boolean): void {
  say(`  aim: ${aim}: ${reached ? "reached" : "NOT reached"}`);
  if (!reached) process.exitCode = 1;
}

async function measureThroughput(cluster: ScaleCluster, world: TestDatabase): Promise<void> {
  const measured = new Map<number, Throughput[]>(sizes.nodes.map((count) => [count, []]));
  for (let round = 0; round < sizes.rounds; round++) {
    for (const count of sizes.nodes) {
      await cluster.nodes(count, 1);
      // What a fresh node loads at its first job is not what is measured.
      await throughput(cluster, world, count, 200, 4096);
      measured.get(count)!.push(await throughput(cluster, world, count, sizes.files, 4096));
    }
  }
  say(`throughput from a web server with ${latencyMs} ms to each answer, files of 4 KiB, one job and one thread per node`);
  let before: number | undefined;
  for (const [count, results] of measured) {
    const files = median(results.map(({ filesPerSecond }) => filesPerSecond));
    const busy = median(results.map((result) => result.busy));
    const ratio = before && files / before;
    say(
      `  ${count} node${count > 1 ? "s" : " "}  ${files.toFixed(0).padStart(6)} files/s, ${busy.toFixed(2)} of ${cpus().length} cores in use${ratio ? `, ${ratio.toFixed(2)} × of half as many nodes` : ""}`,
    );
    if (ratio && busy < full && !values.quick)
      judge(`at least ${aims.perDoubling} × per doubling until a core is full`, ratio >= aims.perDoubling);
    before = files;
  }
}

async function measureFairness(cluster: ScaleCluster, world: TestDatabase): Promise<void> {
  const { crowd } = sizes;
  await cluster.nodes(2, 2);
  const { shares, turns, urgent, completed } = await fairness(cluster, world, crowd);
  say(
    `${crowd.tenants * crowd.jobsEach} queued jobs of ${crowd.tenants} tenants on 2 nodes, of ${crowd.files} files each, every tenth tenant's of ${crowd.large}`,
  );
  say(`  urgent jobs   ${urgent.map((seconds) => `${seconds.toFixed(1)} s`).join(", ")}`);
  judge(`each within ${aims.urgentSeconds} s`, Math.max(...urgent) <= aims.urgentSeconds);
  say(
    `  shares        ${shares.least.toFixed(2)} to ${shares.most.toFixed(2)} × of the fair one in ${shares.windows} windows of ${crowd.windowMs / 1000} s; ${turns} turns, ${completed} jobs completed`,
  );
  judge(`at least ${aims.leastShare} × of its fair share for every tenant in every window`, shares.least >= aims.leastShare);
}

await withServers(async (folder) => {
  const world = await testDatabase();
  const cluster = await startCluster(world, folder);
  try {
    if (values.only !== "fairness") await measureThroughput(cluster, world);
    if (values.only !== "throughput") await measureFairness(cluster, world);
  } finally {
    await cluster.stop();
    await world.drop();
  }
});
process.exit();
