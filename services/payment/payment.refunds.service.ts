import Type from "typebox";
import { actionOf, caller, pageParams, strict, uuid, type Page } from "../../config/action.ts";
import { refundStatuses } from "../../config/states.ts";
import { env } from "../../config/env.ts";
import type { Things } from "../../config/rules.ts";
import { service, type Host } from "../../config/service.ts";
import { ormMixin } from "../../mixins/orm.mixin.ts";
import { redisMixin } from "../../mixins/redis.mixin.ts";
import { visible } from "../../mixins/policy/admitted.ts";
import { paymentAttributes } from "./payments.ts";
import { createRefund } from "./refunds/create.ts";
import { attributesOfRefunded, listRefunds, readRefund, showRefund, type ShownRefund } from "./refunds/list.ts";
import { sweepRefunds } from "./refunds/resolve.ts";
import { Sweeper } from "./sweeper.ts";
import { tillMixin, type WithTill } from "./till.mixin.ts";

type Refunds = Host<WithTill & { sweeper: Sweeper }>;
const action = actionOf<Refunds>();

/** Longer than a token, a refund and a look take when PayPal uses all the time it is given. */
const refundMs = 60_000;
/** Between two rounds over the refunds that are due. */
const sweepMs = 10_000;

const status = Type.Optional(Type.Enum(refundStatuses, { description: "Only refunds in this state." }));

export const actions = {
  create: action({
    description: "Gives back a captured payment, or a part of it.",
    permission: "payment:refund",
    concerns: { kind: "payment", id: "id" },
    stepUp: true,
    audit: { act: "payment.refund.requested", object: "payment:id" },
    rest: "POST /payments/:id/refunds",
    status: 201,
    idempotencyKey: true,
    timeout: refundMs,
    params: strict({
      id: uuid("The payment's id."),
      amount: Type.Optional(Type.String({ maxLength: 40, description: "Decimal string; all that is left when left out." })),
      currency: Type.Optional(Type.String({ maxLength: 16, description: "The payment's, which is taken for granted when left out." })),
      captureId: Type.Optional(
        Type.String({ minLength: 1, maxLength: 255, description: "PayPal's id of the capture, when there are several." }),
      ),
      note: Type.Optional(Type.String({ minLength: 1, maxLength: 255, description: "For the payer." })),
    }),
    async handler(ctx): Promise<ShownRefund> {
      return showRefund(await createRefund(this.till, caller(ctx), ctx.params, ctx.meta.idempotencyKey));
    },
  }),

  get: action({
    description: "Shows a refund.",
    permission: "payment:read",
    concerns: { kind: "payment", id: "refundId" },
    rest: "GET /refunds/:refundId",
    idempotent: true,
    params: strict({ refundId: uuid("The refund's id.") }),
    async handler(ctx): Promise<ShownRefund> {
      return showRefund(await readRefund(this.db, caller(ctx).tenantId, ctx.params.refundId));
    },
  }),

  list: action({
    description: "Lists the organisation's refunds, those made at PayPal and what was taken back included, newest first.",
    permission: "payment:read",
    concerns: { kind: "payment", filtered: true },
    rest: "GET /refunds",
    idempotent: true,
    params: strict({ ...pageParams, status }),
    async handler(ctx): Promise<Page<ShownRefund>> {
      const seen = visible(ctx, "payment", paymentAttributes);
      return await listRefunds(this.db, env.CLUSTER_SECRET, caller(ctx).tenantId, ctx.params, seen);
    },
  }),

  ofPayment: action({
    description: "Lists the refunds of a payment, newest first.",
    permission: "payment:read",
    concerns: { kind: "payment", filtered: true },
    rest: "GET /payments/:id/refunds",
    idempotent: true,
    params: strict({ ...pageParams, id: uuid("The payment's id."), status }),
    async handler(ctx): Promise<Page<ShownRefund>> {
      const seen = visible(ctx, "payment", paymentAttributes);
      return await listRefunds(this.db, env.CLUSTER_SECRET, caller(ctx).tenantId, ctx.params, seen);
    },
  }),
};

export default service<Refunds>()({
  name: "payment.refunds",
  mixins: [tillMixin, redisMixin, ormMixin("payment")],
  actions,
  methods: {
    async attributesOf(_kind: "payment", tenantId: string, id: string): Promise<Things["payment"] | undefined> {
      return await this.db.tenant(tenantId, (em) => attributesOfRefunded(em, id));
    },
  },
  started() {
    this.sweeper = new Sweeper("refunds", sweepMs, (signal) => sweepRefunds(this.till, 20, signal), this.logger);
  },
  async stopped() {
    await this.sweeper?.stop();
  },
});
