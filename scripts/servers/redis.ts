import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Redis } from "ioredis";
import { launch, type Running } from "./process.ts";
import { untilReady } from "./ready.ts";

export const redisUrl = (port: number, password: string): string => `redis://:${password}@127.0.0.1:${port}/0`;

/** Starts Redis on the folder's own data with an append-only file; settles when it answers. */
export async function startRedis(dataDir: string, program: string, port: number, password: string): Promise<Running> {
  const folder = join(dataDir, "redis");
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const config = join(folder, "redis.conf");
  const settings = [
    "bind 127.0.0.1",
    `port ${port}`,
    `requirepass ${password}`,
    `dir ${JSON.stringify(folder)}`,
    "appendonly yes",
    'save ""',
    // Counters and sessions must not be dropped silently when memory is short.
    "maxmemory-policy noeviction",
    "daemonize no",
  ];
  writeFileSync(config, `${settings.join("\n")}\n`, { mode: 0o600 });
  const running = launch({
    name: "redis",
    dataDir,
    command: program,
    args: [config],
    env: { PATH: process.env["PATH"], LC_ALL: "C" },
    cwd: folder,
  });
  try {
    await untilReady(running, () => ping(port, password));
  } catch (error) {
    await running.stop(10_000);
    throw error;
  }
  return running;
}

async function ping(port: number, password: string): Promise<void> {
  const client = new Redis(redisUrl(port, password), { lazyConnect: true, retryStrategy: null, connectTimeout: 2000 });
  // Without a listener ioredis prints every refused connection.
  client.on("error", () => undefined);
  try {
    await client.connect();
    await client.ping();
  } finally {
    client.disconnect();
  }
}
