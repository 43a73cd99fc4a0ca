import { mkdirSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { provideBinaries } from "../../scripts/servers/binaries.ts";
import { freePort } from "../../scripts/servers/memory.ts";
import { natsUrl, startNats } from "../../scripts/servers/nats.ts";
import { postgresUrl, startPostgres } from "../../scripts/servers/postgres.ts";
import type { Running } from "../../scripts/servers/process.ts";
import { redisUrl, startRedis } from "../../scripts/servers/redis.ts";
import { loadSecrets, type Secrets } from "../../scripts/servers/secrets.ts";
import type { ServerName } from "../../scripts/servers/servers.ts";

/** PostgreSQL, Redis and NATS that are there to be killed. */
export interface Victims {
  urls: Record<ServerName, string>;
  secrets: Secrets;
  /** Kills one with SIGKILL and starts it again, on its port and with its data. */
  kill(name: ServerName): Promise<void>;
  stop(): Promise<void>;
}

export async function startVictims(dataDir: string): Promise<Victims> {
  mkdirSync(dataDir, { recursive: true });
  const secrets = loadSecrets(dataDir);
  const names = ["postgres", "redis", "nats"] as const;
  const binaries = await provideBinaries([...names], undefined, () => {});
  const ports = { postgres: await freePort(), redis: await freePort(), nats: await freePort() };
  const starters = {
    postgres: () => startPostgres(dataDir, binaries.postgres ?? "", ports.postgres, secrets.postgresPassword),
    redis: () => startRedis(dataDir, binaries.redis ?? "", ports.redis, secrets.redisPassword),
    nats: () => startNats(dataDir, binaries.nats ?? "", ports.nats, secrets.natsPassword),
  };
  const running = new Map<ServerName, Running>();
  for (const name of names) running.set(name, await starters[name]());
  return {
    urls: {
      postgres: postgresUrl(ports.postgres, secrets.postgresPassword),
      redis: redisUrl(ports.redis, secrets.redisPassword),
      nats: natsUrl(ports.nats, secrets.natsPassword),
    },
    secrets,
    async kill(name) {
      const victim = running.get(name)!;
      process.kill(-victim.pid, "SIGKILL");
      await victim.ended;
      // PostgreSQL's children are in sessions of their own; until they have noticed, none other can be started.
      for (let tries = 1; ; tries++) {
        const started = await starters[name]().catch((error: unknown) => {
          if (tries === 20) throw error;
        });
        if (started) return void running.set(name, started);
        await sleep(250);
      }
    },
    async stop() {
      await Promise.all([...running.values()].map((server) => server.stop(10_000)));
    },
  };
}
