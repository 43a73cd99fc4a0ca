import { existsSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import pg from "pg";
import { attachEnvironment, dataFolder, readCluster } from "./cluster.ts";
import { giveUp, progressBar, say } from "./terminal.ts";

// npm run audit:verify -- [--archives FOLDER] [--no-stream]: verifies the audit log of DATABASE_URL (the migrations' user), or of the cluster in
// .data, against its checkpoints, and names every record that was edited, deleted, reordered, inserted or cut off. Exit code 1 when there is one.
const shown = 200;
try {
  const { values } = parseArgs({ options: { archives: { type: "string" }, "no-stream": { type: "boolean", default: false } } });
  const dataDir = dataFolder();
  const url = process.env["DATABASE_URL"] || (existsSync(join(dataDir, "cluster.json")) ? readCluster(dataDir).postgres : "");
  if (!url) throw new Error("Expected DATABASE_URL (the role that owns the tables), or a cluster that npm start has described in .data.");
  // What the environment does not say of keys and places is the cluster's in .data.
  if (!process.env["DATABASE_URL"]) Object.assign(process.env, attachEnvironment(dataDir));
  const { verifyCluster } = await import("./auditing.ts");
  const admin = new pg.Client({ connectionString: url, application_name: "legendo audit verify" });
  await admin.connect();
  const bar = progressBar("verifying");
  try {
    const { checkpoints, log } = await verifyCluster(admin, { archives: values.archives, stream: !values["no-stream"] }, (done, of) =>
      bar.update(of ? (100 * done) / of : 100, `${done} of ${of} records`),
    );
    const count = checkpoints.faults.length + log.faults.length;
    bar.end(`${log.records} records of ${log.chains} chains, ${checkpoints.count} checkpoints, ${log.erased} addresses erased`);
    for (const { place, number, text } of checkpoints.faults.slice(0, shown)) say(`checkpoint ${number} in ${place} ${text}`);
    for (const { tenantId, position, id, text } of log.faults.slice(0, shown))
      say(`${tenantId} record ${position}${id ? ` (${id})` : ""}: ${text}`);
    if (count > shown) say(`… and ${count - shown} more`);
    say(count ? `NOT AS IT WAS WRITTEN: ${count} fault${count === 1 ? "" : "s"}, all of them above` : "the audit log is as it was written");
    process.exitCode = count ? 1 : 0;
  } finally {
    await admin.end();
  }
} catch (error) {
  giveUp(error);
}
