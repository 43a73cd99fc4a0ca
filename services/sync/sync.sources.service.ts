import Type from "typebox";
import { actionOf, caller, pageParams, strict, uuid, type Page } from "../../config/action.ts";
import { env } from "../../config/env.ts";
import { errors, failureOf } from "../../config/errors.ts";
import type { Things } from "../../config/rules.ts";
import { service, type Host } from "../../config/service.ts";
import { ormMixin, type WithDatabase } from "../../mixins/orm.mixin.ts";
import { visible } from "../../mixins/policy/admitted.ts";
import { keyManager } from "../../mixins/vault/kms/manager.ts";
import { browse, type Browsed } from "./browse.ts";
import { checkFilters } from "./filters.ts";
import { jobOptions } from "./options.ts";
import { readablePlaces } from "./places.ts";
import { accessParams, parseInput, type Access } from "./sources/input.ts";
import type { Spec } from "./sources/source.ts";
import { changeSource, forgetSource, listSources, storedById, storedPlace, storeSource, type StoredSource } from "./stored.ts";
import { TenantKeyring } from "./tenantkey.ts";
import { openThreads, type Threads } from "./threads.ts";

type SourcesService = Host<WithDatabase & { keyring: TenantKeyring }>;
const action = actionOf<SourcesService>();

const byId = strict({ id: uuid("The stored source.") });
const name = Type.String({ minLength: 1, maxLength: 200, description: "What people call it." });
const input = Type.String({ minLength: 1, maxLength: 4096, description: "Where it is, e.g. sftp://host/folder." });
const settings = Type.Optional(jobOptions);
/** A stored source, or a place that is not kept yet. */
const place = { id: Type.Optional(uuid("A stored source.")), input: Type.Optional(input), ...accessParams };

async function placeOf(
  self: SourcesService,
  tenantId: string,
  given: { id?: string | undefined; input?: string | undefined; access: Access },
): Promise<Spec> {
  const { id, input, access } = given;
  if ((id === undefined) === (input === undefined))
    throw errors.invalid([{ pointer: "/input", detail: "must be given, or the id of a stored source must: one of the two" }]);
  return id === undefined ? await parseInput(input!, access, readablePlaces) : await storedPlace(self.db, self.keyring, tenantId, id);
}

/** Looks into a place on a thread of its own, which ends with it: a look takes nobody's time and memory, and a crash hits nobody else. */
async function onThread<T>(work: (threads: Threads) => Promise<T>): Promise<T> {
  const threads = openThreads({ threads: 1 });
  try {
    return await work(threads);
  } finally {
    await threads.close();
  }
}

/** Longest a test or a look into a place may take, milliseconds; the broker waits a little longer. */
const patience = 20_000;

export const actions = {
  create: action({
    description: "Keeps a source with its credentials, sealed, and settings that its syncs have when they say nothing else.",
    rest: "POST /sync/sources",
    permission: "sync:write",
    concerns: { kind: "source", of: () => ({ source: null }) },
    audit: "source.created",
    status: 201,
    params: strict({ name, input, settings, ...accessParams }),
    async handler(ctx): Promise<StoredSource> {
      const { tenantId } = caller(ctx);
      const { name, input, settings = {}, ...access } = ctx.params;
      checkFilters(settings.filters, "/settings/filters");
      const spec = await parseInput(input, access, readablePlaces);
      const keys = await this.keyring.of(tenantId);
      return await this.db.tenant(tenantId, (em) => storeSource(em, tenantId, keys, { name, spec, settings }));
    },
  }),

  list: action({
    description: "Lists the organisation's stored sources, by name. Credentials are never shown.",
    rest: "GET /sync/sources",
    permission: "sync:read",
    concerns: { kind: "source", filtered: true },
    idempotent: true,
    params: strict(pageParams),
    async handler(ctx): Promise<Page<StoredSource>> {
      const { tenantId } = caller(ctx);
      const { limit = 50, cursor } = ctx.params;
      return await this.db.tenant(tenantId, (em) =>
        listSources(em, env.CLUSTER_SECRET, tenantId, { limit, cursor }, visible(ctx, "source", { source: "id" })),
      );
    },
  }),

  get: action({
    description: "Shows a stored source.",
    rest: "GET /sync/sources/:id",
    permission: "sync:read",
    concerns: { kind: "source", id: "id" },
    idempotent: true,
    params: byId,
    async handler(ctx): Promise<StoredSource> {
      return await this.db.tenant(caller(ctx).tenantId, (em) => storedById(em, ctx.params.id));
    },
  }),

  update: action({
    description:
      "Changes a stored source's name, settings or credentials; for new credentials give input again, which must name the same place.",
    rest: "PATCH /sync/sources/:id",
    permission: "sync:write",
    concerns: { kind: "source", id: "id" },
    audit: { act: "source.changed", object: "source:id" },
    params: strict({ ...byId.properties, name: Type.Optional(name), input: Type.Optional(input), settings, ...accessParams }),
    async handler(ctx): Promise<StoredSource> {
      const { tenantId } = caller(ctx);
      const { id, name, input, settings, ...access } = ctx.params;
      checkFilters(settings?.filters, "/settings/filters");
      const without = Object.keys(access);
      if (input === undefined && without.length)
        throw errors.invalid(without.map((kind) => ({ pointer: `/${kind}`, detail: "needs input beside it, naming the same place" })));
      const spec = input === undefined ? undefined : await parseInput(input, access, readablePlaces);
      const keys = await this.keyring.of(tenantId);
      return await this.db.tenant(tenantId, (em) => changeSource(em, tenantId, keys, id, { name, spec, settings }));
    },
  }),

  remove: action({
    description: "Forgets a stored source with its credentials; what was synced from it stays.",
    rest: "DELETE /sync/sources/:id",
    permission: "sync:write",
    concerns: { kind: "source", id: "id" },
    audit: { act: "source.removed", object: "source:id" },
    status: 204,
    params: byId,
    async handler(ctx): Promise<void> {
      await this.db.tenant(caller(ctx).tenantId, (em) => forgetSource(em, ctx.params.id));
    },
  }),

  test: action({
    description: "Tries whether a place can be reached, signed in to and listed. Answers what is wrong instead of failing.",
    rest: "POST /sync/sources/test",
    permission: "sync:write",
    concerns: { kind: "source", of: ({ id }) => ({ source: id ?? null }) },
    timeout: patience + 5_000,
    params: strict(place),
    async handler(
      ctx,
    ): Promise<{ ok: boolean; uri: string; milliseconds: number; error: { type: string; message: string; retryable: boolean } | null }> {
      const { id, input, ...access } = ctx.params;
      const spec = await placeOf(this, caller(ctx).tenantId, { id, input, access });
      const began = performance.now();
      const answer = (error: { type: string; message: string; retryable: boolean } | null) => {
        return { ok: !error, uri: spec.uri, milliseconds: Math.round(performance.now() - began), error };
      };
      try {
        await onThread((threads) => threads.work("check", { place: spec, purpose: "read" }, AbortSignal.timeout(patience)));
        return answer(null);
      } catch (error) {
        if ((error as Error).name === "TimeoutError")
          return answer({ type: "SOURCE_UNREACHABLE", message: `There was no answer within ${patience / 1000} s.`, retryable: true });
        const { type, message, retryable } = failureOf(error);
        if (!type.startsWith("SOURCE_")) throw error;
        return answer({ type, message, retryable });
      }
    },
  }),

  browse: action({
    description: "Shows what lies in a folder of a place, before anything is synced.",
    rest: "POST /sync/sources/browse",
    permission: "sync:write",
    concerns: { kind: "source", of: ({ id }) => ({ source: id ?? null }) },
    timeout: patience + 5_000,
    params: strict({
      ...place,
      folder: Type.Optional(
        Type.String({ maxLength: 2048, description: "Folder below the place's root, with '/' at its end; the root when left out." }),
      ),
      after: Type.Optional(Type.String({ maxLength: 2048, description: "Path of the last entry of the page before." })),
      limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 500, default: 100, description: "Entries per page." })),
    }),
    async handler(ctx): Promise<{ entries: Browsed[]; next: string | null }> {
      const { folder = "", after = "", limit = 100, id, input, ...access } = ctx.params;
      const spec = await placeOf(this, caller(ctx).tenantId, { id, input, access });
      if (folder && !folder.endsWith("/"))
        throw errors.invalid([{ pointer: "/folder", detail: `must end in "/"; it is ${JSON.stringify(folder)}` }]);
      return await onThread((threads) => browse(threads, spec, { folder, after, limit }, AbortSignal.timeout(patience)));
    },
  }),
};

/** Sources that are kept with their credentials, and looks into places. */
export default service<SourcesService>()({
  name: "sync.sources",
  mixins: [ormMixin("sync")],
  actions,
  methods: {
    attributesOf: (_kind: "source", _tenantId: string, id: string): Promise<Things["source"]> => Promise.resolve({ source: id }),
  },
  started() {
    this.keyring = new TenantKeyring(this.db, keyManager(env));
  },
});
