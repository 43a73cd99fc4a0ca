import Type from "typebox";
import { actionOf, caller, strict, uuid } from "../../config/action.ts";
import { granted } from "../../config/permissions.ts";
import { service, type Host } from "../../config/service.ts";
import { ormMixin } from "../../mixins/orm.mixin.ts";
import { policyOf } from "../../mixins/policy/admitted.ts";
import { nameField } from "./fields.ts";
import { recordsMixin, type WithRecords } from "./oidc/records.mixin.ts";
import { createClient, listClients, revokeClient, type ShownClient } from "./oidc/clients.ts";

type Clients = Host<WithRecords>;
const action = actionOf<Clients>();
const uris = (description: string) => Type.Optional(Type.Array(Type.String({ maxLength: 1024 }), { maxItems: 20, description }));

export const actions = {
  create: action({
    description:
      "Registers a program that signs members in by OpenID Connect, or acts for the organisation; its secret is shown this once.",
    permission: "keys:write",
    stepUp: true,
    audit: "oauth.client.created",
    rest: "POST /oauth/clients",
    status: 201,
    params: strict({
      name: nameField("What people see when they are asked to sign in.", 100),
      kind: Type.Enum(["web", "native", "service"], {
        description:
          "web: has a server that keeps a secret; native: an app or a page without one; service: acts for itself (client credentials).",
      }),
      authMethod: Type.Optional(
        Type.Enum(["client_secret_basic", "client_secret_post"], {
          default: "client_secret_basic",
          description: "How it shows its secret at the token endpoint.",
        }),
      ),
      redirectUris: uris("Where codes may be sent, compared as a whole."),
      postLogoutRedirectUris: uris("Where people may be sent after signing out."),
      permissions: Type.Optional(
        Type.Array(Type.Enum([...granted]), {
          uniqueItems: true,
          description: "What it may ask for at most, as scopes; none when left out.",
        }),
      ),
    }),
    async handler(ctx): Promise<ShownClient & { clientSecret: string | null }> {
      return await createClient(this.db, caller(ctx), policyOf(ctx), ctx.params);
    },
  }),

  list: action({
    description: "Lists the organisation's registered programs.",
    permission: "keys:read",
    rest: "GET /oauth/clients",
    idempotent: true,
    params: strict({}),
    async handler(ctx): Promise<ShownClient[]> {
      return await listClients(this.db, caller(ctx).tenantId);
    },
  }),

  revoke: action({
    description: "Ends a registered program and every token that it or people through it were given.",
    permission: "keys:write",
    stepUp: true,
    audit: { act: "oauth.client.revoked", object: "client:id" },
    rest: "DELETE /oauth/clients/:id",
    idempotent: true,
    params: strict({ id: uuid("The client_id.") }),
    async handler(ctx): Promise<{ id: string; revokedAt: string }> {
      return await revokeClient(this.db, this.records, caller(ctx).tenantId, ctx.params.id);
    },
  }),
};

export default service<Clients>()({ name: "auth.clients", mixins: [recordsMixin, ormMixin("auth")], actions });
