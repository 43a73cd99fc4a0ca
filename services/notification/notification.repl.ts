import type { ServiceBroker } from "moleculer";
import { call } from "../../config/calls.ts";
import { env } from "../../config/env.ts";
import { serviceClaim } from "../../mixins/claim.ts";

const asOperator = async (tenant: string) => ({ meta: { claim: await serviceClaim(env.CLUSTER_SECRET, "repl", tenant) } });

/** Commands of the operator's prompt, in moleculer-repl's form. */
export default [
  {
    command: "mail:list <tenant>",
    description: "Lists an organisation's latest mails that wait or could not be delivered.",
    options: [{ option: "-a, --all", description: "also those that were sent" }],
    async action(broker: ServiceBroker, args: { tenant: string; options: { all?: boolean } }) {
      const mails = await call(broker, "notification.mail.list", {}, await asOperator(args.tenant));
      console.table(args.options.all ? mails : mails.filter(({ status }) => status !== "sent"));
    },
  },
  {
    command: "mail:resend <tenant> <id>",
    description: "Sends a mail again that could not be delivered.",
    options: [],
    async action(broker: ServiceBroker, args: { tenant: string; id: string }) {
      const { to } = await call(broker, "notification.mail.resend", { id: args.id }, await asOperator(args.tenant));
      console.log(`It is on its way to ${to} again.`);
    },
  },
];
