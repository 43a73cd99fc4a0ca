import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { clusterEnvironment } from "../scripts/environment.ts";
import { onLeaving } from "../scripts/leaving.ts";
import { startServers } from "../scripts/servers/servers.ts";
import { say } from "../scripts/terminal.ts";

/** Memory where there is some: what is measured shall not be the disk. */
export const fastFolder = (): string => (existsSync("/dev/shm") ? "/dev/shm" : tmpdir());

/**
 * Does work with PostgreSQL, Redis and NATS of its own in a temp folder that is gone afterwards, also after Ctrl-C. A running cluster is
 * not touched. Under `npm test`, or where TEST_ADMIN_DATABASE_URL is set, the servers of the environment are used.
 * @param work gets the temp folder
 */
export async function withServers<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(fastFolder(), "legendo-bench-"));
  const starting = process.env["TEST_ADMIN_DATABASE_URL"] ? undefined : startServers({ dataDir: folder, report: say, configured: {} });
  const stop = async () => {
    await starting?.then(
      (servers) => servers.stop(),
      () => undefined,
    );
    rmSync(folder, { recursive: true, force: true });
  };
  const leave = () => void stop().finally(() => process.exit(130));
  onLeaving(leave, leave);
  try {
    const servers = await starting;
    if (servers) {
      for (const name of ["CLUSTER_SECRET", "MASTER_KEYS", "VAULT_URL"]) delete process.env[name];
      Object.assign(process.env, clusterEnvironment(folder, servers, servers.secrets), { TEST_ADMIN_DATABASE_URL: servers.postgres });
    }
    return await work(folder);
  } finally {
    await stop();
  }
}
