import { randomBytes } from "node:crypto";
import { cpus } from "node:os";
import { parseArgs } from "node:util";
import type { Running } from "../scripts/servers/process.ts";
import { say } from "../scripts/terminal.ts";
import { testDatabase } from "../test/database.ts";
import { median } from "../test/median.ts";
import { startProcess } from "../test/processes.ts";
import { withServers } from "../test/servers.ts";
import type { Answer, Order } from "./audit/node.ts";

// npm run bench -- audit: what the flag `audit` adds to a call that writes one row, and to one that reads one: the time of the call, and the CPU
// of the whole machine until the acts are in the audit log's chain, PostgreSQL and the auth node included. Alone on the machine, or it means nothing.
const { values } = parseArgs({
  options: {
    calls: { type: "string", default: "1000" },
    rounds: { type: "string", default: "5" },
    lanes: { type: "string", default: "8" },
  },
});
const [calls, rounds, inFlight] = [Number(values.calls), Number(values.rounds), Number(values.lanes)];
const kinds = ["write", "read"] as const;

/** Microseconds that all cores of the machine have worked. */
const worked = () => cpus().reduce((sum, { times }) => sum + (times.user + times.nice + times.sys + times.irq) * 1000, 0);

interface Cost {
  machine: number;
  node: number;
  ms: number;
}

const found = await withServers(async (folder) => {
  const world = await testDatabase();
  const variables = { LEGENDO_NAMESPACE: `audit-${randomBytes(4).toString("hex")}`, DATABASE_URL: world.url, LOG_LEVEL: "error" };
  const auth = startProcess("auth", folder, ["scripts/node.ts"], { ...variables, SERVICES: "auth" });
  const node = startProcess("measured", folder, ["bench/audit/node.ts"], variables);
  const said = <T>(process: Running, order?: Order) =>
    new Promise<T>((resolve, reject) => {
      process.child.once("message", (message) => resolve(message as T));
      void process.ended.then((how) => reject(new Error(`${process.name} ended: ${how}; see ${process.log}`)));
      if (order) process.child.send(order);
    });
  try {
    await said(node);
    const round = async (action: string): Promise<Cost> => {
      const before = worked();
      const { cpu, ms } = await said<Answer>(node, { action, calls, inFlight });
      return { machine: (worked() - before) / calls, node: cpu / calls, ms: (ms * inFlight) / calls };
    };
    const costs: Record<string, Cost[]> = {};
    const actions = kinds.flatMap((kind) => [kind, `${kind}Audited`]);
    for (const action of actions) await round(action);
    for (let i = 0; i < rounds; i++) for (const action of actions) (costs[action] ??= []).push(await round(action));
    return costs;
  } finally {
    await Promise.all([node, auth].map((process) => process.stop(3_000)));
    await world.drop();
  }
});

for (const kind of kinds) {
  const of = (action: string, what: keyof Cost) => median(found[action]!.map((cost) => cost[what]));
  const line = (what: keyof Cost, unit: string) => {
    const [plain, audited] = [of(kind, what), of(`${kind}Audited`, what)];
    return `${plain.toFixed(what === "ms" ? 2 : 0)} → ${audited.toFixed(what === "ms" ? 2 : 0)} ${unit} (× ${(audited / plain).toFixed(2)})`;
  };
  say(`a call that ${kind}s a row, audited: answered after ${line("ms", "ms")} with ${inFlight} at a time`);
  say(`  CPU per call: ${line("machine", "µs")} of the machine, ${line("node", "µs")} of the node`);
}
