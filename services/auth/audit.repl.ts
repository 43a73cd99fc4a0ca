import type { ServiceBroker } from "moleculer";
import { call } from "../../config/calls.ts";
import { platform, type Permission } from "../../config/permissions.ts";
import { env } from "../../config/env.ts";
import { serviceClaim } from "../../mixins/claim.ts";

const as = async (tenantId: string, permission: Permission) => ({
  meta: { claim: await serviceClaim(env.CLUSTER_SECRET, "repl", tenantId, [permission]) },
});

/** Commands of the operator's prompt, in moleculer-repl's form. */
export default [
  {
    command: "audit:list [tenant]",
    description: "Shows the latest fifty records of an organisation's audit log; the platform's own without one.",
    options: [],
    async action(broker: ServiceBroker, args: { tenant?: string }) {
      const { data } = await call(broker, "auth.audit.list", {}, await as(args.tenant ?? platform, "audit:read"));
      console.table(
        data.map(({ position, at, actor, action, object, outcome, code, address }) => ({
          position,
          at,
          actor,
          action,
          object,
          outcome: code ?? outcome,
          address,
        })),
      );
    },
  },
  {
    command: "audit:checkpoint",
    description: "Signs how far the audit log has got and publishes that, now.",
    options: [],
    async action(broker: ServiceBroker) {
      const { covered, published } = await call(broker, "auth.audit.checkpoint", {}, await as(platform, "internal"));
      console.log(`${covered} chains had grown; ${published} checkpoints were published. npm run audit:verify compares the log with them.`);
    },
  },
  {
    command: "audit:erase <tenant> <user>",
    description: "Erases the addresses that a person left in an organisation's audit log, on their request; the chain stays whole.",
    options: [],
    async action(broker: ServiceBroker, args: { tenant: string; user: string }) {
      const { erased } = await call(broker, "auth.audit.erase", { userId: args.user }, await as(args.tenant, "internal"));
      console.log(`${erased} records have lost their address and user agent.`);
    },
  },
];
