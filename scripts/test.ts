import { chmodSync, globSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { clusterEnvironment } from "./environment.ts";
import { onLeaving } from "./leaving.ts";
import { stopLeftovers } from "./servers/process.ts";
import { serverNames, startServers } from "./servers/servers.ts";
import { runJest, runTool, type Counts } from "./steps.ts";
import { say } from "./terminal.ts";

// npm test: format, lint and types, then every spec against real servers of its own. With arguments: those for jest, and only jest.
const args = process.argv.slice(2);
const dataDir = mkdtempSync(join(tmpdir(), "legendo-test-"));
// Passable but not readable, as the system's own temp folder: some specs act as another user.
chmodSync(dataDir, 0o711);
const temp = join(dataDir, "tmp");
mkdirSync(temp);
const leaving = new AbortController();
onLeaving(
  (why) => leaving.abort(new Error(`Stopped by ${why}.`)),
  () => undefined,
);

const total: Counts = { passed: 0, failed: 0, skipped: 0 };
const preparing = startServers({
  dataDir,
  report: say,
  configured: { ...process.env, DATABASE_URL: process.env["TEST_ADMIN_DATABASE_URL"] || process.env["DATABASE_URL"] },
});
// Lint may fail meanwhile; the servers' own failure is met where they are needed.
preparing.catch(() => undefined);
try {
  if (!args.length) {
    const tools = [
      ["format", "prettier/bin/prettier.cjs", "--check", "--log-level=warn", "."],
      ["lint", "eslint/bin/eslint.js", ".", "--max-warnings", "0"],
      ["types", "typescript/bin/tsc", "--noEmit"],
    ] as const;
    const outcomes = await Promise.all(tools.map(([name, file, ...rest]) => runTool(name, file, rest, leaving.signal)));
    total.failed += outcomes.filter((passed) => !passed).length;
  }
  const servers = await preparing;
  leaving.signal.throwIfAborted();
  const env = {
    ...process.env,
    ...clusterEnvironment(dataDir, servers, servers.secrets),
    TEST_ADMIN_DATABASE_URL: servers.postgres,
    // What specs put into the temp folder is gone with ours, also when they are interrupted.
    TMPDIR: temp,
    SYNC_FILE_ROOTS: temp,
    LOG_LEVEL: "warn",
    PORT: "0",
    METRICS_PORT: "0",
  };
  const counts = await runJest(args, env, join(dataDir, "jest.json"), leaving.signal);
  for (const key of ["passed", "failed", "skipped"] as const) total[key] += counts[key];
} catch (error) {
  total.failed++;
  console.error(error instanceof Error ? error.message : error);
}
for (const file of globSync("**/run/*.pid", { cwd: temp })) await stopLeftovers(join(temp, file, "../.."), serverNames, 2000);
await preparing.then(
  (servers) => servers.stop(),
  () => undefined,
);
rmSync(dataDir, { recursive: true, force: true });
console.log(`${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);
process.exit(total.failed === 0 && total.passed > 0 ? 0 : 1);
