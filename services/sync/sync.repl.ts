import type { ServiceBroker } from "moleculer";
import { call } from "../../config/calls.ts";
import { env } from "../../config/env.ts";
import { serviceClaim } from "../../mixins/claim.ts";

const reading = (tenant: string) => serviceClaim(env.CLUSTER_SECRET, "repl", tenant, ["sync:read", "sync:write", "internal"]);

/** Commands of the operator's prompt, in moleculer-repl's form. */
export default [
  {
    command: "sync:jobs <tenant>",
    description: "Lists an organisation's newest sync jobs.",
    options: [{ option: "-s, --status <status>", description: "only jobs in this state" }],
    async action(broker: ServiceBroker, args: { tenant: string; options: { status?: "running" } }) {
      const { data } = await call(
        broker,
        "sync.jobs.list",
        { limit: 20, ...args.options },
        { meta: { claim: await reading(args.tenant) } },
      );
      console.table(
        data.map(({ id, status, progress, input, items, createdAt }) => ({
          id,
          status,
          progress,
          stored: items.stored,
          failed: items.failed,
          input,
          createdAt,
        })),
      );
    },
  },
  {
    command: "sync:failures <tenant> <job>",
    description: "Lists what a job could not store, and why.",
    options: [],
    async action(broker: ServiceBroker, args: { tenant: string; job: string }) {
      const { data } = await call(
        broker,
        "sync.jobs.failures",
        { id: args.job, limit: 100 },
        { meta: { claim: await reading(args.tenant) } },
      );
      console.table(data);
    },
  },
  {
    command: "sync:cancel <tenant> <job>",
    description: "Cancels a job.",
    options: [],
    async action(broker: ServiceBroker, args: { tenant: string; job: string }) {
      await call(broker, "sync.jobs.cancel", { id: args.job }, { meta: { claim: await reading(args.tenant) } });
      console.log("It ends after the batches under way.");
    },
  },
];
