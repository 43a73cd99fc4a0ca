import type { ServiceBroker } from "moleculer";
import { call } from "../../config/calls.ts";
import type { Permission } from "../../config/permissions.ts";
import { env } from "../../config/env.ts";
import { serviceClaim } from "../../mixins/claim.ts";

/** Commands of the operator's prompt, in moleculer-repl's form. */
export default [
  {
    command: "auth:explain <tenant> <subject> <what>",
    description: "Says whether user:<id>, key:<id> or account:<id> may do something (a permission, or an action's name), and why.",
    options: [],
    async action(broker: ServiceBroker, { tenant, subject, what }: { tenant: string; subject: string; what: string }) {
      const claim = await serviceClaim(env.CLUSTER_SECRET, "repl", tenant, ["org:read", "roles:read"]);
      const asked = what.includes(":") ? { permission: what as Permission } : { action: what };
      const answer = await call(broker, "auth.roles.explain", { subject, ...asked }, { meta: { claim } });
      const { allowed, reason, role, version, rules } = answer;
      console.log(`${allowed ? "yes" : "no"}: ${reason} (role ${role ?? "none"}, policy version ${version})`);
      if (rules.length)
        console.table(rules.map(({ name, permissions: _permissions, ...limits }) => ({ name, limits: JSON.stringify(limits) })));
    },
  },
];
