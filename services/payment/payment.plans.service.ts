import Type from "typebox";
import { actionOf, caller, pageParams, strict, uuid, type Page } from "../../config/action.ts";
import { planStatuses } from "../../config/states.ts";
import { env } from "../../config/env.ts";
import type { Things } from "../../config/rules.ts";
import { service, type Host } from "../../config/service.ts";
import { ormMixin } from "../../mixins/orm.mixin.ts";
import { demand, visible } from "../../mixins/policy/admitted.ts";
import { redisMixin } from "../../mixins/redis.mixin.ts";
import { productTypes } from "./gateway/catalog.ts";
import { createPlan } from "./plans/create.ts";
import { changePrices, setActive } from "./plans/moves.ts";
import { listPlans, readOwnPlan, setGrace, showPlan, sweepPlans, type ShownPlan } from "./plans/plans.ts";
import { intervalUnits, pricingModels } from "./plans/terms.ts";
import { attributesOfPlan, largestPrice, planAttributes } from "./subscriptions/attributes.ts";
import { Sweeper } from "./sweeper.ts";
import { tillMixin, type WithTill } from "./till.mixin.ts";

type Plans = Host<WithTill & { sweeper: Sweeper }>;
const action = actionOf<Plans>();

/** Longer than a product, a plan and a look take when PayPal uses all the time it is given. */
const askMs = 60_000;
const sweepMs = 15_000;

const id = uuid("The plan's id.");
const concerns = { kind: "payment", id: "id" } as const;
const name = (description: string) => Type.String({ minLength: 1, maxLength: 127, description });
const amount = (description: string) => Type.String({ maxLength: 40, description });
const graceDays = Type.Integer({
  minimum: 0,
  maximum: 90,
  description: "For how many days whoever does not pay remains entitled; 3 when left out.",
});
const pricing = {
  price: Type.Optional(amount('Decimal string, e.g. "12.50"; left out in a free trial and where there are tiers.')),
  model: Type.Optional(
    Type.Enum(pricingModels, { description: "volume: all units at the tier of the whole quantity; tiered: each unit at its own tier." }),
  ),
  tiers: Type.Optional(
    Type.Array(
      strict({
        from: Type.Integer({ minimum: 1, maximum: 99_999_999, description: "The first unit of the tier; 1 in the first." }),
        to: Type.Optional(Type.Integer({ minimum: 1, maximum: 99_999_999, description: "The last; left out in the last tier." })),
        amount: amount("Decimal string, per unit."),
      }),
      { maxItems: 32, description: "Prices by quantity, without holes." },
    ),
  ),
};
const cycle = strict({
  tenure: Type.Enum(["trial", "regular"] as const, {
    description: "Up to two trials, at most one of them free, then the one regular cycle.",
  }),
  unit: Type.Enum(intervalUnits, { description: "A payment is due every `count` of these." }),
  count: Type.Optional(
    Type.Integer({ minimum: 1, maximum: 365, description: "1 when left out; at most 365 days, 52 weeks, 12 months, 1 year." }),
  ),
  total: Type.Optional(Type.Integer({ minimum: 0, maximum: 999, description: "How many payments; a regular cycle with 0 has no end." })),
  ...pricing,
});

export const actions = {
  create: action({
    description: "Creates a plan that customers can subscribe to, with its product at PayPal.",
    permission: "payment:write",
    concerns: {
      kind: "payment",
      of: ({ cycles, setupFee, currency }, by) => ({
        owner: by.userId,
        amount: largestPrice(cycles, setupFee),
        currency: String(currency),
      }),
    },
    stepUp: true,
    audit: "plan.created",
    rest: "POST /plans",
    status: 201,
    idempotencyKey: true,
    timeout: askMs,
    params: strict({
      name: name("What subscribers see."),
      description: Type.Optional(name("What it is, in a sentence.")),
      product: Type.Optional(
        strict({
          name: Type.Optional(name("The plan's when left out.")),
          description: Type.Optional(Type.String({ minLength: 1, maxLength: 256, description: "What is sold." })),
          type: Type.Optional(Type.Enum(productTypes, { description: "service when left out." })),
        }),
      ),
      productOf: Type.Optional(uuid("A plan whose product it joins: a subscription can be changed between plans of one product alone.")),
      currency: Type.String({ maxLength: 16, description: "ISO 4217 code of a currency that PayPal takes, upper case." }),
      cycles: Type.Array(cycle, { minItems: 1, maxItems: 12, description: "In the order in which they are run through." }),
      setupFee: Type.Optional(amount("Decimal string; taken once, when the subscription begins.")),
      setupFeeFailure: Type.Optional(
        Type.Enum(["cancel", "continue"] as const, {
          description: "What happens when the setup fee can't be taken; cancel when left out.",
        }),
      ),
      taxPercentage: Type.Optional(Type.String({ maxLength: 16, description: 'Decimal string, e.g. "19".' })),
      taxInclusive: Type.Optional(Type.Boolean({ description: "Whether prices contain the tax; they do when left out." })),
      failureThreshold: Type.Optional(
        Type.Integer({
          minimum: 0,
          maximum: 999,
          description: "After how many failed payments in a row PayPal suspends; 0: never; 3 when left out.",
        }),
      ),
      autoBillOutstanding: Type.Optional(
        Type.Boolean({ description: "Whether PayPal adds what is outstanding to the next payment; it does when left out." }),
      ),
      quantitySupported: Type.Optional(
        Type.Boolean({ description: "Whether a quantity can be subscribed to; yes where there are tiers." }),
      ),
      graceDays: Type.Optional(graceDays),
      active: Type.Optional(Type.Boolean({ description: "Whether it can be subscribed to at once; yes when left out." })),
    }),
    async handler(ctx): Promise<ShownPlan> {
      return showPlan(await createPlan(this.till, caller(ctx), ctx.params, ctx.meta.idempotencyKey));
    },
  }),

  get: action({
    description: "Shows a plan.",
    permission: "payment:read",
    concerns,
    rest: "GET /plans/:id",
    idempotent: true,
    params: strict({ id }),
    async handler(ctx): Promise<ShownPlan> {
      return showPlan(await readOwnPlan(this.db, caller(ctx).tenantId, ctx.params.id));
    },
  }),

  list: action({
    description: "Lists the organisation's plans, newest first.",
    permission: "payment:read",
    concerns: { kind: "payment", filtered: true },
    rest: "GET /plans",
    idempotent: true,
    params: strict({ ...pageParams, status: Type.Optional(Type.Enum(planStatuses, { description: "Only plans in this state." })) }),
    async handler(ctx): Promise<Page<ShownPlan>> {
      const seen = visible(ctx, "payment", planAttributes);
      return await listPlans(this.db, env.CLUSTER_SECRET, caller(ctx).tenantId, ctx.params, seen);
    },
  }),

  update: action({
    description: "Changes for how long whoever does not pay remains entitled by a plan.",
    permission: "payment:write",
    concerns,
    audit: { act: "plan.updated", object: "plan:id" },
    rest: "PUT /plans/:id",
    idempotent: true,
    params: strict({ id, graceDays }),
    async handler(ctx): Promise<ShownPlan> {
      return showPlan(await setGrace(this.db, caller(ctx).tenantId, ctx.params.id, ctx.params.graceDays));
    },
  }),

  activate: action({
    description: "Lets customers subscribe to a plan.",
    permission: "payment:write",
    concerns,
    stepUp: true,
    audit: { act: "plan.activated", object: "plan:id" },
    rest: "POST /plans/:id/activate",
    timeout: askMs,
    params: strict({ id }),
    async handler(ctx): Promise<ShownPlan> {
      const { id: planId } = await readOwnPlan(this.db, caller(ctx).tenantId, ctx.params.id);
      return showPlan(await setActive(this.till, planId, true));
    },
  }),

  deactivate: action({
    description: "Lets nobody subscribe to a plan any more; who is subscribed goes on.",
    permission: "payment:write",
    concerns,
    audit: { act: "plan.deactivated", object: "plan:id" },
    rest: "POST /plans/:id/deactivate",
    timeout: askMs,
    params: strict({ id }),
    async handler(ctx): Promise<ShownPlan> {
      const { id: planId } = await readOwnPlan(this.db, caller(ctx).tenantId, ctx.params.id);
      return showPlan(await setActive(this.till, planId, false));
    },
  }),

  price: action({
    description: "Gives a plan other prices: for new subscribers at once, for others with payments that are due more than ten days later.",
    permission: "payment:write",
    concerns,
    stepUp: true,
    audit: { act: "plan.priced", object: "plan:id" },
    rest: "POST /plans/:id/prices",
    timeout: askMs,
    params: strict({
      id,
      prices: Type.Array(
        strict({ cycle: Type.Integer({ minimum: 1, maximum: 12, description: "The cycle's place in the plan, from 1." }), ...pricing }),
        { minItems: 1, maxItems: 12, description: "A price for each cycle that gets another one." },
      ),
    }),
    async handler(ctx): Promise<ShownPlan> {
      const plan = await readOwnPlan(this.db, caller(ctx).tenantId, ctx.params.id);
      const { prices } = ctx.params;
      const { currency, userId: owner = null } = plan;
      await demand(ctx, "payment", () => [{ owner, currency, amount: largestPrice(prices) }]);
      return showPlan(await changePrices(this.till, plan, prices));
    },
  }),
};

export default service<Plans>()({
  name: "payment.plans",
  mixins: [tillMixin, redisMixin, ormMixin("payment")],
  actions,
  methods: {
    async attributesOf(_kind: "payment", tenantId: string, of: string): Promise<Things["payment"] | undefined> {
      return await this.db.tenant(tenantId, (em) => attributesOfPlan(em, of));
    },
  },
  started() {
    this.sweeper = new Sweeper("plans", sweepMs, (signal) => sweepPlans(this.till, 20, signal), this.logger);
  },
  async stopped() {
    await this.sweeper?.stop();
  },
});
