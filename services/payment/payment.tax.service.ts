import Type from "typebox";
import { actionOf, caller, pageParams, strict, uuid, type Page } from "../../config/action.ts";
import { env } from "../../config/env.ts";
import type { Things } from "../../config/rules.ts";
import { service, type Host } from "../../config/service.ts";
import { describeAct } from "../../mixins/act.ts";
import { ormMixin, type WithDatabase } from "../../mixins/orm.mixin.ts";
import { attributesOfPayment, readPayment } from "./payments.ts";
import { percentPattern } from "./tax/rate.ts";
import { addRate, listRates, rateHistory, type ShownRate } from "./tax/rates.ts";
import { quote } from "./tax/quote.ts";
import { basketParams, category, country, day, region } from "./tax/schema.ts";
import { saleOf } from "./tax/sale.ts";
import { plantRates } from "./tax/seed.ts";
import { showBreakdown, type ShownBreakdown } from "./tax/shown.ts";
import { checkVatId, type CheckedVatId } from "./tax/vatid.ts";

type Taxes = Host<WithDatabase>;
const action = actionOf<Taxes>();

export const actions = {
  quote: action({
    description: "Reckons the tax of what is to be sold: place, treatment, rates, and totals that agree to the cent.",
    permission: "payment:read",
    rest: "POST /tax/quote",
    params: strict({
      currency: Type.String({ maxLength: 16, description: "ISO 4217 code of a currency that PayPal takes, upper case." }),
      ...basketParams,
    }),
    async handler(ctx): Promise<ShownBreakdown> {
      const { tenantId } = caller(ctx);
      return showBreakdown(await this.db.tenant(tenantId, (em) => quote(em, tenantId, ctx.params)));
    },
  }),

  ofPayment: action({
    description:
      "Shows what a payment is for, as it was reckoned when the payment was made: lines, tax, rates, evidence of the place; null when nobody said.",
    permission: "payment:read",
    concerns: { kind: "payment", id: "id" },
    rest: "GET /payments/:id/breakdown",
    idempotent: true,
    params: strict({ id: uuid("The payment's id.") }),
    async handler(ctx): Promise<ShownBreakdown | null> {
      const sale = saleOf(await readPayment(this.db, caller(ctx).tenantId, ctx.params.id));
      return sale && showBreakdown(sale.breakdown);
    },
  }),

  rates: action({
    description: "Lists the rates that hold on a day: the organisation's own where it has set some, else the platform's.",
    permission: "payment:read",
    rest: "GET /tax/rates",
    idempotent: true,
    params: strict({ ...pageParams, country: Type.Optional(country("Only this one.")), date: Type.Optional(day("Today when left out.")) }),
    async handler(ctx): Promise<Page<ShownRate>> {
      return await listRates(this.db, env.CLUSTER_SECRET, caller(ctx).tenantId, ctx.params);
    },
  }),

  history: action({
    description: "Lists every word there ever was about a country's rates, the latest day first.",
    permission: "payment:read",
    rest: "GET /tax/rates/:country",
    idempotent: true,
    params: strict({ country: country("Which one.") }),
    async handler(ctx): Promise<ShownRate[]> {
      return await this.db.tenant(caller(ctx).tenantId, (em) => rateHistory(em, ctx.params.country));
    },
  }),

  setRate: action({
    description: "Sets a rate of the organisation's own from a day on; it goes before the platform's. What was reckoned before stays.",
    permission: "payment:manage",
    rest: "POST /tax/rates",
    status: 201,
    audit: "taxrate.set",
    params: strict({
      country: country("Where."),
      region: Type.Optional(region),
      category,
      percent: Type.String({ pattern: percentPattern, description: 'Percentage with up to five decimals, e.g. "7" or "9.975".' }),
      validFrom: day("From when on."),
    }),
    async handler(ctx): Promise<ShownRate> {
      const { tenantId, subject } = caller(ctx);
      const { country: of, category: as, percent, validFrom } = ctx.params;
      describeAct({ details: { country: of, category: as, percent, validFrom } });
      return await this.db.tenant(tenantId, (em) => addRate(em, tenantId, subject, ctx.params));
    },
  }),

  checkVatId: action({
    description: "Checks a VAT id by the format and the check digits of its country, offline: whether it is registered is not asked.",
    permission: "payment:read",
    rest: "GET /tax/vat-ids/:vatId",
    idempotent: true,
    params: strict({ vatId: Type.String({ minLength: 1, maxLength: 20, description: "With its country's letters." }) }),
    handler(ctx): Promise<CheckedVatId> {
      return Promise.resolve(checkVatId(ctx.params.vatId));
    },
  }),
};

/** Tax of what is sold. Each node brings the platform's rates up to the committed file when it starts. */
export default service<Taxes>()({
  name: "payment.tax",
  mixins: [ormMixin("payment")],
  actions,
  methods: {
    async attributesOf(_kind: "payment", tenantId: string, id: string): Promise<Things["payment"] | undefined> {
      return await this.db.tenant(tenantId, (em) => attributesOfPayment(em, id));
    },
  },
  async started() {
    const planted = await plantRates(this.db);
    if (planted) this.logger.info(`${planted} tax rates of the platform were added.`);
  },
});
