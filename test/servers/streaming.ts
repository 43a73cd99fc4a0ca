import { spawnSync } from "node:child_process";
import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { provideBinaries } from "../../scripts/servers/binaries.ts";
import { freePort } from "../../scripts/servers/memory.ts";
import { postgresFolder, postgresUrl, startPostgres } from "../../scripts/servers/postgres.ts";
import type { Running } from "../../scripts/servers/process.ts";
import { fastFolder } from "../servers.ts";

/** A PostgreSQL and a replica that follows it by streaming. */
export interface Replicated {
  primary: string;
  replica: string;
  stopPrimary(): Promise<void>;
  stopReplica(): Promise<void>;
  startReplica(): Promise<void>;
  stop(): Promise<void>;
}

const password = "replicated";

/** Starts both. The replica begins as a copy of the primary's folder, taken while it stands still. @param prepare is done before that */
export async function startReplicated(prepare: (primary: string) => Promise<void>): Promise<Replicated> {
  const { postgres: bin } = await provideBinaries(["postgres"], undefined, () => {});
  const folders = {
    primary: mkdtempSync(join(fastFolder(), "legendo-primary-")),
    replica: mkdtempSync(join(fastFolder(), "legendo-replica-")),
  };
  const ports = { primary: await freePort(), replica: await freePort() };
  const running: Partial<Record<keyof typeof folders, Running>> = {};
  const start = async (which: keyof typeof folders) => {
    running[which] = await startPostgres(folders[which], bin!, ports[which], password);
  };
  const stop = async (which: keyof typeof folders) => {
    await running[which]?.stop(5_000);
    delete running[which];
  };
  const urls = { primary: postgresUrl(ports.primary, password), replica: postgresUrl(ports.replica, password) };
  await start("primary");
  await prepare(urls.primary);
  await stop("primary");
  // With the owner and the rights that the server insists on.
  spawnSync("cp", ["-a", postgresFolder(folders.primary), folders.replica]);
  const copy = postgresFolder(folders.replica);
  writeFileSync(join(copy, "standby.signal"), "");
  const { host, username } = new URL(urls.primary);
  appendFileSync(join(copy, "postgresql.auto.conf"), `primary_conninfo = 'postgresql://${username}:${password}@${host}/postgres'\n`);
  await Promise.all([start("primary"), start("replica")]);
  return {
    ...urls,
    stopPrimary: () => stop("primary"),
    stopReplica: () => stop("replica"),
    startReplica: () => start("replica"),
    async stop() {
      await Promise.all([stop("primary"), stop("replica")]);
      for (const folder of Object.values(folders)) rmSync(folder, { recursive: true, force: true });
    },
  };
}
