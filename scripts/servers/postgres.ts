import { execFile } from "node:child_process";
import { chownSync, existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join, parse } from "node:path";
import { promisify } from "node:util";
import pg from "pg";
import { launch, type Running } from "./process.ts";
import { untilReady } from "./ready.ts";

const run = promisify(execFile);
const superuser = "legendo";
const database = "legendo";
export const postgresFolder = (dataDir: string): string => join(dataDir, "postgres");
export const postgresUrl = (port: number, password: string): string =>
  `postgresql://${superuser}:${password}@127.0.0.1:${port}/${database}`;

/** Major version that made the data folder, undefined before the first start. */
export function postgresMajor(dataDir: string): number | undefined {
  const path = join(postgresFolder(dataDir), "PG_VERSION");
  return existsSync(path) ? Number(readFileSync(path, "utf8")) : undefined;
}

/** Starts PostgreSQL on the folder's own data, making it first when there is none; settles when it answers and the database exists. */
export async function startPostgres(dataDir: string, bin: string, port: number, password: string): Promise<Running> {
  const folder = postgresFolder(dataDir);
  const as = unprivileged(dataDir);
  const env = { PATH: process.env["PATH"], LC_ALL: "C", TZ: "UTC" };
  if (!existsSync(join(folder, "PG_VERSION"))) await initialise(folder, bin, password, as, env);
  const settings = {
    listen_addresses: "127.0.0.1",
    port: String(port),
    unix_socket_directories: "",
    max_connections: "200",
    shared_buffers: "256MB",
    wal_compression: "on",
    max_wal_size: "2GB",
    idle_in_transaction_session_timeout: "5min",
    log_min_duration_statement: "1s",
  };
  const args = ["-D", folder, ...Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`])];
  const [command, ...rest] = [...as.prefix, join(bin, "postgres"), ...args] as [string, ...string[]];
  const running = launch({ name: "postgres", dataDir, command, args: rest, env, cwd: folder });
  try {
    await untilReady(running, () => ensureDatabase(port, password), 60_000);
  } catch (error) {
    await running.stop(10_000);
    throw error;
  }
  return running;
}

interface Identity {
  uid?: number;
  gid?: number;
  /** Command line that takes on this identity. */
  prefix: string[];
}

async function initialise(folder: string, bin: string, password: string, as: Identity, env: NodeJS.ProcessEnv): Promise<void> {
  // A first start that was killed half-way leaves a folder without PG_VERSION's companions; initdb wants it empty.
  rmSync(folder, { recursive: true, force: true });
  const passwordFile = `${folder}.password`;
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  writeFileSync(passwordFile, password, { mode: 0o600 });
  if (as.uid !== undefined && as.gid !== undefined) for (const path of [folder, passwordFile]) chownSync(path, as.uid, as.gid);
  const options = [
    "-U",
    superuser,
    "-A",
    "scram-sha-256",
    `--pwfile=${passwordFile}`,
    "-k",
    "-E",
    "UTF8",
    "--locale=C",
    "--no-instructions",
  ];
  const [command, ...args] = [...as.prefix, join(bin, "initdb"), "-D", folder, ...options] as [string, ...string[]];
  try {
    await run(command, args, { env, cwd: folder });
  } catch (error) {
    rmSync(folder, { recursive: true, force: true });
    throw new Error(`initdb failed: ${(error as { stderr?: string }).stderr?.trim() || String(error)}`, { cause: error });
  } finally {
    rmSync(passwordFile, { force: true });
  }
}

/**
 * PostgreSQL refuses to run as root, so root lends it another user. That user may have no way into the data folder (a clone under
 * a private directory): then it also gets the one capability that lets it pass and read there, and none to write.
 */
function unprivileged(dataDir: string): Identity {
  if (process.getuid?.() !== 0) return { prefix: [] };
  const { uid, gid } = accountOf("postgres") ?? accountOf("nobody") ?? { uid: 65_534, gid: 65_534 };
  const prefix = ["setpriv", `--reuid=${uid}`, `--regid=${gid}`, "--clear-groups"];
  if (!isPassable(dataDir) || !isPassable(import.meta.dirname))
    prefix.push("--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search");
  return { uid, gid, prefix };
}

function accountOf(name: string): { uid: number; gid: number } | undefined {
  const line = readFileSync("/etc/passwd", "utf8")
    .split("\n")
    .find((entry) => entry.startsWith(`${name}:`));
  const [, , uid, gid] = line?.split(":").map(Number) ?? [];
  return uid === undefined || gid === undefined ? undefined : { uid, gid };
}

/** Whether anybody may walk through every directory down to `folder`. */
function isPassable(folder: string): boolean {
  const passable = (statSync(folder).mode & 0o001) !== 0;
  return passable && (folder === parse(folder).root || isPassable(dirname(folder)));
}

async function ensureDatabase(port: number, password: string): Promise<void> {
  const client = new pg.Client({
    connectionString: postgresUrl(port, password).replace(/[^/]+$/, "postgres"),
    connectionTimeoutMillis: 2000,
  });
  await client.connect();
  try {
    const { rowCount } = await client.query("select from pg_database where datname = $1", [database]);
    if (!rowCount) await client.query(`create database ${database}`);
  } finally {
    await client.end();
  }
}
