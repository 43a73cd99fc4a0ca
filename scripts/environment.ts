import { pathToFileURL } from "node:url";
import { join } from "node:path";
import type { Secrets } from "./servers/secrets.ts";
import type { ServerName } from "./servers/servers.ts";

type Attached = Record<
  "DATABASE_URL" | "REDIS_URL" | "NATS_URL" | "CLUSTER_SECRET" | "MASTER_KEYS" | "VAULT_URL" | "AUDIT_CHECKPOINTS_URL",
  string
>;

/**
 * What config/env.ts wants to know about a cluster's servers and keys. DATABASE_URL comes without credentials: every service signs in
 * with its own role. What the caller's environment sets stays.
 */
export function clusterEnvironment(dataDir: string, urls: Record<ServerName, string>, secrets: Secrets): Attached {
  const database = new URL(urls.postgres);
  database.username = database.password = "";
  return {
    DATABASE_URL: database.href,
    REDIS_URL: urls.redis,
    NATS_URL: urls.nats,
    CLUSTER_SECRET: process.env["CLUSTER_SECRET"] || secrets.clusterSecret,
    MASTER_KEYS: process.env["MASTER_KEYS"] || secrets.masterKeys,
    AUDIT_CHECKPOINTS_URL: process.env["AUDIT_CHECKPOINTS_URL"] || pathToFileURL(join(dataDir, "audit")).href,
    VAULT_URL: process.env["VAULT_URL"] || pathToFileURL(join(dataDir, "vault")).href,
  };
}
