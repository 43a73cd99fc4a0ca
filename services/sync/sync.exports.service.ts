import Type from "typebox";
import { actionOf, caller, strict, uuid } from "../../config/action.ts";
import { priorities } from "../../config/states.ts";
import { env } from "../../config/env.ts";
import { errors } from "../../config/errors.ts";
import { service, type Host } from "../../config/service.ts";
import { once } from "../../mixins/events.ts";
import { ormMixin, type WithDatabase } from "../../mixins/orm.mixin.ts";
import { keyManager } from "../../mixins/vault/kms/manager.ts";
import { statesAfter } from "./catalogue/moment.ts";
import { createJob, type NewJob } from "./creating.ts";
import { existingPolicies } from "./existing.ts";
import { originOf, originOfAsset, outputOf } from "./export.ts";
import { checkFilters } from "./filters.ts";
import type { JobView } from "./job.ts";
import { jobOptions } from "./options.ts";
import { accessParams } from "./sources/input.ts";
import { TenantKeyring } from "./tenantkey.ts";

type ExportsService = Host<WithDatabase & { keyring: TenantKeyring }>;
const action = actionOf<ExportsService>();

/** An asset as an archive holds it. */
export interface ArchivedAsset {
  assetId: string;
  version: number;
  path: string;
  /** Bytes. */
  size: number;
  /** ISO 8601. */
  modifiedAt: string | null;
}

const { filters, thresholds } = jobOptions.properties;
const prefix = Type.Optional(Type.String({ maxLength: 2048, description: "Only assets whose path starts with this." }));
const at = Type.Optional(Type.String({ format: "date-time", description: "The moment whose state is wanted; now when left out." }));
const common = {
  output: Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: 4096,
      description: "Where to write: file:///folder, s3://bucket/prefix, sftp://host/folder, ftps://host/folder.",
    }),
  ),
  targetId: Type.Optional(uuid("A stored source to write to, instead of output.")),
  prefix,
  filters,
  dryRun: Type.Optional(Type.Boolean({ description: "Only make the plan; it waits for approval." })),
  priority: Type.Optional(Type.Enum([...priorities], { default: "normal", description: "Before which other jobs it runs." })),
  after: Type.Optional(
    Type.Array(uuid("A job."), { maxItems: 50, description: "Jobs that have to complete first, e.g. the sync of the source." }),
  ),
  ...accessParams,
};
const ofSource = {
  sourceId: Type.Optional(uuid("The source whose assets are wanted.")),
  source: Type.Optional(Type.String({ maxLength: 4096, description: "Its URI as assets show it, instead of sourceId." })),
};

export const actions = {
  mirror: action({
    description: "Writes what was synced from a source to another place: what changed is written, what is gone is removed there.",
    rest: "POST /sync/mirrors",
    permission: "sync:write",
    audit: "assets.mirrored",
    status: 201,
    idempotencyKey: true,
    params: strict({
      ...common,
      ...ofSource,
      mode: Type.Optional(
        Type.Enum(["incremental", "full"], {
          default: "incremental",
          description: "incremental writes what changed or is damaged there; full writes everything.",
        }),
      ),
      deletions: Type.Optional(
        Type.Enum(["propagate", "keep"], { default: "propagate", description: "Whether what is gone is removed there." }),
      ),
      thresholds,
    }),
    async handler(ctx): Promise<JobView> {
      const principal = caller(ctx);
      const { tenantId } = principal;
      const { output, targetId, source, sourceId, prefix, filters, thresholds, deletions, dryRun, mode, priority, after, ...access } =
        ctx.params;
      checkFilters(filters, "/filters");
      const target = await outputOf(this.db, this.keyring, tenantId, { output, targetId, access });
      const options = {
        push: { ...(prefix && { prefix }) },
        ...(filters && { filters }),
        ...(thresholds && { thresholds }),
        ...(deletions === "keep" && { deletions: "keep" as const }),
        ...(dryRun && { dryRun }),
      };
      const keys = await this.keyring.of(tenantId);
      const asked = { tenantId, action: "sync.exports.mirror", key: ctx.meta.idempotencyKey, params: ctx.params };
      return await this.db.tenant(tenantId, (em) =>
        once(em, "sync", asked, async () => {
          const origin = await originOf(em, tenantId, { source, sourceId });
          if (origin.uri === target.uri) throw errors.invalid([{ pointer: "/output", detail: "must be another place than the source" }]);
          const job: NewJob = { kind: "mirror", input: `${origin.uri} → ${target.uri}`, sourceId: origin.id, target, options };
          return await createJob(em, principal, keys, {
            ...job,
            ...(mode && { mode }),
            ...(priority && { priority }),
            ...(after && { needs: after }),
          });
        }),
      );
    },
  }),

  restore: action({
    description:
      "Writes assets back to a place: one, a folder, or a whole source, as they are or as they were at a moment. Nothing there is removed, and nothing overwritten unless that is asked for.",
    rest: "POST /sync/restores",
    permission: "sync:write",
    audit: "assets.restored",
    status: 201,
    idempotencyKey: true,
    params: strict({
      ...common,
      ...ofSource,
      assetId: Type.Optional(uuid("Only this asset; then no source is named.")),
      at,
      existing: Type.Optional(
        Type.Enum([...existingPolicies], {
          default: "refuse",
          description:
            "What is done where a file with another content is there already: refuse leaves it alone and counts the file as failed, skip leaves it alone, both writes beside it as 'name (restored).ext', overwrite replaces it. A file with the same content is always left as it is.",
        }),
      ),
    }),
    async handler(ctx): Promise<JobView> {
      const principal = caller(ctx);
      const { tenantId } = principal;
      const { output, targetId, source, sourceId, assetId, at, existing, prefix, filters, dryRun, priority, after, ...access } = ctx.params;
      checkFilters(filters, "/filters");
      if (assetId && (source ?? sourceId ?? prefix) !== undefined)
        throw errors.invalid([
          { pointer: "/assetId", detail: "must stand alone: a single asset has no source, sourceId or prefix beside it" },
        ]);
      const target = await outputOf(this.db, this.keyring, tenantId, { output, targetId, access });
      const push = { ...(prefix && { prefix }), ...(at && { at }), ...(assetId && { assetId }), ...(existing && { existing }) };
      const options = { push, ...(filters && { filters }), ...(dryRun && { dryRun }) };
      const keys = await this.keyring.of(tenantId);
      const asked = { tenantId, action: "sync.exports.restore", key: ctx.meta.idempotencyKey, params: ctx.params };
      return await this.db.tenant(tenantId, (em) =>
        once(em, "sync", asked, async () => {
          const origin = assetId ? await originOfAsset(em, assetId) : await originOf(em, tenantId, { source, sourceId });
          const input = `${origin.uri}${at ? ` as of ${at}` : ""} → ${target.uri}`;
          const job: NewJob = { kind: "restore", input, sourceId: origin.id, target, options };
          return await createJob(em, principal, keys, { ...job, ...(priority && { priority }), ...(after && { needs: after }) });
        }),
      );
    },
  }),

  contents: action({
    description: "Pages through what a source holds, or held at a moment; the edge packs archives by it.",
    permission: "assets:read",
    idempotent: true,
    params: strict({
      ...ofSource,
      prefix,
      at,
      after: Type.Optional(Type.String({ maxLength: 4096, description: "The `next` of the page before." })),
      limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 500, default: 500, description: "Most assets in the answer." })),
    }),
    async handler(ctx): Promise<{ items: ArchivedAsset[]; next: string | null }> {
      const { tenantId } = caller(ctx);
      const { source, sourceId, prefix, at, after = "", limit = 500 } = ctx.params;
      const wish = { ...(prefix && { prefix }), ...(at && { at }) };
      return await this.db.tenant(tenantId, async (em) => {
        const origin = await originOf(em, tenantId, { source, sourceId });
        const { states, next } = await statesAfter(em, { tenantId, sourceId: origin.id }, wish, after, limit);
        const items = states.map(({ id, version, path, size, modified }) => {
          return { assetId: id, version, path, size, modifiedAt: modified === null ? null : new Date(modified).toISOString() };
        });
        return { items, next };
      });
    },
  }),
};

/** Brings assets out of the vault to other places. */
export default service<ExportsService>()({
  name: "sync.exports",
  mixins: [ormMixin("sync")],
  actions,
  started() {
    this.keyring = new TenantKeyring(this.db, keyManager(env));
  },
});
