import { existsSync } from "node:fs";
import { join } from "node:path";
import { migrate } from "../config/migrate.ts";
import { dataFolder, readCluster } from "./cluster.ts";
import { loadSecrets } from "./servers/secrets.ts";
import { giveUp, say } from "./terminal.ts";

// npm run migrate: brings the schemas of DATABASE_URL up to date (its user makes schemas and roles), or those of the cluster in .data.
try {
  const dataDir = dataFolder();
  const local = existsSync(join(dataDir, "cluster.json"));
  const url = process.env["DATABASE_URL"] || (local ? readCluster(dataDir).postgres : "");
  const secret = process.env["CLUSTER_SECRET"] || (local ? loadSecrets(dataDir).clusterSecret : "");
  if (!url || !secret) {
    throw new Error(
      "Expected DATABASE_URL (a role that may create schemas and roles) and CLUSTER_SECRET, or a cluster that npm start has described in .data.",
    );
  }
  await migrate(url, secret, say);
} catch (error) {
  giveUp(error);
}
