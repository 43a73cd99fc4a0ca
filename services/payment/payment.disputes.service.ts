import Type from "typebox";
import { actionOf, caller, pageParams, strict, uuid, type Page } from "../../config/action.ts";
import { disputeStates } from "../../config/states.ts";
import { env } from "../../config/env.ts";
import { service, type Host } from "../../config/service.ts";
import { ormMixin } from "../../mixins/orm.mixin.ts";
import { redisMixin } from "../../mixins/redis.mixin.ts";
import { acceptClaim, evidenceTypes, provideEvidence } from "./disputes/answer.ts";
import { documentsSchema, readDocuments } from "./disputes/documents.ts";
import { listDisputes, readDisputeRow, showDispute, type ShownDispute } from "./disputes/disputes.ts";
import { lookAtOpen, remind } from "./disputes/sweep.ts";
import { Sweeper } from "./sweeper.ts";
import { tillMixin, type WithTill } from "./till.mixin.ts";

type Disputes = Host<WithTill & { sweeper: Sweeper }>;
const action = actionOf<Disputes>();

/** Longer than a token, an answer and a look take when PayPal uses all the time it is given. */
const timeout = 60_000;
const sweepMs = 60_000;
const id = uuid("The dispute's id.");
const text = (maxLength: number, description: string) => Type.String({ minLength: 1, maxLength, description });

export const actions = {
  list: action({
    description: "Lists the disputes about the organisation's payments, newest first.",
    permission: "payment:read",
    rest: "GET /disputes",
    idempotent: true,
    params: strict({ ...pageParams, state: Type.Optional(Type.Enum(disputeStates, { description: "Only disputes in this state." })) }),
    async handler(ctx): Promise<Page<ShownDispute>> {
      return await listDisputes(this.db, env.CLUSTER_SECRET, caller(ctx).tenantId, ctx.params);
    },
  }),

  get: action({
    description: "Shows a dispute.",
    permission: "payment:read",
    rest: "GET /disputes/:id",
    idempotent: true,
    params: strict({ id }),
    async handler(ctx): Promise<ShownDispute> {
      return showDispute(await readDisputeRow(this.db, caller(ctx).tenantId, ctx.params.id));
    },
  }),

  accept: action({
    description: "Accepts the payer's claim: PayPal gives the disputed amount back.",
    permission: "payment:refund",
    stepUp: true,
    audit: { act: "dispute.accepted", object: "dispute:id" },
    rest: "POST /disputes/:id/accept",
    timeout,
    params: strict({ id, note: text(2_000, "For the payer.") }),
    async handler(ctx): Promise<ShownDispute> {
      const { id, note } = ctx.params;
      return showDispute(await acceptClaim(this.till, caller(ctx).tenantId, id, note));
    },
  }),

  evidence: action({
    description: "Answers a claim with evidence, with documents or without.",
    permission: "payment:refund",
    audit: { act: "dispute.answered", object: "dispute:id" },
    rest: "POST /disputes/:id/evidence",
    timeout,
    params: strict({
      id,
      documents: Type.Optional(documentsSchema),
      type: Type.Enum(evidenceTypes, { description: "What it proves." }),
      note: Type.Optional(text(2_000, "What it shows.")),
      tracking: Type.Optional(
        strict({ carrier: text(100, "PayPal's name of the carrier, e.g. DHL."), number: text(255, "The tracking number.") }),
      ),
      paypalRefundId: Type.Optional(text(255, "PayPal's id of the refund that was made.")),
    }),
    async handler(ctx): Promise<ShownDispute> {
      const { id, paypalRefundId, documents, ...evidence } = ctx.params;
      const files = documents && readDocuments(documents);
      const given = { ...evidence, ...(paypalRefundId && { refundId: paypalRefundId }), ...(files && { documents: files }) };
      return showDispute(await provideEvidence(this.till, caller(ctx).tenantId, id, given));
    },
  }),
};

export default service<Disputes>()({
  name: "payment.disputes",
  mixins: [tillMixin, redisMixin, ormMixin("payment")],
  actions,
  started() {
    this.sweeper = new Sweeper(
      "disputes",
      sweepMs,
      async (signal) => {
        await remind(this.till);
        await lookAtOpen(this.till, signal);
      },
      this.logger,
    );
  },
  async stopped() {
    await this.sweeper?.stop();
  },
});
