import Type from "typebox";
import { actionOf, caller, pageParams, strict, uuid, type Page } from "../../config/action.ts";
import { env, list } from "../../config/env.ts";
import { service, type Host } from "../../config/service.ts";
import { ormMixin, type WithDatabase } from "../../mixins/orm.mixin.ts";
import { keyManager } from "../../mixins/vault/kms/manager.ts";
import { rewrapParams, type Rewrapped } from "../../mixins/vault/rewrap.ts";
import { createEndpoint, listEndpoints, removeEndpoint, rewrapSecrets, type ShownEndpoint } from "./endpoints.ts";
import { deliveryStatuses, listDeliveries, resend, type ShownDelivery } from "./history.ts";
import { topics } from "./topics.ts";

type Webhooks = Host<WithDatabase>;
const action = actionOf<Webhooks>();

export const actions = {
  create: action({
    description: "Makes a webhook of the caller's organisation; the answer is the only place where its signing secret is shown.",
    permission: "notification:write",
    audit: "webhook.created",
    rest: "POST /webhooks",
    status: 201,
    params: strict({
      url: Type.String({ minLength: 1, maxLength: 2048, description: "Where events are sent: https, a public address." }),
      events: Type.Array(Type.Enum(topics), {
        minItems: 1,
        maxItems: topics.length,
        uniqueItems: true,
        description: 'Types of events, or "*" for all but those about deliveries.',
      }),
    }),
    async handler(ctx): Promise<ShownEndpoint & { secret: string }> {
      const { tenantId } = caller(ctx);
      return await createEndpoint(this.db, keyManager(env), list(env.WEBHOOK_PRIVATE_HOSTS), tenantId, ctx.params);
    },
  }),

  list: action({
    description: "Lists the organisation's webhooks, newest first.",
    permission: "notification:read",
    rest: "GET /webhooks",
    idempotent: true,
    params: strict(pageParams),
    async handler(ctx): Promise<Page<ShownEndpoint>> {
      return await listEndpoints(this.db, env.CLUSTER_SECRET, caller(ctx).tenantId, ctx.params);
    },
  }),

  remove: action({
    description: "Removes a webhook with the record of its deliveries.",
    permission: "notification:write",
    audit: { act: "webhook.removed", object: "webhook:id" },
    rest: "DELETE /webhooks/:id",
    params: strict({ id: uuid("The webhook's id.") }),
    async handler(ctx): Promise<{ id: string }> {
      return await removeEndpoint(this.db, caller(ctx).tenantId, ctx.params.id);
    },
  }),

  rewrap: action({
    description: "Wraps the signing secrets of all webhooks by the current master key; `next` says where to go on.",
    permission: "internal",
    audit: "webhook.keys.rewrapped",
    params: rewrapParams,
    async handler(ctx): Promise<Rewrapped> {
      return await rewrapSecrets(this.db, keyManager(env), ctx.params);
    },
  }),

  deliveries: action({
    description: "Lists what was sent to a webhook and how that ended, newest event first.",
    permission: "notification:read",
    rest: "GET /webhooks/:id/deliveries",
    idempotent: true,
    params: strict({
      id: uuid("The webhook's id."),
      status: Type.Optional(Type.Enum(deliveryStatuses, { description: "Only these." })),
      ...pageParams,
    }),
    async handler(ctx): Promise<Page<ShownDelivery>> {
      return await listDeliveries(this.db, env.CLUSTER_SECRET, caller(ctx).tenantId, ctx.params);
    },
  }),

  resend: action({
    description: "Sends one delivery again, at once and under the same webhook-id.",
    permission: "notification:write",
    rest: "POST /webhooks/deliveries/:id/resend",
    params: strict({ id: uuid("The delivery's id.") }),
    async handler(ctx): Promise<ShownDelivery> {
      return await resend(this.db, caller(ctx).tenantId, ctx.params.id);
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

export default service<Webhooks>()({ name: "notification.webhooks", mixins: [ormMixin("notification")], actions });
