import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { say } from "../scripts/terminal.ts";
import { fastFolder } from "../test/servers.ts";
import { randomFrom } from "./model/random.ts";
import { soak } from "./model/soak.ts";

// npm run bench -- model: a soak test against a model. Random trees, changes and kills; a run is repeated by its seed (its timing is not).
const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "30" },
    changes: { type: "string", default: "60" },
    seed: { type: "string", default: String(Date.now() % 1_000_000) },
    keep: { type: "boolean", default: false },
  },
});
const folder = mkdtempSync(join(fastFolder(), "legendo-model-"));
try {
  say(`seed ${values.seed}`);
  const findings = await soak({
    folder,
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
  say(`kills     ${list(findings.kills)}`);
  say(`changes   ${list(findings.changes)}`);
  say(`versions  ${findings.versions} read back`);
  say(`faults    ${findings.faults.length}`);
  for (const fault of findings.faults.slice(0, 50)) say(`  ${fault}`);
  process.exitCode = findings.faults.length ? 1 : 0;
} finally {
  if (values.keep) say(`kept ${folder}`);
  else rmSync(folder, { recursive: true, force: true });
}
process.exit();
