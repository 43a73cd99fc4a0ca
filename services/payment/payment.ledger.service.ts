import Type from "typebox";
import { actionOf, caller, pageParams, strict, uuid, type Page } from "../../config/action.ts";
import { env } from "../../config/env.ts";
import type { Things } from "../../config/rules.ts";
import { service, type Host } from "../../config/service.ts";
import { entryKinds } from "../../entities/LedgerEntry.ts";
import { ormMixin, type WithDatabase } from "../../mixins/orm.mixin.ts";
import { trialBalance, type TrialBalance } from "./ledger/balances.ts";
import { listEntries, type ShownEntry } from "./ledger/list.ts";
import { attributesOfPayment, readPayment } from "./payments.ts";

const action = actionOf<Host<WithDatabase>>();
const moment = (description: string) => Type.Optional(Type.String({ format: "date-time", description }));

export const actions = {
  entries: action({
    description: "Lists the entries of the organisation's ledger with their lines, latest first.",
    permission: "payment:read",
    rest: "GET /ledger/entries",
    idempotent: true,
    params: strict({
      ...pageParams,
      kind: Type.Optional(Type.Enum(entryKinds, { description: "Only entries of this kind." })),
      from: moment("Only what happened then or later."),
      to: moment("Only what happened before."),
    }),
    async handler(ctx): Promise<Page<ShownEntry>> {
      return await listEntries(this.db, env.CLUSTER_SECRET, caller(ctx).tenantId, ctx.params);
    },
  }),

  ofPayment: action({
    description: "Lists the ledger's entries of one payment: capture, fee, refunds, disputes; latest first.",
    permission: "payment:read",
    concerns: { kind: "payment", id: "id" },
    rest: "GET /payments/:id/ledger",
    idempotent: true,
    params: strict({ ...pageParams, id: uuid("The payment.") }),
    async handler(ctx): Promise<Page<ShownEntry>> {
      const { tenantId } = caller(ctx);
      const { id, ...page } = ctx.params;
      const payment = await readPayment(this.db, tenantId, id);
      return await listEntries(this.db, env.CLUSTER_SECRET, tenantId, { ...page, paymentId: payment.id });
    },
  }),

  balances: action({
    description: "Says how the ledger's accounts stood at a moment, in each currency: the trial balance.",
    permission: "payment:read",
    rest: "GET /ledger/balances",
    idempotent: true,
    params: strict({ before: moment("Of everything that happened before; now when left out.") }),
    async handler(ctx): Promise<TrialBalance> {
      const { before } = ctx.params;
      return await trialBalance(this.db, caller(ctx).tenantId, before === undefined ? new Date() : new Date(before));
    },
  }),
};

/** The books. What writes in them is ledger/post.ts, in the transactions that record what happened. */
export default service<Host<WithDatabase>>()({
  name: "payment.ledger",
  mixins: [ormMixin("payment")],
  actions,
  methods: {
    async attributesOf(_kind: "payment", tenantId: string, id: string): Promise<Things["payment"] | undefined> {
      return await this.db.tenant(tenantId, (em) => attributesOfPayment(em, id));
    },
  },
});
