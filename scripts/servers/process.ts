import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

export interface Launch {
  /** Names the log and the pid file. */
  name: string;
  dataDir: string;
  command: string;
  args: string[];
  env: NodeJS.ProcessEnv;
  cwd: string;
  /** Opens an IPC channel; a Node child stops when it closes. */
  ipc?: boolean;
}

export interface Running {
  name: string;
  pid: number;
  child: ChildProcess;
  log: string;
  /** Settles when the process has ended, with a word on how. */
  ended: Promise<string>;
  /** Sends SIGINT (for PostgreSQL: the fast shutdown), then SIGKILL to its whole session after `graceMs`; settles when it is gone. */
  stop(graceMs: number): Promise<void>;
}

const logLimit = 20 * 1024 * 1024;
const pidFile = (dataDir: string, name: string) => join(dataDir, "run", `${name}.pid`);

/** Starts a process in a session of its own, so that a terminal's Ctrl-C reaches only the one who stops the rest in order. */
export function launch({ name, dataDir, command, args, env, cwd, ipc }: Launch): Running {
  for (const folder of ["logs", "run"]) mkdirSync(join(dataDir, folder), { recursive: true });
  const log = join(dataDir, "logs", `${name}.log`);
  if (existsSync(log) && statSync(log).size > logLimit) renameSync(log, `${log}.old`);
  const out = openSync(log, "a", 0o600);
  const child = spawn(command, args, {
    cwd,
    env,
    detached: true,
    stdio: ["ignore", out, out, ...(ipc ? ["ipc" as const] : [])],
  });
  closeSync(out);
  let over = false;
  const ended = new Promise<string>((resolve) => {
    child.once("error", (error) => resolve(error.message));
    child.once("exit", (code, signal) => resolve(signal ? `signal ${signal}` : `exit code ${code}`));
  }).then((how) => {
    over = true;
    rmSync(pidFile(dataDir, name), { force: true });
    return how;
  });
  const pid = child.pid ?? -1;
  if (pid > 0) writeFileSync(pidFile(dataDir, name), holderLine(pid));
  return {
    name,
    pid,
    child,
    log,
    ended,
    async stop(graceMs) {
      if (over || pid < 0) return;
      kill(pid, "SIGINT");
      const patience = new AbortController();
      const late = sleep(graceMs, "late", { signal: patience.signal }).catch(() => "ended");
      if ((await Promise.race([ended, late])) === "late") kill(-pid, "SIGKILL");
      patience.abort();
      await ended;
    },
  };
}

/** Stops what a former start of this data folder left running when it was killed, by its pid files: first the nodes, then the servers. */
export async function stopLeftovers(dataDir: string, servers: readonly string[], graceMs: number): Promise<string[]> {
  const folder = join(dataDir, "run");
  const files = existsSync(folder) ? readdirSync(folder).filter((file) => file.endsWith(".pid")) : [];
  const names = files.map((file) => file.slice(0, -".pid".length)).filter((name) => readHolder(pidFile(dataDir, name)));
  for (const group of [names.filter((name) => !servers.includes(name)), names.filter((name) => servers.includes(name))]) {
    await Promise.all(group.map((name) => stopLeftover(pidFile(dataDir, name), graceMs)));
  }
  return names;
}

async function stopLeftover(path: string, graceMs: number): Promise<void> {
  const holder = readHolder(path);
  if (holder) kill(holder, "SIGINT");
  const limit = Date.now() + graceMs;
  while (readHolder(path) && Date.now() < limit) await sleep(50);
  const late = readHolder(path);
  if (late) kill(-late, "SIGKILL");
  while (readHolder(path)) await sleep(20);
  rmSync(path, { force: true });
}

/** Process id and identity, as a pid or lock file holds them. */
export const holderLine = (pid: number): string => `${pid} ${identity(pid)}\n`;

/** The process that wrote or is named in such a file, while it runs; process ids are used again, so the number alone proves nothing. */
export function readHolder(path: string): number | undefined {
  const [line = ""] = existsSync(path) ? readFileSync(path, "utf8").split("\n") : [];
  const pid = Number(line.split(" ", 1)[0]);
  return pid > 1 && line === holderLine(pid).trimEnd() && identity(pid) ? pid : undefined;
}

/**
 * Tells a process from a later one with the same id: its start time and the machine's boot. Empty when no such process runs.
 */
export function identity(pid: number): string {
  if (!existsSync("/proc/self/stat")) return spawnSync("ps", ["-o", "lstart=", "-p", String(pid)], { encoding: "utf8" }).stdout.trim();
  const stat = readProc(`${pid}/stat`);
  // The second field is the program's name in brackets and may hold blanks; state is the 1st after it, start time the 20th.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return stat && fields[0] !== "Z" ? `${fields[19]} ${readProc("sys/kernel/random/boot_id").trim()}` : "";
}

function readProc(path: string): string {
  try {
    return readFileSync(`/proc/${path}`, "utf8");
  } catch {
    return "";
  }
}

function kill(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(pid, signal);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
