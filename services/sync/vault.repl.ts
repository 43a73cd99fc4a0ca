import type { ServiceBroker } from "moleculer";
import { call } from "../../config/calls.ts";
import { env } from "../../config/env.ts";
import { serviceClaim } from "../../mixins/claim.ts";

const claimFor = (tenant: string) => serviceClaim(env.CLUSTER_SECRET, "repl", tenant, ["assets:read", "sync:read", "sync:write"]);

const upkeep = (kind: "verify" | "repair" | "collect", description: string) => ({
  command: `vault:${kind} <tenant>`,
  description,
  options: [],
  async action(broker: ServiceBroker, args: { tenant: string }) {
    const { id, status } = await call(broker, `sync.vault.${kind}`, {}, { meta: { claim: await claimFor(args.tenant) } });
    console.log(`Job ${id} is ${status}. What it finds: sync:failures ${args.tenant} ${id}`);
  },
});

/** Commands of the operator's prompt, in moleculer-repl's form. */
export default [
  {
    command: "vault:stats <tenant>",
    description: "Adds up what an organisation's vault holds, and says when it was last proven.",
    options: [],
    async action(broker: ServiceBroker, args: { tenant: string }) {
      console.dir(await call(broker, "sync.vault.stats", {}, { meta: { claim: await claimFor(args.tenant) } }), { depth: null });
    },
  },
  upkeep("verify", "Reads all of an organisation's vault back and reports what is damaged."),
  upkeep("repair", "Mends what is damaged of an organisation's vault, from the second copy or the sources."),
  upkeep("collect", "Removes what nothing refers to from an organisation's vault, and brings its second copy up to date."),
];
