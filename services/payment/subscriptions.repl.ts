import type { ServiceBroker } from "moleculer";
import { call } from "../../config/calls.ts";
import { env } from "../../config/env.ts";
import { serviceClaim } from "../../mixins/claim.ts";

const as = async (tenantId: string) => ({
  meta: { claim: await serviceClaim(env.CLUSTER_SECRET, "repl", tenantId, ["payment:read", "payment:manage"]) },
});

/** Commands of the operator's prompt, in moleculer-repl's form. */
export default [
  {
    command: "subscriptions:unanswered <tenant>",
    description:
      "Lists what PayPal was asked about an organisation's plans and subscriptions without an answer, and when it is looked for.",
    options: [],
    async action(broker: ServiceBroker, args: { tenant: string }) {
      console.table(await call(broker, "payment.subscriptions.unanswered", {}, await as(args.tenant)));
    },
  },
  {
    command: "subscriptions:entitled <tenant> <customer>",
    description: "Tells whether a customer of an organisation is entitled, until when, and why.",
    options: [],
    async action(broker: ServiceBroker, args: { tenant: string; customer: string }) {
      console.log(await call(broker, "payment.subscriptions.entitled", { customer: args.customer }, await as(args.tenant)));
    },
  },
];
