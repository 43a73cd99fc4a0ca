import type { ServiceBroker } from "moleculer";
import { call } from "../../config/calls.ts";
import { platform } from "../../config/permissions.ts";
import { env } from "../../config/env.ts";
import { serviceClaim } from "../../mixins/claim.ts";

/** Commands of the operator's prompt, in moleculer-repl's form. */
export default [
  {
    command: "auth:keys",
    description: "Lists the public keys by which tokens are verified.",
    options: [],
    async action(broker: ServiceBroker) {
      const { keys } = await call(broker, "auth.keys.public", {});
      console.table(keys.map(({ kid, alg, x }) => ({ kid, alg, x })));
    },
  },
  {
    command: "auth:rotate",
    description: "Lets the next signing key sign and retires the active one; tokens signed before stay valid.",
    options: [],
    async action(broker: ServiceBroker) {
      const claim = await serviceClaim(env.CLUSTER_SECRET, "repl", platform);
      const { active, retired } = await call(broker, "auth.keys.rotate", {}, { meta: { claim } });
      console.log(`${active} signs now, on every node that can be reached; ${retired} is retired.`);
    },
  },
];
