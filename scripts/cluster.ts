import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { loadSecrets, writePrivateJson } from "./servers/secrets.ts";
import { clusterEnvironment } from "./environment.ts";

export const root = join(import.meta.dirname, "..");

/** How scripts, the REPL and people attach to the cluster that `npm start` runs. `postgres` is the administrator's URL. */
export interface Cluster {
  api: string;
  email: string;
  password: string;
  apiKey: string;
  postgres: string;
  redis: string;
  nats: string;
  nodes: { id: string; pid: number; services: string[] }[];
  /** Which outside systems are stand-ins. */
  simulated: string[];
  demoJob: string | null;
}

/** The data folder: LEGENDO_DATA, or .data in the repo. */
export const dataFolder = (): string => resolve(root, process.env["LEGENDO_DATA"] || ".data");

const file = (dataDir: string) => join(dataDir, "cluster.json");

export const writeCluster = (dataDir: string, cluster: Cluster): void => writePrivateJson(file(dataDir), cluster);

/** @throws a sentence that says how to start one when the folder describes no cluster. */
export function readCluster(dataDir: string): Cluster {
  if (!existsSync(file(dataDir)))
    throw new Error(`${file(dataDir)} is missing: no cluster was started with this data folder. Run npm start first.`);
  return JSON.parse(readFileSync(file(dataDir), "utf8")) as Cluster;
}

/** Environment in which a process of ours joins the described cluster. */
export function attachEnvironment(dataDir: string): Record<string, string> {
  return clusterEnvironment(dataDir, readCluster(dataDir), loadSecrets(dataDir));
}
