import { readdirSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { say } from "../scripts/terminal.ts";
import { nameOfText } from "../services/sync/sources/names.ts";
import { testDatabase } from "../test/database.ts";
import { hunt } from "../test/hunt.ts";
import { withServers } from "../test/servers.ts";

// npm run bench -- kill: a large real tree, synced while the node that owns the job is killed ten times, then read back to the last byte.
const { values } = parseArgs({
  options: { root: { type: "string", default: "/usr/share" }, kills: { type: "string", default: "10" } },
});
process.env["LOG_LEVEL"] ??= "error";

/** Paths of all files in a folder, links left out. Written without our own listing: what that forgets would be missed. */
function filesIn(root: string, prefix = ""): string[] {
  return readdirSync(join(root, prefix), { withFileTypes: true }).flatMap((entry) => {
    const path = join(prefix, entry.name);
    return entry.isDirectory() ? filesIn(root, path) : entry.isFile() ? [path] : [];
  });
}

const files = filesIn(values.root);
const outcome = await withServers(async (folder) => {
  const world = await testDatabase();
  try {
    return await hunt({
      world,
      folder,
      root: values.root,
      kills: Number(values.kills),
      longestLife: 1_500,
      oneIn: 1,
      report: say,
    });
  } finally {
    await world.drop();
  }
});

const { job, progress } = outcome;
const missing = files.filter((path) => !outcome.assets.has(nameOfText(path))).length;
const falls = progress.filter((step, i) => i && (step.percent < progress[i - 1]!.percent || step.items < progress[i - 1]!.items)).length;
const duplicates = [...outcome.assets.values()].filter((count) => count > 1).length;
const seconds = (milliseconds: number) => `${(milliseconds / 1000).toFixed(2)} s`;
say(`folder            ${values.root}: ${job.items.total} entries, ${(job.bytes.total / 2 ** 20).toFixed(0)} MiB`);
say(`job               ${job.status} after ${seconds(Date.parse(job.completedAt ?? "") - Date.parse(job.createdAt))}`);
say(`kills of owners   ${outcome.killed.length}`);
say(
  `longest gap       ${seconds(outcome.longestGapMs)} from a kill to the next owner or step, ${seconds(outcome.longestSilenceMs)} without news of progress`,
);
say(`progress events   ${progress.length}, falls ${falls}`);
say(`assets            ${outcome.assets.size}, stored twice ${duplicates}, versions ${outcome.versions}, refused ${job.items.failed}`);
say(`files             ${files.length} in the folder, missing in the vault ${missing}`);
say(`read back         ${outcome.assets.size} assets through tickets, SHA-256 different from the source ${outcome.different.length}`);
if (missing || duplicates || falls || outcome.different.length || outcome.longestGapMs > 5_000 || outcome.versions !== outcome.assets.size)
  process.exitCode = 1;
