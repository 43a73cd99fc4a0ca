import { randomBytes } from "node:crypto";
import { parseArgs } from "node:util";
import type { Running } from "../scripts/servers/process.ts";
import { say } from "../scripts/terminal.ts";
import { median } from "../test/median.ts";
import { startProcess } from "../test/processes.ts";
import { withServers } from "../test/servers.ts";
import type { Answer, Order } from "./call/process.ts";

// npm run bench -- call: an echo action over NATS with the configuration of our nodes, beside bare Moleculer on the same NATS.
// CPU of both ends per request: on a shared machine the one figure that holds still.
const { values } = parseArgs({
  options: { requests: { type: "string", default: "20000" }, rounds: { type: "string", default: "7" } },
});
const requests = Number(values.requests);
const inFlight = 32;
const aim = 1.4;
const sides = ["bare", "ours"] as const;

/** Tells a process to do something and waits for its answer. */
const tell = (process: Running, order: Order): Promise<Answer> =>
  new Promise((resolve, reject) => {
    process.child.once("message", resolve);
    void process.ended.then((how) => reject(new Error(`${process.name} ended: ${how}; see ${process.log}`)));
    process.child.send(order);
  });
const ready = (process: Running) => new Promise((resolve) => process.child.once("message", resolve));

const spent = await withServers(async (folder) => {
  const variables = { LEGENDO_NAMESPACE: `call-${randomBytes(4).toString("hex")}`, LOG_LEVEL: "error" };
  const begin = async (side: string, role: string) => {
    const process = startProcess(`${role}-${side}`, folder, ["bench/call/process.ts", side, role], variables);
    await ready(process);
    return process;
  };
  const ends: Record<string, { server: Running; client: Running }> = {};
  try {
    for (const side of sides) ends[side] = { server: await begin(side, "server"), client: await begin(side, "client") };
    /** Microseconds of CPU per request, client and server. */
    const round = async (side: (typeof sides)[number]) => {
      const { server, client } = ends[side]!;
      await tell(server, { order: "cpu" });
      await tell(client, { order: "cpu" });
      const mine = await tell(client, { order: "run", requests, inFlight });
      return (mine.cpu + (await tell(server, { order: "cpu" })).cpu) / requests;
    };
    for (const side of sides) await round(side);
    const found = { bare: [] as number[], ours: [] as number[] };
    for (let i = 0; i < Number(values.rounds); i++) for (const side of sides) found[side].push(await round(side));
    return found;
  } finally {
    await Promise.all(Object.values(ends).flatMap(({ server, client }) => [server.stop(1_000), client.stop(1_000)]));
  }
});

for (const side of sides) {
  const all = spent[side].map((each) => each.toFixed(1)).join(" ");
  say(`${side}  ${median(spent[side]).toFixed(1)} µs of CPU per request, client and server (${all})`);
}
const ratio = median(spent.ours) / median(spent.bare);
say(`ratio ${ratio.toFixed(2)}, aim at most ${aim}`);
if (ratio > aim) process.exitCode = 1;
