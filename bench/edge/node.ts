import { ServiceBroker, type ServiceSchema } from "moleculer";
import { strict } from "../../config/action.ts";
import options from "../../moleculer.config.ts";
import { loadServices } from "../../scripts/services.ts";

// An edge node with two actions that differ in their permission alone. Its parent asks for its CPU time.
/** Microseconds of CPU since the last answer, or once where the edge listens. */
export type Answer = { cpu: number } | { url: string };

const answer = { description: "Answers at once.", params: strict({}), handler: () => "hello there" };
const measured = {
  name: "measured",
  actions: {
    open: { ...answer, permission: "public", rest: "GET /measured/open" },
    closed: { ...answer, permission: "org:read", rest: "GET /measured/closed" },
  },
} as unknown as ServiceSchema;

const broker = new ServiceBroker(options);
for (const schema of [...(await loadServices(["api"])), measured]) broker.createService(schema);
await broker.start();
const { address: url } = broker.getLocalService("api") as unknown as { address: string };
let before = process.cpuUsage();
process.on("message", () => {
  const spent = process.cpuUsage(before);
  before = process.cpuUsage();
  process.send?.({ cpu: spent.user + spent.system } satisfies Answer);
});
process.on("disconnect", () => process.exit());
process.send?.({ url } satisfies Answer);
