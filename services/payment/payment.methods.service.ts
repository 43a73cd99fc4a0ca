import Type from "typebox";
import { actionOf, caller, strict, uuid } from "../../config/action.ts";
import { service, type Host } from "../../config/service.ts";
import { ormMixin } from "../../mixins/orm.mixin.ts";
import { redisMixin } from "../../mixins/redis.mixin.ts";
import { beginMethod, listMethods, readMethod, removeMethod, saveMethod, showMethod, type ShownMethod } from "./methods/methods.ts";
import { tillMixin, type WithTill } from "./till.mixin.ts";

type Methods = Host<WithTill>;
const action = actionOf<Methods>();

const askMs = 60_000;
const methodId = uuid("The saved method's id.");
const customer = Type.String({ minLength: 1, maxLength: 100, description: "Your own name for who pays." });
const url = (description: string) => Type.String({ maxLength: 2048, description });

export const actions = {
  begin: action({
    description: "Begins to save a customer's PayPal account and answers where the customer agrees.",
    permission: "payment:write",
    stepUp: true,
    audit: "payment.method.begun",
    rest: "POST /payment-methods",
    status: 201,
    idempotencyKey: true,
    timeout: askMs,
    params: strict({
      customer,
      returnUrl: url("Where the customer goes after agreeing."),
      cancelUrl: url("Where the customer goes after cancelling."),
    }),
    async handler(ctx): Promise<ShownMethod> {
      return showMethod(await beginMethod(this.till, caller(ctx), ctx.params, ctx.meta.idempotencyKey));
    },
  }),

  save: action({
    description: "Saves what the customer has agreed to; payments can be made with it afterwards, without the customer.",
    permission: "payment:write",
    stepUp: true,
    audit: { act: "payment.method.saved", object: "method:methodId" },
    rest: "POST /payment-methods/:methodId/save",
    timeout: askMs,
    params: strict({ methodId }),
    async handler(ctx): Promise<ShownMethod> {
      return showMethod(await saveMethod(this.till, caller(ctx), ctx.params.methodId));
    },
  }),

  get: action({
    description: "Shows a saved method.",
    permission: "payment:read",
    rest: "GET /payment-methods/:methodId",
    idempotent: true,
    params: strict({ methodId }),
    async handler(ctx): Promise<ShownMethod> {
      return showMethod(await readMethod(this.db, caller(ctx).tenantId, ctx.params.methodId));
    },
  }),

  list: action({
    description: "Lists the saved methods of a customer that can be paid with, newest first.",
    permission: "payment:read",
    rest: "GET /payment-methods",
    idempotent: true,
    params: strict({ customer }),
    async handler(ctx): Promise<ShownMethod[]> {
      return (await listMethods(this.db, caller(ctx).tenantId, ctx.params.customer)).map(showMethod);
    },
  }),

  remove: action({
    description: "Removes a saved method here and at PayPal.",
    permission: "payment:write",
    stepUp: true,
    audit: { act: "payment.method.removed", object: "method:methodId" },
    rest: "DELETE /payment-methods/:methodId",
    timeout: askMs,
    params: strict({ methodId }),
    async handler(ctx): Promise<ShownMethod> {
      return showMethod(await removeMethod(this.till, caller(ctx), ctx.params.methodId));
    },
  }),
};

export default service<Methods>()({ name: "payment.methods", mixins: [tillMixin, redisMixin, ormMixin("payment")], actions });
