import Type from "typebox";
import { actionOf, caller, pageParams, strict, type Page } from "../../config/action.ts";
import { env } from "../../config/env.ts";
import { financeFilter, recurringFilter, taxFilter } from "../../config/reports.ts";
import { service, type Host } from "../../config/service.ts";
import { ormMixin, type WithDatabase } from "../../mixins/orm.mixin.ts";
import { financeReport, type FinanceRow } from "./reports/finance.ts";
import { recurringReport, type RecurringRow } from "./reports/recurring.ts";
import { project, rebuild } from "./reports/project.ts";
import { taxReport, type TaxRow } from "./reports/tax.ts";
import { Sweeper } from "./sweeper.ts";

type Reports = Host<WithDatabase & { projector: Sweeper }>;
const action = actionOf<Reports>();

/** Between two rounds of the projection; a report asked for meanwhile brings it up to date itself. */
const projectMs = 15_000;

const reportPage = {
  ...pageParams,
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000, default: 100, description: "Rows per page." })),
};

export const actions = {
  finance: action({
    description:
      "Reports revenue, refunds, chargebacks, fees, tax and net by day or month, currency and method. Currencies are never added up.",
    permission: "payment:read",
    rest: "GET /reports/finance",
    idempotent: true,
    params: strict({ ...reportPage, ...financeFilter }),
    async handler(ctx): Promise<Page<FinanceRow>> {
      return await financeReport(this.db, env.CLUSTER_SECRET, caller(ctx).tenantId, ctx.params);
    },
  }),

  tax: action({
    description: "Reports what invoices charged of each tax, less credit notes, by day or month, currency, country and rate.",
    permission: "payment:read",
    rest: "GET /reports/tax",
    idempotent: true,
    params: strict({ ...reportPage, ...taxFilter }),
    async handler(ctx): Promise<Page<TaxRow>> {
      return await taxReport(this.db, env.CLUSTER_SECRET, caller(ctx).tenantId, ctx.params);
    },
  }),

  recurring: action({
    description: "Reports the monthly recurring revenue of subscriptions as each of the last months ended, per currency.",
    permission: "payment:read",
    rest: "GET /reports/mrr",
    idempotent: true,
    params: strict(recurringFilter),
    async handler(ctx): Promise<Page<RecurringRow>> {
      return await recurringReport(this.db, caller(ctx).tenantId, ctx.params, new Date());
    },
  }),

  rebuild: action({
    description: "Writes what the organisation's reports are read from anew, from the ledger.",
    permission: "payment:manage",
    rest: "POST /reports/rebuild",
    status: 204,
    audit: "payment.reports.rebuilt",
    idempotent: true,
    params: strict({}),
    async handler(ctx): Promise<void> {
      await rebuild(this.db, caller(ctx).tenantId);
    },
  }),
};

/** Reports are read from a read model of the ledger, which any node keeps up to date. */
export default service<Reports>()({
  name: "payment.reports",
  mixins: [ormMixin("payment")],
  actions,
  started() {
    this.projector = new Sweeper("reports", projectMs, () => project(this.db), this.logger);
  },
  async stopped() {
    await this.projector?.stop();
  },
});
