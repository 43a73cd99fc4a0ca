import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { say } from "./terminal.ts";

const root = join(import.meta.dirname, "..");
const packages = join(root, "node_modules");

export interface Counts {
  passed: number;
  failed: number;
  skipped: number;
}

/** Runs a package's program; its output is shown only when it fails. */
export async function runTool(name: string, file: string, args: readonly string[], signal: AbortSignal): Promise<boolean> {
  const begin = Date.now();
  const { code, output } = await runNode([join(packages, file), ...args], process.env, signal, "pipe");
  say(`${name} ${code === 0 ? "passed" : "FAILED"} (${((Date.now() - begin) / 1000).toFixed(1)} s)`);
  if (code !== 0) console.log(output.trimEnd());
  return code === 0;
}

/** Runs the specs and counts them; a spec file that can't be loaded is a failure too. */
export async function runJest(args: readonly string[], env: NodeJS.ProcessEnv, resultFile: string, signal: AbortSignal): Promise<Counts> {
  const begin = Date.now();
  // ES modules in jest need Node's vm modules; the cache stays inside node_modules so that nothing is left in the temp folder.
  const flags = ["--experimental-vm-modules", "--no-warnings"];
  const options = ["--json", `--outputFile=${resultFile}`, `--cacheDirectory=${join(packages, ".cache", "jest")}`];
  const { code } = await runNode([...flags, join(packages, "jest/bin/jest.js"), ...options, ...args], env, signal, "inherit");
  say(`specs ${code === 0 ? "passed" : "FAILED"} (${((Date.now() - begin) / 1000).toFixed(1)} s)`);
  if (!existsSync(resultFile)) return { passed: 0, failed: 1, skipped: 0 };
  const result = JSON.parse(readFileSync(resultFile, "utf8")) as Record<
    "numPassedTests" | "numFailedTests" | "numRuntimeErrorTestSuites" | "numPendingTests" | "numTodoTests",
    number
  >;
  const failed = result.numFailedTests + result.numRuntimeErrorTestSuites;
  return {
    passed: result.numPassedTests,
    // Jest also fails for reasons that are no test, such as an unmet coverage threshold.
    failed: failed || (code === 0 ? 0 : 1),
    skipped: result.numPendingTests + result.numTodoTests,
  };
}

function runNode(
  args: string[],
  env: NodeJS.ProcessEnv,
  signal: AbortSignal,
  output: "pipe" | "inherit",
): Promise<{ code: number | null; output: string }> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, args, { cwd: root, env, stdio: ["ignore", output, output], signal, killSignal: "SIGTERM" });
    let text = "";
    for (const stream of [child.stdout, child.stderr]) stream?.on("data", (chunk: Buffer) => (text += chunk.toString()));
    child.once("error", (error) => (text += error.message));
    child.once("close", (code) => resolve({ code, output: text }));
  });
}
