import type { ServiceBroker } from "moleculer";
import { env } from "../config/env.ts";
import { serviceClaim } from "./claim.ts";

const claimFor = (tenant: string) => serviceClaim(env.CLUSTER_SECRET, "repl", tenant);

/** Commands for what every service with durable work has; <service> is e.g. sync.worker, ai or notification. */
export default [
  {
    command: "dead-letters <service> <tenant>",
    description: "Lists events that a service gave up on.",
    options: [],
    async action(broker: ServiceBroker, args: { service: string; tenant: string }) {
      console.table(
        await broker.call<object[], object>(`${args.service}.deadletters`, {}, { meta: { claim: await claimFor(args.tenant) } }),
      );
    },
  },
  {
    command: "replay <service> <tenant> <id>",
    description: "Handles a dead letter again.",
    options: [],
    async action(broker: ServiceBroker, args: { service: string; tenant: string; id: string }) {
      await broker.call(`${args.service}.replay`, { id: args.id }, { meta: { claim: await claimFor(args.tenant) } });
      console.log("Done; it is no dead letter any more.");
    },
  },
];
