import Type from "typebox";
import { actionOf, caller, pageParams, strict, uuid, type Page } from "../../config/action.ts";
import { webhookStates } from "../../config/states.ts";
import { env } from "../../config/env.ts";
import { errors, messageOf } from "../../config/errors.ts";
import { service, type Host } from "../../config/service.ts";
import { ormMixin } from "../../mixins/orm.mixin.ts";
import { redisMixin } from "../../mixins/redis.mixin.ts";
import { keepPlatformAccount } from "./accounts/platform.ts";
import { keepMissingWebhooks } from "./accounts/webhook.ts";
import { Sweeper } from "./sweeper.ts";
import { tillMixin, type WithTill } from "./till.mixin.ts";
import { accountOf, backfill, backfillAll, type Backfilled } from "./webhooks/backfill.ts";
import { Questions } from "./webhooks/askpaypal.ts";
import { Certificates } from "./webhooks/certificates.ts";
import { Forgeries } from "./webhooks/forgeries.ts";
import { listEvents, readEvent, replayEvent, type ShownEvent, type WholeEvent } from "./webhooks/inbox.ts";
import { receive, type Doorkeepers } from "./webhooks/receive.ts";
import { wakeWaiting } from "./webhooks/work.ts";

type Webhooks = Host<WithTill & { doorkeepers: Doorkeepers; sweepers: Sweeper[]; told: string | null; keepTold(): Promise<void> }>;
const action = actionOf<Webhooks>();

const wakeMs = 1_000;
const lookMs = 60_000;

const id = uuid("The event's id here.");
const moment = (description: string) => Type.String({ format: "date-time", description });

export const actions = {
  receive: action({
    description: "Takes a delivery of PayPal's that reached the edge: verifies and keeps it. What it tells is dealt with afterwards.",
    permission: "public",
    idempotent: true,
    params: strict({
      accountId: uuid("The PayPal account, as the webhook's address names it."),
      headers: Type.Record(Type.String(), Type.String({ maxLength: 4_000 }), { description: "PayPal's headers." }),
      body: Type.String({ maxLength: 400_000, description: "The very bytes, in base64." }),
    }),
    async handler(ctx): Promise<{ received: true; new: boolean }> {
      const { accountId, headers, body } = ctx.params;
      const delivery = { accountId, headers, body: Buffer.from(body, "base64") };
      return { received: true, new: await receive(this.till, this.accounts, this.doorkeepers, delivery) };
    },
  }),

  list: action({
    description: "Lists the events that PayPal has told about the organisation's payments, those that came last first.",
    permission: "payment:manage",
    rest: "GET /payments/paypal/events",
    idempotent: true,
    params: strict({
      ...pageParams,
      state: Type.Optional(Type.Enum(webhookStates, { description: "Only these; dead ones were given up." })),
      about: Type.Optional(Type.String({ maxLength: 300, description: 'Only about this, e.g. "payment:<id>".' })),
    }),
    async handler(ctx): Promise<Page<ShownEvent>> {
      return await listEvents(this.db, env.CLUSTER_SECRET, caller(ctx).tenantId, ctx.params);
    },
  }),

  get: action({
    description: "Shows an event of PayPal's with the text that was signed.",
    permission: "payment:manage",
    rest: "GET /payments/paypal/events/:id",
    idempotent: true,
    params: strict({ id }),
    async handler(ctx): Promise<WholeEvent> {
      return await readEvent(this.db, caller(ctx).tenantId, ctx.params.id);
    },
  }),

  replay: action({
    description: "Has an event of PayPal's dealt with again, whatever became of it. What it did already it does not do twice.",
    permission: "payment:manage",
    audit: { act: "paypal.event.replayed", object: "paypal-event:id" },
    rest: "POST /payments/paypal/events/:id/replay",
    params: strict({ id }),
    async handler(ctx): Promise<ShownEvent> {
      return await replayEvent(this.db, caller(ctx).tenantId, ctx.params.id);
    },
  }),

  backfill: action({
    description: "Reads PayPal's own list of an account's events and keeps those that never arrived, after an outage for instance.",
    permission: "payment:manage",
    audit: "paypal.events.backfilled",
    rest: "POST /payments/paypal/events/backfill",
    timeout: 120_000,
    params: strict({
      account: Type.Optional(uuid("Another account than the one of new payments.")),
      since: moment("From when on."),
      until: Type.Optional(moment("Up to when; now when left out.")),
    }),
    async handler(ctx): Promise<Backfilled> {
      const { account, since, until } = ctx.params;
      const of = await accountOf(this.till, caller(ctx).tenantId, account);
      const [from, to] = [new Date(since), until ? new Date(until) : new Date()];
      if (from >= to) throw errors.invalid([{ pointer: "/since", detail: `must be before ${to.toISOString()}` }]);
      return await backfill(this.till, this.accounts, of, from, to);
    },
  }),
};

export default service<Webhooks>()({
  name: "payment.webhooks",
  mixins: [tillMixin, redisMixin, ormMixin("payment")],
  actions,
  methods: {
    /** Has PayPal tell the platform; says so once when it does not. */
    async keepTold() {
      const fault = await keepPlatformAccount(this.till, this.accounts, env.PAYPAL_WEBHOOK_ID).catch(messageOf);
      if (fault && fault !== this.told) this.logger.warn(`PayPal's events of the platform's account do not arrive here: ${fault}`);
      this.told = fault;
    },
  },
  started() {
    this.doorkeepers = { certificates: new Certificates(), forgeries: new Forgeries(), questions: new Questions() };
    void this.keepTold();
    this.sweepers = [
      new Sweeper("events that wait", wakeMs, () => wakeWaiting(this.till), this.logger),
      new Sweeper(
        "PayPal's lists of events",
        lookMs,
        async (signal) => {
          // A simulator forgets its webhooks when it is started anew; PayPal does not.
          if (this.told !== null || this.accounts.simulated) await this.keepTold();
          await keepMissingWebhooks(this.till, this.accounts);
          await backfillAll(this.till, this.accounts, signal);
        },
        this.logger,
      ),
    ];
  },
  async stopped() {
    await Promise.all(this.sweepers?.map((sweeper) => sweeper.stop()) ?? []);
  },
});
