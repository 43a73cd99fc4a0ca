import type { ServiceBroker } from "moleculer";
import { call } from "../../config/calls.ts";
import { env } from "../../config/env.ts";
import { serviceClaim } from "../../mixins/claim.ts";

const as = async (tenantId: string) => ({ meta: { claim: await serviceClaim(env.CLUSTER_SECRET, "repl", tenantId, ["payment:manage"]) } });

/** Commands of the operator's prompt, in moleculer-repl's form. */
export default [
  {
    command: "payment:unanswered <tenant>",
    description: "Lists what PayPal was asked about an organisation's payments and refunds without an answer, and what was given up.",
    options: [],
    async action(broker: ServiceBroker, args: { tenant: string }) {
      console.table(await call(broker, "payment.unanswered.list", {}, await as(args.tenant)));
    },
  },
  {
    command: "payment:look <tenant> <attempt>",
    description: "Looks at PayPal now for one of them, and asks again under the same request id where PayPal has nothing.",
    options: [],
    async action(broker: ServiceBroker, args: { tenant: string; attempt: string }) {
      const left = await call(broker, "payment.unanswered.look", { attemptId: args.attempt }, await as(args.tenant));
      console.log(left ? `It is still not known: ${left.reason ?? "no answer"}.` : "It is known now what happened.");
    },
  },
];
