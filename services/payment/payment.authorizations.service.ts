import Type from "typebox";
import { actionOf, caller, strict, uuid } from "../../config/action.ts";
import type { Things } from "../../config/rules.ts";
import { service, type Host } from "../../config/service.ts";
import { ormMixin } from "../../mixins/orm.mixin.ts";
import { redisMixin } from "../../mixins/redis.mixin.ts";
import { captureReserved } from "./authorizations/capture.ts";
import { authorizeAgain, voidReserved } from "./authorizations/end.ts";
import { listParts, showCapture, type ShownAuthorization, type ShownCapture } from "./authorizations/list.ts";
import { sweepCaptures } from "./authorizations/resolve.ts";
import { sweepAuthorizations } from "./authorizations/watch.ts";
import { attributesOfPayment, showPayment, type ShownPayment } from "./payments.ts";
import { Sweeper } from "./sweeper.ts";
import { tillMixin, type WithTill } from "./till.mixin.ts";

type Authorizations = Host<WithTill & { sweeper: Sweeper }>;
const action = actionOf<Authorizations>();

/** Longer than a token, a capture and a look take when PayPal uses all the time it is given. */
const askMs = 60_000;
/** Between two rounds over what is due. */
const sweepMs = 10_000;

const id = uuid("The payment's id.");
const money = {
  amount: Type.Optional(Type.String({ maxLength: 40, description: "Decimal string; all that is left when left out." })),
  currency: Type.Optional(Type.String({ maxLength: 16, description: "The payment's, which is taken for granted when left out." })),
};

export const actions = {
  capture: action({
    description: "Takes some or all of the money that is reserved for a payment.",
    permission: "payment:write",
    concerns: { kind: "payment", id: "id" },
    stepUp: true,
    audit: { act: "payment.capture.requested", object: "payment:id" },
    rest: "POST /payments/:id/captures",
    status: 201,
    idempotencyKey: true,
    timeout: askMs,
    params: strict({
      id,
      ...money,
      final: Type.Optional(Type.Boolean({ description: "Whether the rest is given back: so when no amount is given, unless said." })),
    }),
    async handler(ctx): Promise<ShownCapture> {
      return showCapture(await captureReserved(this.till, caller(ctx), ctx.params, ctx.meta.idempotencyKey));
    },
  }),

  void: action({
    description: "Gives back the money that is reserved for a payment; what was captured of it stays.",
    permission: "payment:refund",
    concerns: { kind: "payment", id: "id" },
    stepUp: true,
    audit: { act: "payment.void.requested", object: "payment:id" },
    rest: "POST /payments/:id/void",
    timeout: askMs,
    params: strict({ id }),
    async handler(ctx): Promise<ShownPayment> {
      return showPayment(await voidReserved(this.till, caller(ctx), ctx.params.id));
    },
  }),

  reauthorize: action({
    description: "Has PayPal keep the reserved money ready for three days more, once, from the fourth day on.",
    permission: "payment:write",
    concerns: { kind: "payment", id: "id" },
    stepUp: true,
    audit: { act: "payment.reauthorization.requested", object: "payment:id" },
    rest: "POST /payments/:id/reauthorize",
    timeout: askMs,
    params: strict({ id, ...money }),
    async handler(ctx): Promise<ShownPayment> {
      return showPayment(await authorizeAgain(this.till, caller(ctx), ctx.params));
    },
  }),

  list: action({
    description: "Shows what a payment is made of: its authorizations and captures.",
    permission: "payment:read",
    concerns: { kind: "payment", id: "id" },
    rest: "GET /payments/:id/parts",
    idempotent: true,
    params: strict({ id }),
    async handler(ctx): Promise<{ authorizations: ShownAuthorization[]; captures: ShownCapture[] }> {
      return await listParts(this.db, caller(ctx).tenantId, ctx.params.id);
    },
  }),
};

export default service<Authorizations>()({
  name: "payment.authorizations",
  mixins: [tillMixin, redisMixin, ormMixin("payment")],
  actions,
  methods: {
    async attributesOf(_kind: "payment", tenantId: string, id: string): Promise<Things["payment"] | undefined> {
      return await this.db.tenant(tenantId, (em) => attributesOfPayment(em, id));
    },
  },
  started() {
    const sweep = async (signal: AbortSignal) => {
      await sweepCaptures(this.till, 20, signal);
      await sweepAuthorizations(this.till, 20, signal);
    };
    this.sweeper = new Sweeper("authorizations", sweepMs, sweep, this.logger);
  },
  async stopped() {
    await this.sweeper?.stop();
  },
});
