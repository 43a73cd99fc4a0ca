import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { onLeaving } from "../scripts/leaving.ts";
import { stopLeftovers } from "../scripts/servers/process.ts";
import { say } from "../scripts/terminal.ts";
import { fastFolder } from "../test/servers.ts";
import { smallDisk } from "./model/disk.ts";
import { randomFrom } from "./model/random.ts";
import { soak } from "./model/soak.ts";

// npm run bench -- model: a soak test against a model. Random trees, changes and mischief; a run is repeated by its seed (its timing is not).
const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "30" },
    changes: { type: "string", default: "40" },
    seed: { type: "string", default: String(Date.now() % 1_000_000) },
    keep: { type: "boolean", default: false },
  },
});
const folder = mkdtempSync(join(fastFolder(), "legendo-model-"));
const vault = join(folder, "vault");
const disk = smallDisk(vault);
const clear = () => {
  if (values.keep) return say(`kept ${folder}`);
  disk?.remove();
  rmSync(folder, { recursive: true, force: true });
};
const leave = () => {
  // The nodes leave by themselves when this process ends.
  void stopLeftovers(join(folder, "servers"), ["postgres", "redis", "nats"], 5_000)
    .then(clear)
    .finally(() => process.exit(130));
};
onLeaving(leave, () => process.exit(130));
try {
  say(`seed ${values.seed}${disk ? "" : "; no disk fills up: that needs root"}`);
  const findings = await soak({
    folder,
    vault,
    disk,
    rounds: Number(values.rounds),
    changes: Number(values.changes),
    random: randomFrom(Number(values.seed)),
    report: say,
  });
  const list = (of: Record<string, number>) =>
    Object.entries(of)
      .map(([name, count]) => `${name} ${count}`)
      .join(", ");
  say(`jobs      ${list(findings.jobs)}`);
  say(`failures  ${list(findings.failures)}`);
  say(`mischief  ${list(findings.mischief)}`);
  say(`changes   ${list(findings.changes)}`);
  say(`versions  ${findings.versions} read back`);
  say(`faults    ${findings.faults.length}`);
  for (const fault of findings.faults.slice(0, 50)) say(`  ${fault}`);
  process.exitCode = findings.faults.length ? 1 : 0;
} finally {
  clear();
}
process.exit();
