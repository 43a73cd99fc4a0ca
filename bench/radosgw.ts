import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onLeaving } from "../scripts/leaving.ts";
import { runJest } from "../scripts/steps.ts";
import { say } from "../scripts/terminal.ts";
import { startRadosgw } from "../test/servers/radosgw.ts";

// npm run bench -- radosgw [jest's arguments]: the contracts of source, destination and vault, and what our double of S3 can't vouch for, against a real S3.
const leaving = new AbortController();
const starting = startRadosgw();
const folder = mkdtempSync(join(tmpdir(), "legendo-radosgw-"));
onLeaving(
  (why) => leaving.abort(new Error(`Stopped by ${why}.`)),
  () => undefined,
);
try {
  const server = await starting;
  say(`radosgw is ready on ${server.endpoint}`);
  leaving.signal.throwIfAborted();
  const env = { ...process.env, RADOSGW: JSON.stringify(server) };
  const suite = ["--testMatch", "**/bench/radosgw/*.long.ts", "--verbose", ...process.argv.slice(2)];
  const { passed, failed, skipped } = await runJest(suite, env, join(folder, "jest.json"), leaving.signal);
  say(`${passed} passed, ${failed} failed, ${skipped} skipped`);
  if (failed || !passed) process.exitCode = 1;
} finally {
  await starting.then(
    (server) => server.close(),
    () => undefined,
  );
  rmSync(folder, { recursive: true, force: true });
}
// What listens for the end of the parent would keep this process.
process.exit();
