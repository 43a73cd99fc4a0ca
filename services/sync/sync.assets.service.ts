import Type from "typebox";
import { actionOf, caller, pageParams, strict, uuid, type Page } from "../../config/action.ts";
import { env } from "../../config/env.ts";
import { errors } from "../../config/errors.ts";
import { service, type Host } from "../../config/service.ts";
import { ormMixin, type WithDatabase } from "../../mixins/orm.mixin.ts";
import { keyManager } from "../../mixins/vault/kms/manager.ts";
import { assetById, listAssets, versionsOf, type AssetView, type VersionView } from "./assets.ts";
import { ticketOf, ticketsOf, type AssetTicket } from "./tickets.ts";
import { TenantKeyring } from "./tenantkey.ts";

type AssetsService = Host<WithDatabase & { keyring: TenantKeyring }>;
const action = actionOf<AssetsService>();
const byId = strict({ id: uuid("The asset.") });

export const actions = {
  list: action({
    description: "Lists the organisation's assets, oldest first.",
    rest: "GET /assets",
    permission: "assets:read",
    idempotent: true,
    params: strict({
      ...pageParams,
      category: Type.Optional(Type.String({ maxLength: 64, description: "Only assets of this category." })),
      mediaType: Type.Optional(Type.String({ maxLength: 128, description: "Only assets of this media type." })),
      prefix: Type.Optional(Type.String({ maxLength: 2048, description: "Only paths that start with this." })),
      source: Type.Optional(Type.String({ maxLength: 4096, description: "Only assets of this source." })),
      state: Type.Optional(
        Type.Enum(["present", "gone", "all"], { default: "present", description: "Whether the source still has them." }),
      ),
    }),
    async handler(ctx): Promise<Page<AssetView>> {
      const { tenantId } = caller(ctx);
      const { limit = 50, state = "present", ...filter } = ctx.params;
      return await this.db.tenant(tenantId, (em) => listAssets(em, env.CLUSTER_SECRET, tenantId, { ...filter, limit, state }));
    },
  }),

  get: action({
    description: "Shows an asset.",
    rest: "GET /assets/:id",
    permission: "assets:read",
    idempotent: true,
    params: byId,
    async handler(ctx): Promise<AssetView> {
      return await this.db.tenant(caller(ctx).tenantId, (em) => assetById(em, ctx.params.id));
    },
  }),

  versions: action({
    description: "Lists an asset's versions with their checksums, newest first.",
    rest: "GET /assets/:id/versions",
    permission: "assets:read",
    idempotent: true,
    params: byId,
    async handler(ctx): Promise<VersionView[]> {
      const { tenantId } = caller(ctx);
      const keys = await this.keyring.of(tenantId);
      return await this.db.tenant(tenantId, (em) => versionsOf(em, keys, ctx.params.id));
    },
  }),

  ticket: action({
    description: "Says where an asset's content lies in the vault, keys wrapped; the edge streams it from there.",
    permission: "assets:read",
    idempotent: true,
    params: strict({
      ...byId.properties,
      version: Type.Optional(Type.Integer({ minimum: 1, description: "Another version than the current one." })),
      from: Type.Optional(Type.Integer({ minimum: 0, description: "Byte of the content that the ticket has to cover; 0 when left out." })),
    }),
    async handler(ctx): Promise<AssetTicket> {
      const { tenantId } = caller(ctx);
      const { id, version, from } = ctx.params;
      const found = await this.db.tenant(tenantId, (em) => ticketOf(em, tenantId, id, version, from));
      if (!found)
        throw errors.assetNotFound(version ? "There is no such asset, or it has no such version." : "There is no such asset.", {
          id,
          ...(version && { version }),
        });
      return found;
    },
  }),

  tickets: action({
    description: "Tickets of many assets' current content, for other services; assets that do not exist are left out.",
    permission: "internal",
    idempotent: true,
    params: strict({ assetIds: Type.Array(Type.String({ format: "uuid" }), { maxItems: 512, description: "The assets." }) }),
    async handler(ctx): Promise<AssetTicket[]> {
      const { tenantId } = caller(ctx);
      return await this.db.tenant(tenantId, (em) => ticketsOf(em, tenantId, ctx.params.assetIds));
    },
  }),
};

/** The catalogue: what is in the vault, and where. */
export default service<AssetsService>()({
  name: "sync.assets",
  mixins: [ormMixin("sync")],
  actions,
  started() {
    this.keyring = new TenantKeyring(this.db, keyManager(env));
  },
});
