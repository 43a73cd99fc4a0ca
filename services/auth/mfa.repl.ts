import type { ServiceBroker } from "moleculer";
import { call } from "../../config/calls.ts";
import { env } from "../../config/env.ts";
import { serviceClaim } from "../../mixins/claim.ts";

/** Commands of the operator's prompt, in moleculer-repl's form. */
export default [
  {
    command: "auth:mfa:reset <tenant> <user>",
    description: "Takes all second factors of a member away and ends their sessions: for who has lost them and the recovery codes.",
    options: [],
    async action(broker: ServiceBroker, { tenant, user }: { tenant: string; user: string }) {
      const claim = await serviceClaim(env.CLUSTER_SECRET, "repl", tenant);
      const { removed } = await call(broker, "auth.mfa.reset", { userId: user }, { meta: { claim } });
      console.log(`${removed} second factors are removed; the person signs in by password alone and can make new ones.`);
    },
  },
];
