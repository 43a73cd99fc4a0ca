import Type from "typebox";
import { actionOf, caller, pageParams, strict, uuid, type Binary, type Page } from "../../config/action.ts";
import { subscriptionStatuses } from "../../config/states.ts";
import { env } from "../../config/env.ts";
import type { Things } from "../../config/rules.ts";
import { service, type Host } from "../../config/service.ts";
import { Plan } from "../../entities/Plan.ts";
import { ormMixin } from "../../mixins/orm.mixin.ts";
import { demand, visible } from "../../mixins/policy/admitted.ts";
import { redisMixin } from "../../mixins/redis.mixin.ts";
import { payerField } from "./fraud/payer.ts";
import { shownToPayer } from "./payerpage.ts";
import type { Terms } from "./plans/terms.ts";
import { attributesOfCustomer, attributesOfSubscription, attributesOfTerms, subscriptionAttributes } from "./subscriptions/attributes.ts";
import { billingParams, billingSchema, setBilling } from "./subscriptions/billing.ts";
import { captureOutstanding } from "./subscriptions/capture.ts";
import { changePlan } from "./subscriptions/change.ts";
import { createSubscription } from "./subscriptions/create.ts";
import { entitled, type Entitlement } from "./subscriptions/entitlement.ts";
import { subscriptionPage } from "./subscriptions/landing.ts";
import { refresh } from "./subscriptions/look.ts";
import { move, type PlainMove } from "./subscriptions/moves.ts";
import {
  listPayments,
  listSubscriptions,
  readOwn,
  readReturned,
  showSale,
  showSubscription,
  type ShownSale,
  type ShownSubscription,
} from "./subscriptions/subscriptions.ts";
import { refundSale } from "./subscriptions/refund.ts";
import { listUnanswered, type Unanswered } from "./subscriptions/unanswered.ts";
import { sweepSubscriptions } from "./subscriptions/sweep.ts";
import { Sweeper } from "./sweeper.ts";
import { tillMixin, type WithTill } from "./till.mixin.ts";

type Subscriptions = Host<WithTill & { sweeper: Sweeper }>;
const action = actionOf<Subscriptions>();

/** Longer than two looks and what is asked between them take when PayPal uses all the time it is given. */
const askMs = 60_000;
const waitMs = 5_000;
const sweepMs = 5_000;

const id = uuid("The subscription's id.");
const planId = (description: string) => uuid(description);
const customer = Type.String({ minLength: 1, maxLength: 127, description: "Your own name or number of whoever is subscribed." });
const quantity = Type.Optional(
  Type.Integer({ minimum: 1, maximum: 99_999_999, description: "1 when left out; more for plans with quantities alone." }),
);
const reason = (what: string) =>
  Type.Optional(Type.String({ minLength: 1, maxLength: 128, description: `Why it is ${what}; PayPal keeps it.` }));
const url = (description: string) => Type.Optional(Type.String({ maxLength: 2048, description }));

const concerns = { kind: "payment", id: "id" } as const;

/** What rules look at of a subscription to so many of a plan; nothing where there is no such plan, which is told later. */
async function planned({ db }: Subscriptions, tenantId: string, of: string, units: number, owner: string | null) {
  const plan = await db.tenant(tenantId, (em) => em.findOne(Plan, { id: of, tenantId }));
  return plan ? [attributesOfTerms(plan.terms as Terms, units, owner)] : [];
}

const moved = (self: Subscriptions, tenantId: string, subscriptionId: string, name: PlainMove, why: string) =>
  readOwn(self.db, tenantId, subscriptionId).then(async (own) => showSubscription(await move(self.till, own.id, name, why)));

export const actions = {
  create: action({
    description:
      "Creates a subscription and answers where the payer agrees to it. One that the rules against fraud block is answered with PAYMENT_BLOCKED.",
    permission: "payment:write",
    concerns: { kind: "payment", demanded: true },
    stepUp: true,
    audit: "subscription.created",
    rest: "POST /subscriptions",
    status: 201,
    idempotencyKey: true,
    timeout: askMs,
    params: strict({
      planId: planId("The plan to subscribe to."),
      customer,
      quantity,
      email: Type.Optional(Type.String({ format: "email", maxLength: 254, description: "The payer's address, filled in at PayPal." })),
      billing: Type.Optional(billingSchema),
      startAt: Type.Optional(Type.String({ format: "date-time", description: "When it begins; at once when left out." })),
      payer: payerField,
      returnUrl: url("Where the payer goes after agreeing; subscriptionId and status are added to its query."),
      cancelUrl: url("Where the payer goes after cancelling; returnUrl when left out."),
    }),
    async handler(ctx): Promise<ShownSubscription> {
      const { planId: of, quantity: units = 1 } = ctx.params;
      await demand(ctx, "payment", () => planned(this, caller(ctx).tenantId, of, units, caller(ctx).userId));
      return showSubscription(await createSubscription(this.till, caller(ctx), ctx.params, ctx.meta.idempotencyKey));
    },
  }),

  get: action({
    description: "Shows a subscription as PayPal showed it last.",
    permission: "payment:read",
    concerns,
    rest: "GET /subscriptions/:id",
    idempotent: true,
    params: strict({ id }),
    async handler(ctx): Promise<ShownSubscription> {
      return showSubscription(await readOwn(this.db, caller(ctx).tenantId, ctx.params.id));
    },
  }),

  list: action({
    description: "Lists the organisation's subscriptions, newest first.",
    permission: "payment:read",
    concerns: { kind: "payment", filtered: true },
    rest: "GET /subscriptions",
    idempotent: true,
    params: strict({
      ...pageParams,
      status: Type.Optional(Type.Enum(subscriptionStatuses, { description: "Only subscriptions in this state." })),
      customer: Type.Optional(customer),
      planId: Type.Optional(planId("Only subscriptions to this plan.")),
    }),
    async handler(ctx): Promise<Page<ShownSubscription>> {
      const seen = visible(ctx, "payment", subscriptionAttributes);
      return await listSubscriptions(this.db, env.CLUSTER_SECRET, caller(ctx).tenantId, ctx.params, seen);
    },
  }),

  payments: action({
    description: "Lists what PayPal took, or tried to take, for a subscription, newest first.",
    permission: "payment:read",
    concerns,
    rest: "GET /subscriptions/:id/payments",
    idempotent: true,
    params: strict({ id, ...pageParams }),
    async handler(ctx): Promise<Page<ShownSale>> {
      return await listPayments(this.db, env.CLUSTER_SECRET, caller(ctx).tenantId, ctx.params);
    },
  }),

  entitled: action({
    description: "Tells whether a customer is entitled by a subscription now, until when, and why.",
    permission: "payment:read",
    concerns: { kind: "payment", demanded: true },
    rest: "GET /entitlements",
    idempotent: true,
    params: strict({ customer, planId: Type.Optional(planId("By a subscription to this plan alone.")) }),
    async handler(ctx): Promise<Entitlement> {
      const { tenantId } = caller(ctx);
      // An answer without what may not be seen would be a wrong one.
      await demand(ctx, "payment", () => this.db.tenant(tenantId, (em) => attributesOfCustomer(em, tenantId, ctx.params)));
      return await entitled(this.db, tenantId, ctx.params);
    },
  }),

  refresh: action({
    description: "Looks at PayPal how a subscription and its payments stand.",
    permission: "payment:write",
    concerns,
    rest: "POST /subscriptions/:id/refresh",
    idempotent: true,
    timeout: askMs,
    params: strict({ id }),
    async handler(ctx): Promise<ShownSubscription> {
      const { id: own } = await readOwn(this.db, caller(ctx).tenantId, ctx.params.id);
      return showSubscription((await refresh(this.till, own, { waitMs, payments: true })).subscription);
    },
  }),

  bill: action({
    description: "Says who the invoices of a subscription are for, from its next payment on.",
    permission: "payment:write",
    concerns,
    audit: { act: "subscription.billing.changed", object: "subscription:id" },
    rest: "PUT /subscriptions/:id/billing",
    idempotent: true,
    params: strict({ id, ...billingParams }),
    async handler(ctx): Promise<ShownSubscription> {
      const { id: of, ...billing } = ctx.params;
      return showSubscription(await setBilling(this.till, await readOwn(this.db, caller(ctx).tenantId, of), billing));
    },
  }),

  suspend: action({
    description: "Suspends a subscription: no payments are taken until it is resumed.",
    permission: "payment:write",
    concerns,
    audit: { act: "subscription.suspended", object: "subscription:id" },
    rest: "POST /subscriptions/:id/suspend",
    timeout: askMs,
    params: strict({ id, reason: reason("suspended") }),
    async handler(ctx): Promise<ShownSubscription> {
      return await moved(this, caller(ctx).tenantId, ctx.params.id, "suspend", ctx.params.reason ?? "Suspended by the merchant.");
    },
  }),

  resume: action({
    description: "Resumes a suspended subscription.",
    permission: "payment:write",
    concerns,
    stepUp: true,
    audit: { act: "subscription.resumed", object: "subscription:id" },
    rest: "POST /subscriptions/:id/resume",
    timeout: askMs,
    params: strict({ id, reason: reason("resumed") }),
    async handler(ctx): Promise<ShownSubscription> {
      return await moved(this, caller(ctx).tenantId, ctx.params.id, "resume", ctx.params.reason ?? "Resumed by the merchant.");
    },
  }),

  cancel: action({
    description: "Cancels a subscription for good; what is paid for remains.",
    permission: "payment:write",
    concerns,
    audit: { act: "subscription.cancelled", object: "subscription:id" },
    rest: "POST /subscriptions/:id/cancel",
    timeout: askMs,
    params: strict({ id, reason: reason("cancelled") }),
    async handler(ctx): Promise<ShownSubscription> {
      return await moved(this, caller(ctx).tenantId, ctx.params.id, "cancel", ctx.params.reason ?? "Cancelled by the merchant.");
    },
  }),

  change: action({
    description: "Asks the payer to agree to another plan of the same product, or another quantity; nothing changes before.",
    permission: "payment:write",
    concerns,
    stepUp: true,
    audit: { act: "subscription.change.requested", object: "subscription:id" },
    rest: "POST /subscriptions/:id/change",
    timeout: askMs,
    params: strict({ id, planId: planId("The plan to change to; the present one for another quantity."), quantity }),
    async handler(ctx): Promise<ShownSubscription> {
      const { tenantId } = caller(ctx);
      const { id: own, userId = null, quantity: present } = await readOwn(this.db, tenantId, ctx.params.id);
      const { planId: to, quantity: units = present } = ctx.params;
      await demand(ctx, "payment", () => planned(this, tenantId, to, units, userId));
      return showSubscription(await changePlan(this.till, own, ctx.params));
    },
  }),

  capture: action({
    description: "Takes what is outstanding of a subscription, or a part of it.",
    permission: "payment:write",
    concerns,
    stepUp: true,
    audit: { act: "subscription.captured", object: "subscription:id" },
    rest: "POST /subscriptions/:id/capture",
    idempotencyKey: true,
    timeout: askMs,
    params: strict({
      id,
      amount: Type.Optional(Type.String({ maxLength: 40, description: "Decimal string; all that is outstanding when left out." })),
      note: Type.String({ minLength: 1, maxLength: 128, description: "What it is for; the payer sees it." }),
    }),
    async handler(ctx): Promise<ShownSubscription> {
      const { id: own } = await readOwn(this.db, caller(ctx).tenantId, ctx.params.id);
      const { id: _id, ...wish } = ctx.params;
      return showSubscription(await captureOutstanding(this.till, own, wish, ctx.meta.idempotencyKey ?? null));
    },
  }),

  refund: action({
    description: "Gives back a payment of a subscription, or a part of it.",
    permission: "payment:refund",
    concerns,
    stepUp: true,
    audit: { act: "subscription.refunded", object: "subscription:id" },
    rest: "POST /subscriptions/:id/payments/:saleId/refund",
    idempotencyKey: true,
    timeout: askMs,
    params: strict({
      id,
      saleId: Type.String({ minLength: 1, maxLength: 50, description: "PayPal's id of the payment." }),
      amount: Type.Optional(Type.String({ maxLength: 40, description: "Decimal string; all that is left when left out." })),
      note: Type.Optional(Type.String({ minLength: 1, maxLength: 255, description: "For the payer." })),
    }),
    async handler(ctx): Promise<ShownSale> {
      const { id: own } = await readOwn(this.db, caller(ctx).tenantId, ctx.params.id);
      const { id: _id, ...wish } = ctx.params;
      return showSale(await refundSale(this.till, own, wish, ctx.meta.idempotencyKey ?? null));
    },
  }),

  unanswered: action({
    description: "Lists what PayPal was asked about plans and subscriptions without an answer, and when it is looked for.",
    permission: "payment:manage",
    rest: "GET /subscriptions/unanswered",
    idempotent: true,
    params: strict({}),
    async handler(ctx): Promise<Unanswered[]> {
      return await listUnanswered(this.db, caller(ctx).tenantId);
    },
  }),

  return: action({
    description: "Takes the payer back from PayPal: looks how the subscription stands, shows it and sends the browser on to the shop.",
    permission: "public",
    rest: "GET /subscriptions/:id/return",
    idempotent: true,
    binary: true,
    timeout: askMs,
    // PayPal adds members of its own to the address.
    params: Type.Object({
      id,
      subscription_id: Type.String({ maxLength: 50, description: "PayPal's id of the subscription, as PayPal puts it into the address." }),
      cancelled: Type.Optional(Type.Boolean({ description: "Set when the payer went back without agreeing." })),
    }),
    async handler(ctx): Promise<Binary> {
      const { cancelled = false } = ctx.params;
      const returned = await readReturned(this.db, ctx.params.id, ctx.params.subscription_id);
      const looked = refresh(this.till, returned.id, { waitMs }).then(({ subscription }) => subscription);
      return subscriptionPage(await shownToPayer(returned, looked, this.logger), cancelled);
    },
  }),
};

export default service<Subscriptions>()({
  name: "payment.subscriptions",
  mixins: [tillMixin, redisMixin, ormMixin("payment")],
  actions,
  methods: {
    async attributesOf(_kind: "payment", tenantId: string, of: string): Promise<Things["payment"] | undefined> {
      return await this.db.tenant(tenantId, (em) => attributesOfSubscription(em, of));
    },
  },
  started() {
    this.sweeper = new Sweeper("subscriptions", sweepMs, (signal) => sweepSubscriptions(this.till, 20, signal), this.logger);
  },
  async stopped() {
    await this.sweeper?.stop();
  },
});
