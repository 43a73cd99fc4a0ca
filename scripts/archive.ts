import { existsSync } from "node:fs";
import { parseArgs } from "node:util";
import pg from "pg";
import { schemas } from "../config/names.ts";
import { partitionedTables } from "../entities/partitions.ts";
import { detachBefore, dropMonth, writeMonth } from "./archiving.ts";
import { dataFolder, readCluster } from "./cluster.ts";
import { join } from "node:path";
import { giveUp, say } from "./terminal.ts";

// npm run archive -- --before yyyy-mm --to FOLDER [--keep]: writes the events and the audit log of whole months into files and takes them out of DATABASE_URL
// (the migrations' user), or of the cluster in .data. With --keep the months stay in the archive schemas beside their files.
try {
  const { values } = parseArgs({
    options: { before: { type: "string" }, to: { type: "string" }, keep: { type: "boolean", default: false } },
  });
  const { before = "", to = "", keep } = values;
  const thisMonth = new Date().toISOString().slice(0, 7);
  if (!/^\d{4}-(0[1-9]|1[0-2])$/.test(before) || before > thisMonth || !to)
    throw new Error(`Expected --before yyyy-mm, at most ${thisMonth}, and --to FOLDER; got --before "${before}" --to "${to}".`);
  const dataDir = dataFolder();
  const url = process.env["DATABASE_URL"] || (existsSync(join(dataDir, "cluster.json")) ? readCluster(dataDir).postgres : "");
  if (!url) throw new Error("Expected DATABASE_URL (the role that owns the tables), or a cluster that npm start has described in .data.");
  const admin = new pg.Client({ connectionString: url, application_name: "legendo archive" });
  await admin.connect();
  try {
    for (const schema of schemas) {
      for (const { table } of partitionedTables(schema)) {
        for (const month of await detachBefore(admin, schema, table, before)) {
          const { path, rows } = await writeMonth(admin, month, to);
          if (!keep) await dropMonth(admin, month, rows);
          say(`${schema}.${table} ${month.month}: ${rows} rows in ${path}${keep ? "" : ", and no more in the database"}`);
        }
      }
    }
    say(`everything before ${before} is out of the tables`);
  } finally {
    await admin.end();
  }
} catch (error) {
  giveUp(error);
}
