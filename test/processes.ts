import { root } from "../scripts/cluster.ts";
import { launch, type Running } from "../scripts/servers/process.ts";

/**
 * Starts a program of ours as a process of its own, in this suite's environment with some variables changed. It is told to leave when
 * this process ends; `npm test` kills what is left of it.
 * @param dataDir a temp folder of the suite; logs and pid files go there
 * @param program path from the repo's root, or that and its arguments
 */
export function startProcess(name: string, dataDir: string, program: string | string[], variables: Record<string, string>): Running {
  const env = { ...process.env, ...variables, LEGENDO_NODE_ID: name };
  return launch({ name, dataDir, command: process.execPath, args: ["--no-warnings", ...[program].flat()], env, cwd: root, ipc: true });
}
