import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** Ticks of /proc/PID/stat per second; 100 on every Linux that Node runs on. */
const ticks = 100;

/**
 * CPU seconds that the sessions of a cluster have used, their ended children included. Every node and server is launched as the leader of
 * a session of its own and leaves its pid in `run/`.
 */
export function clusterCpu(dataDir: string): number {
  const run = join(dataDir, "run");
  const leaders = new Set(readdirSync(run).map((file) => readFileSync(join(run, file), "utf8").split(" ")[0]));
  let used = 0;
  for (const pid of readdirSync("/proc")) {
    if (!/^\d+$/.test(pid)) continue;
    const stat = read(`/proc/${pid}/stat`);
    // After the name in brackets: state, ppid, pgrp, session, …; utime, stime, cutime and cstime are the 12th to 15th.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    if (leaders.has(fields[3] ?? "")) used += fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0);
  }
  return used / ticks;
}

/** Highest resident memory a process has had, MiB. */
export const peakMemory = (pid: number): number => Number(/VmHWM:\s+(\d+)/.exec(read(`/proc/${pid}/status`))?.[1] ?? 0) / 1024;

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
export function timed(command: string[], env: Record<string, string>): Cost {
  const started = performance.now();
  // `times` tells the CPU of a shell's children; Node has no call for that.
  const { status, stdout, stderr } = spawnSync("sh", ["-c", '"$@" >/dev/null; code=$?; times; exit $code', "sh", ...command], {
    env: { ...process.env, ...env },
    encoding: "utf8",
    maxBuffer: 64 * 1024 * 1024,
  });
  const wall = (performance.now() - started) / 1000;
  if (status !== 0) throw new Error(`${command.join(" ")} ended with ${status}: ${stderr.slice(-2000)}`);
  const children = stdout.trim().split("\n").at(-1) ?? "";
  const cpu = [...children.matchAll(/(\d+)m([\d.]+)s/g)].reduce(
    (sum, [, minutes, seconds]) => sum + Number(minutes) * 60 + Number(seconds),
    0,
  );
  return { wall, cpu };
}

export const installed = (command: string): boolean => spawnSync(command, ["version"], { stdio: "ignore" }).status === 0;
