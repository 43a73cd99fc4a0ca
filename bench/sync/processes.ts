import { execFile as execFileCallback, spawnSync } from "node:child_process";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";

const execFile = promisify(execFileCallback);

/** Ticks of /proc/PID/stat per second; 100 on every Linux that Node runs on. */
const ticks = 100;

/**
 * CPU seconds that the nodes and servers of a cluster have used, with all their descendants and those that have ended. Their pids stand in
 * `run/`. Descent and not the session tells who belongs to whom: every process of PostgreSQL makes a session of its own.
 */
export function clusterCpu(dataDir: string): number {
  const run = join(dataDir, "run");
  const parents = new Map<string, string>();
  const used = new Map<string, number>();
  for (const pid of readdirSync("/proc")) {
    const stat = /^\d+$/.test(pid) ? read(`/proc/${pid}/stat`) : "";
    if (!stat) continue;
    // After the name in brackets: state, ppid, …; utime, stime, cutime and cstime are the 12th to 15th.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    parents.set(pid, fields[1]!);
    used.set(
      pid,
      fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0),
    );
  }
  const leaders = new Set(readdirSync(run).map((file) => readFileSync(join(run, file), "utf8").split(" ")[0]!));
  const belongs = (pid: string | undefined): boolean => pid !== undefined && (leaders.has(pid) || belongs(parents.get(pid)));
  return [...used].reduce((sum, [pid, ticksUsed]) => sum + (belongs(pid) ? ticksUsed : 0), 0) / ticks;
}

/** Highest resident memory a process has had since it was asked last, MiB. */
export function peakMemory(pid: number): number {
  const peak = Number(/VmHWM:\s+(\d+)/.exec(read(`/proc/${pid}/status`))?.[1] ?? 0) / 1024;
  writeFileSync(`/proc/${pid}/clear_refs`, "5");
  return peak;
}

function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

export interface Cost {
  wall: number;
  cpu: number;
}

/** Runs a program to its end and says what it cost, in seconds. @throws with its output when it fails. */
export async function timed(command: string[], env: Record<string, string>): Promise<Cost> {
  const started = performance.now();
  // `times` tells the CPU of a shell's children; Node has no call for that. Not waited for synchronously: a source may be a server of this process.
  const { stdout } = await execFile("sh", ["-c", '"$@" >/dev/null; code=$?; times; exit $code', "sh", ...command], {
    // A bundle of certificates that the environment names for AWS makes rclone refuse any S3.
    env: { ...process.env, AWS_CA_BUNDLE: undefined, ...env },
    maxBuffer: 64 * 1024 * 1024,
  }).catch((error: { code?: unknown; stderr?: string }) => {
    throw new Error(`${command.join(" ")} ended with ${String(error.code)}: ${error.stderr?.slice(-2000) ?? ""}`);
  });
  const wall = (performance.now() - started) / 1000;
  const children = stdout.trim().split("\n").at(-1) ?? "";
  const cpu = [...children.matchAll(/(\d+)m([\d.]+)s/g)].reduce(
    (sum, [, minutes, seconds]) => sum + Number(minutes) * 60 + Number(seconds),
    0,
  );
  return { wall, cpu };
}

export const installed = (command: string): boolean => spawnSync("sh", ["-c", `command -v ${command}`], { stdio: "ignore" }).status === 0;
