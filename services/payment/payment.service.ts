import Type from "typebox";
import { actionOf, caller, pageParams, strict, uuid, type Binary, type Page } from "../../config/action.ts";
import { paymentIntents, paymentStatuses } from "../../config/states.ts";
import { env } from "../../config/env.ts";
import { payMethods } from "../../entities/LedgerEntry.ts";
import type { Things } from "../../config/rules.ts";
import { service, type Host } from "../../config/service.ts";
import { jobsMixin, type WithJobs } from "../../mixins/jobs.mixin.ts";
import { ormMixin } from "../../mixins/orm.mixin.ts";
import { redisMixin } from "../../mixins/redis.mixin.ts";
import { visible } from "../../mixins/policy/admitted.ts";
import { payerField } from "./fraud/payer.ts";
import { invoiceSubscriptions } from "./invoices/consume.ts";
import { mailSubscription } from "./invoices/mailing.ts";
import { postOf } from "./invoices/post.ts";
import { landingPage } from "./landing.ts";
import { createPayment, sweep } from "./orders.ts";
import { shownToPayer } from "./payerpage.ts";
import {
  attributesOfPayment,
  listPayments,
  paymentAttributes,
  readPayment,
  readReturned,
  showPayment,
  type ShownPayment,
} from "./payments.ts";
import { settle } from "./settle.ts";
import { Sweeper } from "./sweeper.ts";
import { saleParams } from "./tax/schema.ts";
import { tillMixin, type WithTill } from "./till.mixin.ts";
import { handlerOf } from "./webhooks/handlers.ts";
import { webhookActor } from "./webhooks/work.ts";

type Payments = Host<WithJobs & WithTill & { sweeper: Sweeper }>;
const action = actionOf<Payments>();

/** Longer than a token, a capture and two looks take when PayPal uses all the time it is given. */
const settleMs = 60_000;
/** How long a caller waits for another one that settles the same payment right now. */
const waitMs = 5_000;
/** Between two rounds over the payments that are due. */
const sweepMs = 5_000;

const url = (description: string) => Type.String({ maxLength: 2048, description });
const id = uuid("The payment's id.");

export const actions = {
  create: action({
    description:
      "Creates a payment and answers where the payer approves it. One that the rules against fraud want a person to look at waits in review; one that they refuse is answered with PAYMENT_BLOCKED.",
    permission: "payment:write",
    concerns: {
      kind: "payment",
      of: ({ amount, currency }, by) => ({ owner: by.userId, amount: Number(amount), currency: String(currency) }),
    },
    stepUp: true,
    audit: "payment.created",
    rest: ["POST /payments", "POST /payments/create"],
    status: 201,
    idempotencyKey: true,
    timeout: settleMs,
    params: strict({
      amount: Type.String({
        maxLength: 40,
        description: 'Decimal string in the currency\'s own precision, e.g. "12.50"; with items, what they come to with tax.',
      }),
      currency: Type.String({ maxLength: 16, description: "ISO 4217 code of a currency that PayPal takes, upper case." }),
      intent: Type.Optional(
        Type.Enum(paymentIntents, {
          description: "capture takes the money when the payer approves; authorize reserves it, to be captured within 29 days.",
          default: "capture",
        }),
      ),
      method: Type.Optional(
        Type.Enum(payMethods, {
          description: "paypal; card, typed in at PayPal, never sent here; saved, which is paid with at once, without the payer.",
          default: "paypal",
        }),
      ),
      methodId: Type.Optional(uuid("The saved method to pay with.")),
      description: Type.Optional(Type.String({ minLength: 1, maxLength: 127, description: "What is paid for; the payer sees it." })),
      returnUrl: Type.Optional(url("Where the payer goes after approving; paymentId and status are added to its query.")),
      cancelUrl: Type.Optional(url("Where the payer goes after cancelling; returnUrl when left out.")),
      payer: payerField,
      ...saleParams,
    }),
    async handler(ctx): Promise<ShownPayment> {
      return showPayment(await createPayment(this.till, caller(ctx), ctx.params, ctx.meta.idempotencyKey));
    },
  }),

  get: action({
    description: "Shows a payment.",
    permission: "payment:read",
    concerns: { kind: "payment", id: "id" },
    rest: "GET /payments/:id",
    idempotent: true,
    params: strict({ id }),
    async handler(ctx): Promise<ShownPayment> {
      return showPayment(await readPayment(this.db, caller(ctx).tenantId, ctx.params.id));
    },
  }),

  list: action({
    description: "Lists the organisation's payments, newest first.",
    permission: "payment:read",
    concerns: { kind: "payment", filtered: true },
    rest: "GET /payments",
    idempotent: true,
    params: strict({ ...pageParams, status: Type.Optional(Type.Enum(paymentStatuses, { description: "Only payments in this state." })) }),
    async handler(ctx): Promise<Page<ShownPayment>> {
      const seen = visible(ctx, "payment", paymentAttributes);
      return await listPayments(this.db, env.CLUSTER_SECRET, caller(ctx).tenantId, ctx.params, seen);
    },
  }),

  settle: action({
    description: "Looks at PayPal how a payment stands and captures it when the payer has approved.",
    permission: "payment:write",
    concerns: { kind: "payment", id: "id" },
    stepUp: true,
    rest: "POST /payments/:id/settle",
    idempotent: true,
    timeout: settleMs,
    params: strict({ id }),
    async handler(ctx): Promise<ShownPayment> {
      const payment = await readPayment(this.db, caller(ctx).tenantId, ctx.params.id);
      return showPayment(await settle(this.till, payment.id, { payerActed: true, waitMs }));
    },
  }),

  return: action({
    description: "Takes the payer back from PayPal: settles the payment, shows how it stands and sends the browser on to the shop.",
    permission: "public",
    rest: "GET /payments/:id/return",
    idempotent: true,
    binary: true,
    timeout: settleMs,
    // PayPal adds members of its own to the address.
    params: Type.Object({
      id,
      token: Type.String({ maxLength: 255, description: "PayPal's order id, as PayPal puts it into the address." }),
      cancelled: Type.Optional(Type.Boolean({ description: "Set when the payer went back without approving." })),
    }),
    async handler(ctx): Promise<Binary> {
      const { cancelled = false } = ctx.params;
      const returned = await readReturned(this.db, ctx.params.id, ctx.params.token);
      const settled = () => settle(this.till, returned.id, { payerActed: true, waitMs });
      const payment = cancelled ? returned : await shownToPayer(returned, settled(), this.logger);
      return landingPage(payment, cancelled);
    },
  }),

  ping: action({
    description: "Answers when this service reaches its database.",
    permission: "public",
    params: strict({}),
    async handler(): Promise<void> {
      await this.db.ping();
    },
  }),
};

export default service<Payments>()({
  name: "payment",
  mixins: [tillMixin, jobsMixin("payment"), redisMixin, ormMixin("payment")],
  actions,
  methods: {
    async attributesOf(_kind: "payment", tenantId: string, id: string): Promise<Things["payment"] | undefined> {
      return await this.db.tenant(tenantId, (em) => attributesOfPayment(em, id));
    },
  },
  async started() {
    this.sweeper = new Sweeper("payments", sweepMs, (signal) => sweep(this.till, 20, signal), this.logger);
    await this.jobs.work({
      actors: [webhookActor(this.till, handlerOf)],
      subscriptions: [...invoiceSubscriptions(this.logger), mailSubscription(postOf(this))],
    });
  },
  async stopped() {
    await this.sweeper?.stop();
  },
});
