import type { ServiceBroker } from "moleculer";
import { call } from "../../config/calls.ts";
import { env } from "../../config/env.ts";
import { serviceClaim } from "../../mixins/claim.ts";

const as = async (tenantId: string) => ({ meta: { claim: await serviceClaim(env.CLUSTER_SECRET, "repl", tenantId, ["payment:read"]) } });

/** A moment to the minute, for tables. */
const minute = (at: string) => at.slice(0, 16).replace("T", " ");

/** Commands of the operator's prompt, in moleculer-repl's form. */
export default [
  {
    command: "payment:reviews <tenant>",
    description: "Shows the payments of an organisation that wait for a person, newest first, and until when.",
    options: [],
    async action(broker: ServiceBroker, args: { tenant: string }) {
      const { data } = await call(broker, "payment.fraud.assessments", { review: "open", limit: 200 }, await as(args.tenant));
      console.table(
        data.map(({ objectId, score, reasons, facts, review }) => ({
          payment: objectId,
          amount: `${facts.amount} ${facts.currency}`,
          score,
          rules: reasons.map(({ rule }) => rule).join(" "),
          until: review && minute(review.until),
        })),
      );
    },
  },
  {
    command: "payment:why <tenant> <payment>",
    description: "Shows why a payment was let through, blocked or kept for a person: each rule that held, and what it saw.",
    options: [],
    async action(broker: ServiceBroker, args: { tenant: string; payment: string }) {
      const told = await call(broker, "payment.fraud.assessment", { id: args.payment }, await as(args.tenant));
      const { decision, score, ruleSetVersion, reasons, facts, review } = told;
      console.log(`${decision}, score ${score}, by version ${ruleSetVersion} of the rules; counted by ${facts.counters}.`);
      if (review)
        console.log(`Review: ${review.state}${review.by ? ` by ${review.by}: ${review.note}` : ` until ${minute(review.until)}`}.`);
      console.table(reasons.map(({ rule, effect, points, seen }) => ({ rule, effect, points, seen: seen.join("; ") })));
    },
  },
];
