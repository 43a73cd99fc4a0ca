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
    command: "payment:balances <tenant>",
    description: "Shows how the accounts of an organisation's ledger stand: positive is debit, negative credit.",
    options: [],
    async action(broker: ServiceBroker, args: { tenant: string }) {
      console.table((await call(broker, "payment.ledger.balances", {}, await as(args.tenant))).balances);
    },
  },
  {
    command: "payment:rebuild <tenant>",
    description: "Writes what an organisation's financial reports are read from anew, from its ledger.",
    options: [],
    async action(broker: ServiceBroker, args: { tenant: string }) {
      await call(broker, "payment.reports.rebuild", {}, await as(args.tenant));
      console.log("Done.");
    },
  },
];
