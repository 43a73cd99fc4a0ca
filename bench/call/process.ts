import Type from "typebox";
import { ServiceBroker, type BrokerOptions, type ServiceSchema } from "moleculer";
import { strict } from "../../config/action.ts";
import { env } from "../../config/env.ts";
import { natsOptions } from "../../config/nats.ts";
import { serviceClaim } from "../../mixins/claim.ts";

// One end of the measured road: `ours` or `bare`, `server` or `client`. It does what its parent tells it and answers with its CPU time.
export type Order = { order: "run"; requests: number; inFlight: number } | { order: "cpu" };
/** Microseconds of CPU since the last answer. */
export type Answer = { cpu: number };

const [side, role] = process.argv.slice(2) as ["ours" | "bare", "server" | "client"];
const action = { description: "Answers with what it was sent.", permission: "internal", idempotent: true };
const params = { ours: strict({ text: Type.String({ maxLength: 100 }) }), bare: { text: { type: "string", max: 100 } } };
const echo = {
  name: "echo",
  actions: { say: { ...action, params: params[side], handler: (ctx: { params: unknown }) => ctx.params } },
} as unknown as ServiceSchema;

async function options(): Promise<BrokerOptions> {
  const name = `${role}-${side}`;
  if (side === "ours") return { ...(await import("../../moleculer.config.ts")).default, nodeID: name, namespace: env.LEGENDO_NAMESPACE };
  const transporter = { type: "NATS", options: natsOptions(env, name) } as never;
  return { namespace: `${env.LEGENDO_NAMESPACE}-bare`, nodeID: name, logger: false, transporter };
}

const broker = new ServiceBroker(await options());
if (role === "server") broker.createService(echo);
await broker.start();
if (role === "client") await broker.waitForServices("echo");

async function run(requests: number, inFlight: number): Promise<void> {
  // As the edge does it: one claim serves many calls.
  const claim = side === "ours" ? await serviceClaim(env.CLUSTER_SECRET, "bench", crypto.randomUUID()) : undefined;
  let left = requests;
  const lane = async () => {
    while (left-- > 0) {
      const answer = await broker.call<{ text: string }, object>("echo.say", { text: "hello there" }, claim ? { meta: { claim } } : {});
      if (answer.text !== "hello there") throw new Error("the echo said something else");
    }
  };
  await Promise.all(Array.from({ length: inFlight }, lane));
}

let before = process.cpuUsage();
process.on("message", (message: Order) => {
  const work = message.order === "run" ? run(message.requests, message.inFlight) : Promise.resolve();
  void work.then(() => {
    const spent = process.cpuUsage(before);
    before = process.cpuUsage();
    process.send?.({ cpu: spent.user + spent.system } satisfies Answer);
  });
});
process.on("disconnect", () => process.exit());
process.send?.({ cpu: 0 } satisfies Answer);
