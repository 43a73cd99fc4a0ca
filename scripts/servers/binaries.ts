import { spawnSync } from "node:child_process";
import { accessSync, constants, existsSync, readdirSync } from "node:fs";
import { delimiter, join } from "node:path";
import { embeddedPostgres } from "./embedded.ts";
import { aptInstall, canAptInstall } from "./apt.ts";
import type { Report, ServerName } from "./servers.ts";

/** Where each wanted server's programs are; for PostgreSQL the folder with `postgres` and `initdb`. */
export type Binaries = Partial<Record<ServerName, string>>;

const usualFolders = ["/usr/local/bin", "/usr/local/sbin", "/usr/bin", "/usr/sbin", "/opt/homebrew/bin", "/snap/bin"];
const oldestPostgres = 14;
const packages: Record<ServerName, string> = { postgres: "postgresql", redis: "redis-server", nats: "nats-server" };
const titles: Record<ServerName, string> = { postgres: `PostgreSQL ${oldestPostgres} or newer`, redis: "Redis", nats: "NATS" };

/**
 * Finds the programs of the wanted servers, installing what is missing.
 * @param postgresMajor the version that the data folder was made with, if it was.
 * @throws one message that names what to install.
 */
export async function provideBinaries(wanted: ServerName[], postgresMajor: number | undefined, report: Report): Promise<Binaries> {
  const find = (name: ServerName) => (name === "postgres" ? findPostgres(postgresMajor) : findProgram(`${name}-server`));
  const found = new Map(wanted.map((name) => [name, find(name)]));
  const missing = () => wanted.filter((name) => !found.get(name));
  if (missing().length && canAptInstall()) {
    await aptInstall(
      missing().map((name) => packages[name]),
      report,
    );
    for (const name of missing()) found.set(name, find(name));
  }
  if (missing().length) throw new Error(whatToInstall(missing(), postgresMajor));
  return Object.fromEntries(found);
}

/** Absolute path of a program on PATH or in the usual folders. */
export function findProgram(name: string): string | undefined {
  const folders = [...(process.env["PATH"] ?? "").split(delimiter).filter(Boolean), ...usualFolders];
  return folders.map((folder) => join(folder, name)).find(isExecutable);
}

/** Folder of the newest PostgreSQL programs, or of exactly `major`: a data folder opens with the version that made it alone. */
function findPostgres(major: number | undefined): string | undefined {
  const folders = [
    ...versioned("/usr/lib/postgresql", ""),
    ...versioned("/usr", "pgsql-"),
    ...versioned("/opt/homebrew/opt", "postgresql@"),
  ];
  const onPath = findProgram("initdb");
  if (onPath) folders.push(join(onPath, ".."));
  const fits = (folder: string) => {
    const version = postgresVersion(folder);
    return version !== undefined && (major === undefined ? version >= oldestPostgres : version === major);
  };
  const system = folders.filter((folder) => isExecutable(join(folder, "postgres")) && isExecutable(join(folder, "initdb"))).find(fits);
  if (system) return system;
  const embedded = embeddedPostgres();
  return embedded && fits(embedded) ? embedded : undefined;
}

/** `bin` of the folders in `parent` named prefix + version, newest first: /usr/lib/postgresql/16/bin, /usr/pgsql-16/bin. */
function versioned(parent: string, prefix: string): string[] {
  if (!existsSync(parent)) return [];
  const version = (name: string) => (name.startsWith(prefix) ? Number(name.slice(prefix.length)) : NaN);
  return readdirSync(parent)
    .filter((name) => version(name) > 0)
    .sort((a, b) => version(b) - version(a))
    .map((name) => join(parent, name, "bin"));
}

function postgresVersion(folder: string): number | undefined {
  const { stdout } = spawnSync(join(folder, "postgres"), ["--version"], { encoding: "utf8", env: { LC_ALL: "C" } });
  const [, version] = /(\d+)/.exec(stdout ?? "") ?? [];
  return version === undefined ? undefined : Number(version);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function whatToInstall(missing: ServerName[], postgresMajor: number | undefined): string {
  const named = missing.map((name) =>
    name === "postgres" && postgresMajor ? `PostgreSQL ${postgresMajor} (it made the data folder)` : titles[name],
  );
  const apt = missing.map((name) => packages[name]).join(" ");
  const brew = missing.map((name) => (name === "postgres" ? "postgresql@17" : name === "nats" ? "nats-server" : "redis")).join(" ");
  return [
    `Not found on this machine: ${named.join(", ")}. Any one of these helps:`,
    `  start Docker (the servers then run in containers)`,
    `  Debian, Ubuntu:  sudo apt-get install -y ${apt}`,
    `  macOS:           brew install ${brew}`,
    `  or point to running servers: ${missing.map((name) => (name === "postgres" ? "DATABASE_URL" : `${name.toUpperCase()}_URL`)).join(", ")}`,
  ].join("\n");
}
