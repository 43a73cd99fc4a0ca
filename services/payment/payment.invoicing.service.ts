import { actionOf, caller, pageParams, strict, uuid, type Page } from "../../config/action.ts";
import { env } from "../../config/env.ts";
import type { Things } from "../../config/rules.ts";
import { service, type Host } from "../../config/service.ts";
import { ormMixin } from "../../mixins/orm.mixin.ts";
import { redisMixin } from "../../mixins/redis.mixin.ts";
import { attributesOfInvoice } from "./invoices/invoices.ts";
import { note } from "./invoices/schema.ts";
import { showPaypalInvoice, type ShownPaypalInvoice } from "./invoicing/mirror.ts";
import { doAtPayPal, readPaypalInvoice, sendByPayPal, sweepInvoices } from "./invoicing/send.ts";
import { listEntries, type ShownEntry } from "./ledger/list.ts";
import { Sweeper } from "./sweeper.ts";
import { tillMixin, type WithTill } from "./till.mixin.ts";

type Invoicing = Host<WithTill & { sweeper: Sweeper }>;
const action = actionOf<Invoicing>();
const id = uuid("The invoice's id.");
const concerns = { kind: "payment", id: "id" } as const;

/** Longer than a token and four requests take when PayPal uses all the time it is given. */
const askMs = 90_000;
/** Between two rounds over the invoices that are due. */
const sweepMs = 15_000;

export const actions = {
  send: action({
    description: "Has PayPal send an issued invoice to its buyer and collect the money; a repeat changes nothing more.",
    permission: "payment:write",
    concerns,
    stepUp: true,
    rest: "POST /invoices/:id/paypal",
    idempotent: true,
    timeout: askMs,
    audit: { act: "invoice.handed.over", object: "invoice:id" },
    params: strict({ id }),
    async handler(ctx): Promise<ShownPaypalInvoice> {
      return showPaypalInvoice(await sendByPayPal(this.till, caller(ctx), ctx.params.id));
    },
  }),

  get: action({
    description: "Shows how an invoice stands at PayPal; null when PayPal does not send it.",
    permission: "payment:read",
    concerns,
    rest: "GET /invoices/:id/paypal",
    idempotent: true,
    params: strict({ id }),
    async handler(ctx): Promise<ShownPaypalInvoice | null> {
      const mirrored = await readPaypalInvoice(this.till, caller(ctx).tenantId, ctx.params.id);
      return mirrored && showPaypalInvoice(mirrored);
    },
  }),

  ledger: action({
    description: "Lists the ledger's entries of an invoice that PayPal collects: what was paid, fees, refunds, disputes; latest first.",
    permission: "payment:read",
    concerns,
    rest: "GET /invoices/:id/ledger",
    idempotent: true,
    params: strict({ ...pageParams, id }),
    async handler(ctx): Promise<Page<ShownEntry>> {
      const { tenantId } = caller(ctx);
      const { id: invoiceId, ...page } = ctx.params;
      await readPaypalInvoice(this.till, tenantId, invoiceId);
      return await listEntries(this.db, env.CLUSTER_SECRET, tenantId, { ...page, invoiceId });
    },
  }),

  remind: action({
    description: "Has PayPal remind the buyer of an invoice that is not paid.",
    permission: "payment:write",
    concerns,
    rest: "POST /invoices/:id/paypal/remind",
    timeout: askMs,
    params: strict({ id, note }),
    async handler(ctx): Promise<ShownPaypalInvoice> {
      const { id: of, note: said } = ctx.params;
      return showPaypalInvoice(
        await doAtPayPal(this.till, caller(ctx).tenantId, of, (gateway, paypalId) => gateway.remind(paypalId, said)),
      );
    },
  }),

  cancel: action({
    description: "Ends the collecting of an invoice by PayPal; the invoice itself is taken back by a credit note.",
    permission: "payment:refund",
    concerns,
    stepUp: true,
    rest: "POST /invoices/:id/paypal/cancel",
    timeout: askMs,
    audit: { act: "invoice.collecting.cancelled", object: "invoice:id" },
    params: strict({ id }),
    async handler(ctx): Promise<ShownPaypalInvoice> {
      return showPaypalInvoice(
        await doAtPayPal(this.till, caller(ctx).tenantId, ctx.params.id, (gateway, paypalId) => gateway.cancel(paypalId)),
      );
    },
  }),
};

/** Invoices that PayPal sends and collects. */
export default service<Invoicing>()({
  name: "payment.invoicing",
  mixins: [tillMixin, redisMixin, ormMixin("payment")],
  actions,
  methods: {
    async attributesOf(_kind: "payment", tenantId: string, of: string): Promise<Things["payment"] | undefined> {
      return await this.db.tenant(tenantId, (em) => attributesOfInvoice(em, of));
    },
  },
  started() {
    this.sweeper = new Sweeper("invoices at PayPal", sweepMs, (signal) => sweepInvoices(this.till, 20, signal), this.logger);
  },
  async stopped() {
    await this.sweeper?.stop();
  },
});
