import { mkdirSync } from "node:fs";
import { resolve } from "node:path";
import { provideBinaries } from "./binaries.ts";
import { engineAnswers, startContainers } from "./containers.ts";
import { claimFolder } from "./lock.ts";
import { portFor, recall, remember } from "./memory.ts";
import { natsUrl, startNats } from "./nats.ts";
import { postgresMajor, postgresUrl, startPostgres } from "./postgres.ts";
import { stopLeftovers, type Running } from "./process.ts";
import { redisUrl, startRedis } from "./redis.ts";
import { loadSecrets, type Secrets } from "./secrets.ts";

export const serverNames = ["postgres", "redis", "nats"] as const;
export type ServerName = (typeof serverNames)[number];
export type Report = (line: string) => void;
export const urlVariables: Record<ServerName, string> = { postgres: "DATABASE_URL", redis: "REDIS_URL", nats: "NATS_URL" };

export interface Servers extends Record<ServerName, string> {
  secrets: Secrets;
  /** Ends what was started here and gives the folder back. */
  stop(): Promise<void>;
}

/**
 * Provides PostgreSQL, Redis and NATS. For each, first that applies: its URL is configured, containers, programs on this machine
 * (installed when they are missing and that can be done). They listen on 127.0.0.1 on ports of their own and keep their data in `dataDir`.
 * @returns their URLs with credentials; PostgreSQL's is the administrator's.
 */
export async function startServers(options: { dataDir: string; report: Report; configured?: NodeJS.ProcessEnv }): Promise<Servers> {
  const { report, configured = process.env } = options;
  const dataDir = resolve(options.dataDir);
  mkdirSync(dataDir, { recursive: true });
  const release = claimFolder(dataDir);
  try {
    const secrets = loadSecrets(dataDir);
    const leftovers = await stopLeftovers(dataDir, serverNames, 10_000);
    if (leftovers.length) report(`stopped what a killed start had left: ${leftovers.join(", ")}`);
    const given = Object.fromEntries(serverNames.map((name) => [name, configured[urlVariables[name]] ?? ""])) as Record<ServerName, string>;
    const wanted = serverNames.filter((name) => !given[name]);
    for (const name of serverNames) if (given[name]) report(`${name}: ${urlVariables[name]} is configured, using that`);
    const started = wanted.length ? await provide(wanted, dataDir, secrets, report) : { urls: {}, stop: () => Promise.resolve() };
    return {
      ...given,
      ...started.urls,
      secrets,
      async stop() {
        try {
          await started.stop();
        } finally {
          release();
        }
      },
    };
  } catch (error) {
    release();
    throw error;
  }
}

export interface Started {
  urls: Partial<Record<ServerName, string>>;
  stop(): Promise<void>;
}

async function provide(wanted: ServerName[], dataDir: string, secrets: Secrets, report: Report): Promise<Started> {
  const { containers } = recall(dataDir);
  if (containers !== false && (await engineAnswers())) {
    remember(dataDir, { containers: true });
    return await startContainers(wanted, dataDir, secrets, report);
  }
  if (containers) {
    throw new Error(
      `The data of ${dataDir} is in container volumes, but the container engine does not answer. Start it, or set LEGENDO_DATA to another folder.`,
    );
  }
  const started = await startPrograms(wanted, dataDir, secrets, report);
  remember(dataDir, { containers: false });
  return started;
}

async function startPrograms(wanted: ServerName[], dataDir: string, secrets: Secrets, report: Report): Promise<Started> {
  const binaries = await provideBinaries(wanted, postgresMajor(dataDir), report);
  const starters = {
    postgres: { start: startPostgres, url: postgresUrl, password: secrets.postgresPassword },
    redis: { start: startRedis, url: redisUrl, password: secrets.redisPassword },
    nats: { start: startNats, url: natsUrl, password: secrets.natsPassword },
  };
  const running: Running[] = [];
  const stop = async () => void (await Promise.all(running.map((server) => server.stop(10_000))));
  const urls: Started["urls"] = {};
  const outcomes = await Promise.allSettled(
    wanted.map(async (name) => {
      const { start, url, password } = starters[name];
      const begin = Date.now();
      const { server, port } = await onFreePort(dataDir, name, (port) => start(dataDir, binaries[name] ?? "", port, password));
      running.push(server);
      urls[name] = url(port, password);
      report(`${name} runs on port ${port} (${Date.now() - begin} ms)`);
    }),
  );
  const failed = outcomes.find((outcome) => outcome.status === "rejected");
  if (!failed) return { urls, stop };
  await stop();
  throw failed.reason;
}

/** Another process may take a free port before the server does: then the next try has another one. */
async function onFreePort(
  dataDir: string,
  name: ServerName,
  start: (port: number) => Promise<Running>,
): Promise<{ server: Running; port: number }> {
  for (let tries = 1; ; tries++) {
    const port = await portFor(dataDir, name, tries > 1);
    try {
      return { server: await start(port), port };
    } catch (error) {
      if (tries === 3 || !/address already in use|could not create any TCP\/IP sockets|in use/i.test(String(error))) throw error;
    }
  }
}
