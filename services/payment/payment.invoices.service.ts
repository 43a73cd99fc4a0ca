import { randomUUID } from "node:crypto";
import Type from "typebox";
import { actionOf, caller, pageParams, strict, uuid, type Binary, type Page } from "../../config/action.ts";
import { invoiceKinds, invoiceStatuses } from "../../config/states.ts";
import { env } from "../../config/env.ts";
import type { Things } from "../../config/rules.ts";
import { service, type Host } from "../../config/service.ts";
import { once } from "../../mixins/events.ts";
import { ormMixin, type WithDatabase } from "../../mixins/orm.mixin.ts";
import { visible } from "../../mixins/policy/admitted.ts";
import { creditInvoice } from "./invoices/credit.ts";
import { documentOf } from "./invoices/documents.ts";
import { draftInvoice, findInvoice, removeDraft, reviseInvoice } from "./invoices/drafts.ts";
import {
  attributesOfInvoice,
  invoiceAttributes,
  listInvoices,
  showInvoice,
  type ListedInvoice,
  type ShownInvoice,
} from "./invoices/invoices.ts";
import { issueInvoice, payInvoice } from "./invoices/issue.ts";
import { mailInvoice } from "./invoices/mailing.ts";
import { postOf } from "./invoices/post.ts";
import { invoiceParams, note } from "./invoices/schema.ts";

type Invoices = Host<WithDatabase>;
const action = actionOf<Invoices>();
const id = uuid("The invoice's id.");
const concerns = { kind: "payment", id: "id" } as const;

export const actions = {
  create: action({
    description: "Makes a draft of an invoice: no number yet, nothing owed by it.",
    permission: "payment:write",
    rest: "POST /invoices",
    status: 201,
    idempotencyKey: true,
    params: strict(invoiceParams),
    async handler(ctx): Promise<ShownInvoice> {
      const principal = caller(ctx);
      const { tenantId } = principal;
      const of = { tenantId, action: "payment.invoices.create", key: ctx.meta.idempotencyKey, params: ctx.params };
      return await this.db.tenant(tenantId, async (em) => {
        const made = await once(em, "payment", of, async () => {
          const draft = await draftInvoice(em, principal, ctx.params);
          await em.flush();
          return { id: draft.id };
        });
        return showInvoice(await findInvoice(em, made.id));
      });
    },
  }),

  revise: action({
    description: "Makes a draft anew; what is issued is not changed.",
    permission: "payment:write",
    concerns,
    rest: "PUT /invoices/:id",
    params: strict({ id, ...invoiceParams }),
    async handler(ctx): Promise<ShownInvoice> {
      const { tenantId } = caller(ctx);
      const { id: of, ...wish } = ctx.params;
      return showInvoice(await this.db.tenant(tenantId, (em) => reviseInvoice(em, tenantId, of, wish)));
    },
  }),

  remove: action({
    description: "Removes a draft; what is issued stays.",
    permission: "payment:write",
    concerns,
    rest: "DELETE /invoices/:id",
    status: 204,
    params: strict({ id }),
    async handler(ctx): Promise<void> {
      await this.db.tenant(caller(ctx).tenantId, (em) => removeDraft(em, ctx.params.id));
    },
  }),

  get: action({
    description: "Shows an invoice or a credit note.",
    permission: "payment:read",
    concerns,
    rest: "GET /invoices/:id",
    idempotent: true,
    params: strict({ id }),
    async handler(ctx): Promise<ShownInvoice> {
      return showInvoice(await this.db.tenant(caller(ctx).tenantId, (em) => findInvoice(em, ctx.params.id)));
    },
  }),

  list: action({
    description: "Lists the organisation's invoices and credit notes, newest first.",
    permission: "payment:read",
    concerns: { kind: "payment", filtered: true },
    rest: "GET /invoices",
    idempotent: true,
    params: strict({
      ...pageParams,
      status: Type.Optional(Type.Enum(invoiceStatuses, { description: "Only those in this state." })),
      kind: Type.Optional(Type.Enum(invoiceKinds, { description: "Only invoices, or only credit notes." })),
      paymentId: Type.Optional(uuid("Only those of this payment.")),
      subscriptionId: Type.Optional(uuid("Only those of this subscription's payments.")),
    }),
    async handler(ctx): Promise<Page<ListedInvoice>> {
      const seen = visible(ctx, "payment", invoiceAttributes);
      return await listInvoices(this.db, env.CLUSTER_SECRET, caller(ctx).tenantId, ctx.params, seen);
    },
  }),

  issue: action({
    description: "Issues a draft: it gets the next number of its series and is not changed any more.",
    permission: "payment:write",
    concerns,
    rest: "POST /invoices/:id/issue",
    audit: { act: "invoice.issued", object: "invoice:id" },
    params: strict({ id }),
    async handler(ctx): Promise<ShownInvoice> {
      const { tenantId, subject } = caller(ctx);
      return showInvoice(await this.db.tenant(tenantId, (em) => issueInvoice(em, ctx.params.id, subject)));
    },
  }),

  pay: action({
    description: "Notes that an issued invoice was paid otherwise than by a payment here.",
    permission: "payment:write",
    concerns,
    rest: "POST /invoices/:id/pay",
    audit: { act: "invoice.paid", object: "invoice:id" },
    params: strict({ id }),
    async handler(ctx): Promise<ShownInvoice> {
      const { tenantId, subject } = caller(ctx);
      return showInvoice(await this.db.tenant(tenantId, (em) => payInvoice(em, ctx.params.id, subject)));
    },
  }),

  credit: action({
    description: "Takes back an issued invoice, or part of it, by a credit note. Money is given back by a refund, not by this.",
    permission: "payment:refund",
    concerns,
    stepUp: true,
    rest: "POST /invoices/:id/credit",
    status: 201,
    idempotencyKey: true,
    audit: { act: "invoice.credited", object: "invoice:id" },
    params: strict({
      id,
      amount: Type.Optional(Type.String({ maxLength: 40, description: "Tax included, a decimal string; all that is left when left out." })),
      note,
    }),
    async handler(ctx): Promise<ShownInvoice> {
      const { tenantId, subject } = caller(ctx);
      const { id: of, ...wish } = ctx.params;
      const asked = { tenantId, action: "payment.invoices.credit", key: ctx.meta.idempotencyKey, params: ctx.params };
      return await this.db.tenant(tenantId, async (em) => {
        const made = await once(em, "payment", asked, async () => ({ id: (await creditInvoice(em, of, wish, subject)).id }));
        return showInvoice(await findInvoice(em, made.id));
      });
    },
  }),

  send: action({
    description: "Mails an issued invoice with its PDF to the buyer, or to another address.",
    permission: "payment:write",
    concerns,
    rest: "POST /invoices/:id/mail",
    idempotencyKey: true,
    audit: { act: "invoice.mailed", object: "invoice:id" },
    params: strict({
      id,
      to: Type.Optional(Type.String({ format: "email", maxLength: 254, description: "The buyer's when left out." })),
    }),
    async handler(ctx): Promise<{ mailId: string; to: string }> {
      const key = `invoice:${ctx.params.id}:${ctx.meta.idempotencyKey ?? randomUUID()}`.slice(0, 255);
      return await mailInvoice(postOf(this), caller(ctx).tenantId, { ...ctx.params, key });
    },
  }),

  pdf: action({
    description: "Downloads an issued invoice as PDF; the same bytes for ever.",
    permission: "payment:read",
    concerns,
    rest: "GET /invoices/:id/pdf",
    idempotent: true,
    binary: true,
    params: strict({ id }),
    async handler(ctx): Promise<Binary> {
      return await documentOf(this.db, caller(ctx).tenantId, ctx.params.id, "pdf");
    },
  }),

  xml: action({
    description: "Downloads an issued invoice as electronic invoice: EN 16931 in the syntax of UN/CEFACT (CII); the same bytes for ever.",
    permission: "payment:read",
    concerns,
    rest: "GET /invoices/:id/xml",
    idempotent: true,
    binary: true,
    params: strict({ id }),
    async handler(ctx): Promise<Binary> {
      return await documentOf(this.db, caller(ctx).tenantId, ctx.params.id, "xml");
    },
  }),
};

/** Invoices and credit notes. */
export default service<Invoices>()({
  name: "payment.invoices",
  mixins: [ormMixin("payment")],
  actions,
  methods: {
    async attributesOf(_kind: "payment", tenantId: string, of: string): Promise<Things["payment"] | undefined> {
      return await this.db.tenant(tenantId, (em) => attributesOfInvoice(em, of));
    },
  },
});
