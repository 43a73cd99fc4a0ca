import { actionOf, caller, strict, uuid } from "../../config/action.ts";
import { service, type Host } from "../../config/service.ts";
import { ormMixin } from "../../mixins/orm.mixin.ts";
import { redisMixin } from "../../mixins/redis.mixin.ts";
import { tillMixin, type WithTill } from "./till.mixin.ts";
import { listUnanswered, lookNow, type Unanswered } from "./unanswered.ts";

type Operators = Host<WithTill>;
const action = actionOf<Operators>();

export const actions = {
  list: action({
    description:
      "Lists what PayPal was asked about payments and refunds without an answer, with its schedule, and what was given up after days of looking.",
    permission: "payment:manage",
    rest: "GET /payments/unanswered",
    idempotent: true,
    params: strict({}),
    async handler(ctx): Promise<Unanswered[]> {
      return await listUnanswered(this.db, caller(ctx).tenantId);
    },
  }),

  look: action({
    description: "Looks at PayPal now, also for what was given up. The answer is null once it is known what happened.",
    permission: "payment:manage",
    audit: { act: "payment.unanswered.looked", object: "attempt:attemptId" },
    rest: "POST /payments/unanswered/:attemptId",
    timeout: 60_000,
    params: strict({ attemptId: uuid("The attempt, as the list names it.") }),
    async handler(ctx): Promise<Unanswered | null> {
      return await lookNow(this.till, caller(ctx).tenantId, ctx.params.attemptId);
    },
  }),
};

/** For operators: what nobody knows the outcome of. */
export default service<Operators>()({
  name: "payment.unanswered",
  mixins: [tillMixin, redisMixin, ormMixin("payment")],
  actions,
});
