import { closeSync, ftruncateSync, mkdirSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { say } from "../scripts/terminal.ts";
import { startCluster } from "./sync/cluster.ts";

// npm run bench -- memory: one file that is far larger than a node may ever hold, into the vault of a fresh cluster; and how much the node
// held at most. The vault lies on the disk of the temporary folder (TMPDIR) and needs as much room there as the file is large.
const { values } = parseArgs({
  options: { gigabytes: { type: "string", default: "10" }, quick: { type: "boolean", default: false } },
});
const size = values.quick ? 64 * 2 ** 20 : Number(values.gigabytes) * 2 ** 30;
const aim = 300;

/** Takes no room on most file systems: only a mark per mebibyte is written, so that no two parts are equal. */
function sparseFile(path: string, bytes: number): void {
  const file = openSync(path, "w");
  ftruncateSync(file, bytes);
  const mark = Buffer.alloc(8);
  for (let at = 0; at < bytes; at += 2 ** 20) {
    mark.writeDoubleBE(at);
    writeSync(file, mark, 0, mark.length, at);
  }
  closeSync(file);
}

const base = mkdtempSync(join(tmpdir(), "legendo-bench-"));
try {
  const source = join(base, "source");
  mkdirSync(source);
  sparseFile(join(source, "large.bin"), size);
  const cluster = await startCluster(join(base, "cluster"), source);
  try {
    const tenant = await cluster.organisation();
    say(`a sync node at rest: ${cluster.memory().toFixed(0)} MiB`);
    const { wall, cpu } = await tenant.sync({ input: pathToFileURL(source).href });
    const peak = cluster.memory();
    say(
      `a file of ${(size / 2 ** 30).toFixed(2)} GiB: ${wall.toFixed(1)} s wall, ${cpu.toFixed(1)} s CPU, a sync node held at most ${peak.toFixed(0)} MiB`,
    );
    if (!values.quick) say(`  aim: at most ${aim} MiB: ${peak <= aim ? "reached" : "NOT reached"}`);
    if (!values.quick && peak > aim) process.exitCode = 1;
  } finally {
    await cluster.stop();
  }
} finally {
  rmSync(base, { recursive: true, force: true });
}
