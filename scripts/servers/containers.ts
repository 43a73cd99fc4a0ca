import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { join } from "node:path";
import { promisify } from "node:util";
import { portFor } from "./memory.ts";
import { natsUrl } from "./nats.ts";
import { postgresUrl } from "./postgres.ts";
import { redisUrl } from "./redis.ts";
import type { Secrets } from "./secrets.ts";
import type { Report, ServerName, Started } from "./servers.ts";

const run = promisify(execFile);
const file = join(import.meta.dirname, "../../docker-compose.yml");

/** Whether a container engine with `docker compose` is there; its client alone is not enough. */
export async function engineAnswers(): Promise<boolean> {
  try {
    const { stdout } = await run("docker", ["info", "--format", "{{.ServerVersion}}"], { timeout: 3000 });
    if (!stdout.trim()) return false;
    await run("docker", ["compose", "version"], { timeout: 3000 });
    return true;
  } catch {
    return false;
  }
}

/** Starts the wanted servers as containers of a project named for the data folder; their data is in the project's volumes. */
export async function startContainers(wanted: ServerName[], dataDir: string, secrets: Secrets, report: Report): Promise<Started> {
  const project = `legendo-${createHash("sha256").update(dataDir).digest("hex").slice(0, 10)}`;
  // Stopped first so that the ports of a former start of this folder count as free again.
  const ports = { postgres: 0, redis: 0, nats: 0 };
  const env = () => ({
    ...process.env,
    POSTGRES_PORT: String(ports.postgres),
    REDIS_PORT: String(ports.redis),
    NATS_PORT: String(ports.nats),
    POSTGRES_PASSWORD: secrets.postgresPassword,
    REDIS_PASSWORD: secrets.redisPassword,
    NATS_PASSWORD: secrets.natsPassword,
    CLUSTER_SECRET: secrets.clusterSecret,
    MASTER_KEYS: secrets.masterKeys,
  });
  const compose = (...args: string[]) =>
    run("docker", ["compose", "-p", project, "-f", file, ...args], { env: env(), maxBuffer: 16 * 1024 ** 2 });
  const stop = async () => void (await compose("stop", "-t", "10", ...wanted));
  report(`starting ${wanted.join(", ")} in containers (project ${project}; the first time fetches the images)`);
  await stop();
  for (const name of wanted) ports[name] = await portFor(dataDir, name);
  await compose("up", "-d", "--wait", "--wait-timeout", "300", ...wanted);
  const urls = {
    postgres: postgresUrl(ports.postgres, secrets.postgresPassword),
    redis: redisUrl(ports.redis, secrets.redisPassword),
    nats: natsUrl(ports.nats, secrets.natsPassword),
  };
  report(`${wanted.join(", ")} run in containers`);
  return { urls: Object.fromEntries(wanted.map((name) => [name, urls[name]])), stop };
}
