import type { ServiceBroker } from "moleculer";
import { call } from "../../config/calls.ts";
import { platform } from "../../config/permissions.ts";
import { env } from "../../config/env.ts";
import { serviceClaim } from "../../mixins/claim.ts";

const as = async (tenantId: string) => ({
  meta: { claim: await serviceClaim(env.CLUSTER_SECRET, "repl", tenantId, ["payment:read", "payment:manage"]) },
});

/** A moment to the minute, for tables. */
const minute = (at: string) => at.slice(0, 16).replace("T", " ");

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
  {
    command: "payment:breaks [tenant]",
    description: "Shows the open breaks of an organisation, oldest first, and how its books stand; the platform's own without one.",
    options: [],
    async action(broker: ServiceBroker, args: { tenant?: string }) {
      const claim = await as(args.tenant ?? platform);
      const { open: _open, ...standing } = await call(broker, "payment.reconciliation.get", {}, claim);
      console.table([standing]);
      const { data } = await call(broker, "payment.reconciliation.breaks", { state: "open", limit: 200 }, claim);
      console.table(
        data.map(({ id, kind, code, objectId, at, ageDays, paypal, ours, paymentId }) => {
          const shown = (side: typeof ours) =>
            side?.amount ? `${side.amount} ${side.currency} ${side.status ?? ""}`.trim() : side?.status;
          return { id, kind, code, objectId, at: minute(at), ageDays, paypal: shown(paypal), ours: shown(ours), paymentId };
        }),
      );
    },
  },
  {
    command: "payment:reconcile [tenant]",
    description:
      "Compares an organisation's payments and ledger with PayPal's report now; what is nobody's in the platform's account without one.",
    options: [
      { option: "-f, --from <day>", description: "first day, yyyy-mm-dd; the same as the last when left out" },
      { option: "-t, --to <day>", description: "last day, yyyy-mm-dd; the last complete one when left out" },
    ],
    async action(broker: ServiceBroker, args: { tenant?: string; options: { from?: string; to?: string } }) {
      const { from, to } = args.options;
      const run = await call(
        broker,
        "payment.reconciliation.run",
        { ...(from && { from }), ...(to && { to }) },
        await as(args.tenant ?? platform),
      );
      console.table([{ ...run, failure: run.failure?.message }]);
    },
  },
  {
    command: "payment:explain <tenant> <break> <note>",
    description: "Explains a break: it stays explained when it is found again.",
    options: [],
    async action(broker: ServiceBroker, args: { tenant: string; break: string; note: string }) {
      const { kind, objectId, state } = await call(
        broker,
        "payment.reconciliation.change",
        { id: args.break, state: "explained", note: args.note },
        await as(args.tenant),
      );
      console.log(`${kind} of ${objectId} is ${state}.`);
    },
  },
];
