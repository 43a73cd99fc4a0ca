import Type from "typebox";
import { actionOf, caller, strict, uuid } from "../../config/action.ts";
import { paypalEnvironments } from "../../config/states.ts";
import { env } from "../../config/env.ts";
import { service, type Host } from "../../config/service.ts";
import { ormMixin } from "../../mixins/orm.mixin.ts";
import { redisMixin } from "../../mixins/redis.mixin.ts";
import { keyManager } from "../../mixins/vault/kms/manager.ts";
import { rewrapParams, type Rewrapped } from "../../mixins/vault/rewrap.ts";
import {
  connectAccount,
  disconnectAccount,
  listAccounts,
  readAccount,
  registerAgain,
  rotateSecret,
  type Connected,
  type ShownAccount,
} from "./accounts/manage.ts";
import { rewrapAccounts } from "./accounts/secret.ts";
import { tillMixin, type WithTill } from "./till.mixin.ts";

type AccountsHost = Host<WithTill>;
const action = actionOf<AccountsHost>();

/** Longer than a token and what has to be asked about webhooks take when PayPal uses all the time it is given. */
const timeout = 60_000;
const id = uuid("The account's id.");
const clientSecret = Type.String({ minLength: 1, maxLength: 500, description: "The app's secret; kept sealed, shown to nobody." });

export const actions = {
  connect: action({
    description: "Connects the organisation's own PayPal account: new payments are made with it. The credentials are tried first.",
    permission: "payment:manage",
    stepUp: true,
    audit: "paypal.account.connected",
    rest: "POST /payments/paypal/accounts",
    status: 201,
    timeout,
    params: strict({
      clientId: Type.String({ minLength: 1, maxLength: 500, description: "Client id of a REST app of the account." }),
      clientSecret,
      environment: Type.Optional(
        Type.Enum(paypalEnvironments, { description: "production, where money moves, or sandbox; the platform's own when left out." }),
      ),
    }),
    async handler(ctx): Promise<Connected> {
      const { environment = env.PAYPAL_ENVIRONMENT, ...given } = ctx.params;
      return await connectAccount(this.till, this.accounts, caller(ctx).tenantId, { ...given, environment });
    },
  }),

  list: action({
    description: "Lists the PayPal accounts that the organisation has connected, newest first.",
    permission: "payment:manage",
    rest: "GET /payments/paypal/accounts",
    idempotent: true,
    params: strict({}),
    async handler(ctx): Promise<ShownAccount[]> {
      return await listAccounts(this.till, caller(ctx).tenantId);
    },
  }),

  get: action({
    description: "Shows a PayPal account, without its secret.",
    permission: "payment:manage",
    rest: "GET /payments/paypal/accounts/:id",
    idempotent: true,
    params: strict({ id }),
    async handler(ctx): Promise<ShownAccount> {
      return await readAccount(this.till, caller(ctx).tenantId, ctx.params.id);
    },
  }),

  rotate: action({
    description: "Takes a new secret of a connected PayPal account. It is tried first.",
    permission: "payment:manage",
    stepUp: true,
    audit: { act: "paypal.account.rotated", object: "paypal-account:id" },
    rest: "POST /payments/paypal/accounts/:id/secret",
    timeout,
    params: strict({ id, clientSecret }),
    async handler(ctx): Promise<ShownAccount> {
      const { id, clientSecret } = ctx.params;
      return await rotateSecret(this.till, this.accounts, caller(ctx).tenantId, id, clientSecret);
    },
  }),

  register: action({
    description: "Has PayPal tell us about the account's events, where that failed when it was connected.",
    permission: "payment:manage",
    rest: "POST /payments/paypal/accounts/:id/webhook",
    idempotent: true,
    timeout,
    params: strict({ id }),
    async handler(ctx): Promise<Connected> {
      return await registerAgain(this.till, this.accounts, caller(ctx).tenantId, ctx.params.id);
    },
  }),

  disconnect: action({
    description: "Erases the secret of a PayPal account and has PayPal tell nothing about it any more.",
    permission: "payment:manage",
    stepUp: true,
    audit: { act: "paypal.account.disconnected", object: "paypal-account:id" },
    rest: "DELETE /payments/paypal/accounts/:id",
    timeout,
    params: strict({
      id,
      force: Type.Optional(Type.Boolean({ description: "Although payments made with it are under way, which nobody can settle then." })),
    }),
    async handler(ctx): Promise<ShownAccount> {
      const { id, force = false } = ctx.params;
      return await disconnectAccount(this.till, this.accounts, caller(ctx).tenantId, id, force);
    },
  }),

  rewrap: action({
    description: "Wraps all organisations' PayPal secrets by the current master key; `next` says where to go on.",
    permission: "internal",
    audit: "paypal.secrets.rewrapped",
    params: rewrapParams,
    async handler(ctx): Promise<Rewrapped> {
      return await rewrapAccounts(this.db, keyManager(env), ctx.params);
    },
  }),
};

export default service<AccountsHost>()({ name: "payment.accounts", mixins: [tillMixin, redisMixin, ormMixin("payment")], actions });
