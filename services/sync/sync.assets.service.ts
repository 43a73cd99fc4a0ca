import Type from "typebox";
import { actionOf, caller, pageParams, strict, uuid, type Page } from "../../config/action.ts";
import { env } from "../../config/env.ts";
import { errors } from "../../config/errors.ts";
import { replicaUrl } from "../../config/orm.ts";
import type { Things } from "../../config/rules.ts";
import { service, type Host } from "../../config/service.ts";
import { Database } from "../../mixins/database.ts";
import { ormMixin, urlOf, type WithDatabase } from "../../mixins/orm.mixin.ts";
import { visible } from "../../mixins/policy/admitted.ts";
import { keyManager } from "../../mixins/vault/kms/manager.ts";
import { assetById, attributesOfAsset, type AssetView } from "./catalogue/asset.ts";
import { differences, type Difference } from "./catalogue/difference.ts";
import { listAssets } from "./catalogue/list.ts";
import { sourceAt, type AssetAt } from "./catalogue/past.ts";
import { CatalogueReader } from "./catalogue/replica.ts";
import { Remembered } from "./catalogue/remembered.ts";
import { statistics, type Statistics } from "./catalogue/statistics.ts";
import { versionsOf, type VersionView } from "./catalogue/versions.ts";
import { ticketOf, ticketsOf, type AssetTicket } from "./tickets.ts";
import { TenantKeyring } from "./tenantkey.ts";

type AssetsService = Host<WithDatabase & { keyring: TenantKeyring; reader: CatalogueReader; statistics: Remembered<Statistics> }>;
const action = actionOf<AssetsService>();
const byId = strict({ id: uuid("The asset.") });

/** A cursor may hold a path. */
const longPageParams = {
  ...pageParams,
  cursor: Type.Optional(Type.String({ maxLength: 8192, description: "The cursor of the page before." })),
};
const time = (description: string) => Type.Optional(Type.String({ format: "date-time", description }));
const moment = (which: string) =>
  Type.Union([Type.String({ format: "date-time" }), Type.String({ format: "uuid" })], {
    description: `${which}: a time, or the id of a job of the source, whose end it then is.`,
  });
const bytes = (description: string) => Type.Optional(Type.Integer({ minimum: 0, description }));

export const actions = {
  list: action({
    description:
      "Lists and searches the organisation's assets. A page for which very many assets had to be looked at may hold fewer than its limit, or none, and still have a next one.",
    rest: "GET /assets",
    permission: "assets:read",
    concerns: { kind: "asset", filtered: true },
    idempotent: true,
    params: strict({
      ...longPageParams,
      sort: Type.Optional(
        Type.Enum(["created", "updated", "path", "name", "size"], { default: "created", description: "What they are sorted by." }),
      ),
      order: Type.Optional(Type.Enum(["asc", "desc"], { default: "asc", description: "Which way." })),
      category: Type.Optional(Type.String({ maxLength: 64, description: "Only assets of this category." })),
      mediaType: Type.Optional(Type.String({ maxLength: 128, description: "Only assets of this media type." })),
      prefix: Type.Optional(Type.String({ maxLength: 2048, description: "Only paths that start with this." })),
      source: Type.Optional(Type.String({ maxLength: 4096, description: "Only assets of this source: its id or its URI." })),
      state: Type.Optional(
        Type.Enum(["present", "gone", "all"], { default: "present", description: "Whether the source still has them." }),
      ),
      minSize: bytes("Smallest size, bytes."),
      maxSize: bytes("Largest size, bytes."),
      modifiedAfter: time("Only what was modified at or after this time."),
      modifiedBefore: time("Only what was modified before this time."),
      search: Type.Optional(
        Type.String({
          minLength: 1,
          maxLength: 200,
          description: "Words that the path has, in any order and case, each from its beginning: holi finds Photos/Holiday_2019.jpg.",
        }),
      ),
    }),
    async handler(ctx): Promise<Page<AssetView>> {
      const { tenantId } = caller(ctx);
      const { limit = 50, state = "present", sort = "created", order = "asc", ...filter } = ctx.params;
      const list = { ...filter, limit, state, sort, order };
      const seen = visible(ctx, "asset", { source: "id" });
      return await this.reader.tenant(tenantId, (em) => listAssets(em, env.CLUSTER_SECRET, tenantId, list, seen));
    },
  }),

  get: action({
    description: "Shows an asset.",
    rest: "GET /assets/:id",
    permission: "assets:read",
    concerns: { kind: "asset", id: "id" },
    idempotent: true,
    params: byId,
    async handler(ctx): Promise<AssetView> {
      return await this.db.tenant(caller(ctx).tenantId, (em) => assetById(em, ctx.params.id));
    },
  }),

  versions: action({
    description: "Lists the states an asset has had, with what changed and the content's checksum, newest first.",
    rest: "GET /assets/:id/versions",
    permission: "assets:read",
    concerns: { kind: "asset", id: "id" },
    idempotent: true,
    params: strict({ ...pageParams, ...byId.properties }),
    async handler(ctx): Promise<Page<VersionView>> {
      const { tenantId } = caller(ctx);
      const { limit = 50, ...rest } = ctx.params;
      const keys = await this.keyring.of(tenantId);
      return await this.db.tenant(tenantId, (em) => versionsOf(em, env.CLUSTER_SECRET, keys, { ...rest, limit }));
    },
  }),

  at: action({
    description:
      "Lists what a source held at a moment, in no order to rely on. A page may hold fewer than its limit, or none, and still have a next one.",
    rest: "GET /sync/sources/:id/at",
    permission: "assets:read",
    concerns: { kind: "asset", of: ({ id }) => ({ source: id ?? null }) },
    idempotent: true,
    params: strict({
      ...longPageParams,
      id: uuid("The source."),
      moment: Type.String({ format: "date-time", description: "The moment." }),
      prefix: Type.Optional(Type.String({ maxLength: 2048, description: "Only paths that started with this then." })),
    }),
    async handler(ctx): Promise<Page<AssetAt>> {
      const { tenantId } = caller(ctx);
      const { limit = 50, ...wish } = ctx.params;
      return await this.reader.tenant(tenantId, (em) => sourceAt(em, env.CLUSTER_SECRET, tenantId, { ...wish, limit }));
    },
  }),

  differences: action({
    description:
      "Lists what differs between two moments of a source, or between the ends of two of its jobs: added, changed, moved, touched (another time alone), gone. A page may hold fewer than its limit, or none, and still have a next one.",
    rest: "GET /sync/sources/:id/differences",
    permission: "assets:read",
    concerns: { kind: "asset", of: ({ id }) => ({ source: id ?? null }) },
    idempotent: true,
    params: strict({ ...pageParams, id: uuid("The source."), from: moment("The earlier one"), to: moment("The later one") }),
    async handler(ctx): Promise<Page<Difference>> {
      const { tenantId } = caller(ctx);
      const { limit = 50, ...wish } = ctx.params;
      return await this.reader.tenant(tenantId, (em) => differences(em, env.CLUSTER_SECRET, tenantId, { ...wish, limit }));
    },
  }),

  statistics: action({
    description: "Adds up the organisation's assets by source, category and media type. The figures are up to ten minutes old.",
    rest: "GET /assets/statistics",
    permission: "assets:read",
    idempotent: true,
    timeout: 60_000,
    params: strict({}),
    async handler(ctx): Promise<Statistics> {
      return await this.statistics.of(caller(ctx).tenantId);
    },
  }),

  ticket: action({
    description: "Says where an asset's content lies in the vault, keys wrapped; the edge streams it from there.",
    permission: "assets:read",
    concerns: { kind: "asset", id: "id" },
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
  methods: {
    async attributesOf(_kind: "asset", tenantId: string, id: string): Promise<Things["asset"] | undefined> {
      return await this.db.tenant(tenantId, (em) => attributesOfAsset(em, id));
    },
  },
  async started() {
    const replica =
      env.SYNC_REPLICA_URL && (await Database.open("sync", replicaUrl(env.SYNC_REPLICA_URL, urlOf("sync")), env.DATABASE_POOL));
    this.reader = new CatalogueReader(this.db, replica || undefined, this.logger);
    this.keyring = new TenantKeyring(this.db, keyManager(env));
    this.statistics = new Remembered((tenantId) => this.reader.tenant(tenantId, (em) => statistics(em, tenantId)));
  },
  async stopped() {
    await this.reader?.close();
  },
});
