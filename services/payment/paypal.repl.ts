import type { ServiceBroker } from "moleculer";
import { call } from "../../config/calls.ts";
import { platform } from "../../config/permissions.ts";
import { env } from "../../config/env.ts";
import { serviceClaim } from "../../mixins/claim.ts";

/** "platform" is the account that organisations without one of their own pay into. */
const tenantOf = (given: string) => (given === "platform" ? platform : given);
const asOperator = async (tenant: string) => ({
  meta: { claim: await serviceClaim(env.CLUSTER_SECRET, "repl", tenantOf(tenant), ["payment:manage"]) },
});

/** Commands of the operator's prompt, in moleculer-repl's form. */
export default [
  {
    command: "paypal:accounts <tenant>",
    description: "Lists the PayPal accounts of an organisation, or of the platform.",
    options: [],
    async action(broker: ServiceBroker, args: { tenant: string }) {
      const accounts = await call(broker, "payment.accounts.list", {}, await asOperator(args.tenant));
      console.table(accounts.map(({ webhook, ...account }) => ({ ...account, webhook: webhook.id })));
    },
  },
  {
    command: "paypal:events <tenant>",
    description:
      "Lists the latest events of PayPal's that wait or were given up; of the platform those that nobody knows the organisation of.",
    options: [{ option: "-a, --all", description: "also those that were dealt with" }],
    async action(broker: ServiceBroker, args: { tenant: string; options: { all?: boolean } }) {
      const { data } = await call(broker, "payment.webhooks.list", { limit: 200 }, await asOperator(args.tenant));
      const seen = args.options.all ? data : data.filter(({ state }) => state !== "done" && state !== "ignored");
      console.table(
        seen.map(({ id, type, about, state, attempts, receivedAt, error }) => ({
          id,
          type,
          about,
          state,
          attempts,
          receivedAt,
          error: error?.message,
        })),
      );
    },
  },
  {
    command: "paypal:replay <tenant> <id>",
    description: "Has an event of PayPal's dealt with again.",
    options: [],
    async action(broker: ServiceBroker, args: { tenant: string; id: string }) {
      const { type, about } = await call(broker, "payment.webhooks.replay", { id: args.id }, await asOperator(args.tenant));
      console.log(`${type} about ${about} is dealt with again.`);
    },
  },
  {
    command: "paypal:backfill <tenant> <since>",
    description: "Reads PayPal's list of events since a moment (2026-11-27T08:00:00Z) and keeps those that never arrived.",
    options: [],
    async action(broker: ServiceBroker, args: { tenant: string; since: string }) {
      const { listed, missed, unread } = await call(
        broker,
        "payment.webhooks.backfill",
        { since: args.since },
        await asOperator(args.tenant),
      );
      console.log(`PayPal lists ${listed} events; ${missed} of them had not arrived.`);
      if (unread !== null) console.log(`There are more: what is older than ${unread} was not read.`);
    },
  },
];
