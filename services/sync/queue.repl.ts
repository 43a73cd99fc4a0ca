import type { ServiceBroker } from "moleculer";
import { call } from "../../config/calls.ts";
import { env } from "../../config/env.ts";
import { serviceClaim } from "../../mixins/claim.ts";

const claimFor = (tenant: string) => serviceClaim(env.CLUSTER_SECRET, "repl", tenant, ["sync:read", "internal"]);

/** A number, or null for "usual"; undefined when the option was not given. */
const wished = (given: string | number | undefined) => (given === undefined ? undefined : given === "usual" ? null : Number(given));

/** Commands of the operator's prompt, in moleculer-repl's form. */
export default [
  {
    command: "sync:queue <tenant>",
    description: "Shows how many jobs of an organisation run and wait, and how many may run.",
    options: [],
    async action(broker: ServiceBroker, args: { tenant: string }) {
      console.table(await call(broker, "sync.queue.get", {}, { meta: { claim: await claimFor(args.tenant) } }));
    },
  },
  {
    command: "sync:limit <tenant>",
    description: "Sets how many jobs of an organisation may run at the same time, and its share of the cluster.",
    options: [
      { option: "-j, --jobs <count>", description: "jobs at the same time; usual for what every organisation has" },
      { option: "-w, --weight <weight>", description: "its share beside the others' weights; usual for 1" },
    ],
    async action(broker: ServiceBroker, args: { tenant: string; options: { jobs?: string | number; weight?: string | number } }) {
      const [jobs, weight] = [wished(args.options.jobs), wished(args.options.weight)];
      const limits = { ...(jobs !== undefined && { jobs }), ...(weight !== undefined && { weight }) };
      console.table(await call(broker, "sync.queue.limit", limits, { meta: { claim: await claimFor(args.tenant) } }));
    },
  },
];
