import { existsSync, readFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { writePrivateJson } from "./secrets.ts";

/** What a data folder remembers of its last start: ports, and whether its servers ran in containers. */
export interface Memory {
  ports: Record<string, number>;
  containers?: boolean;
}

const file = (dataDir: string) => join(dataDir, "ports.json");

export function recall(dataDir: string): Memory {
  if (!existsSync(file(dataDir))) return { ports: {} };
  return JSON.parse(readFileSync(file(dataDir), "utf8")) as Memory;
}

export function remember(dataDir: string, change: Partial<Memory>): void {
  const known = recall(dataDir);
  writePrivateJson(file(dataDir), { ...known, ...change, ports: { ...known.ports, ...change.ports } });
}

/** Whether 127.0.0.1:port can be listened on now. */
export function portIsFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once("error", () => resolve(false));
    probe.listen({ port, host: "127.0.0.1", exclusive: true }, () => probe.close(() => resolve(true)));
  });
}

/**
 * A free port below the kernel's ephemeral range (32768 up), so that no outgoing connection takes it while its server restarts.
 */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < 100; tries++) {
    const port = 15_000 + Math.floor(Math.random() * 17_000);
    if (await portIsFree(port)) return port;
  }
  throw new Error("No free TCP port between 15000 and 32000 on 127.0.0.1 was found in 100 tries.");
}

/** The port that `name` had at the last start if it is free, else a new one, remembered. `fresh` asks for a new one. */
export async function portFor(dataDir: string, name: string, fresh = false): Promise<number> {
  const last = recall(dataDir).ports[name];
  if (last !== undefined && !fresh && (await portIsFree(last))) return last;
  const port = await freePort();
  remember(dataDir, { ports: { [name]: port } });
  return port;
}
