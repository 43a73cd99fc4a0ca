import { actionOf, caller, strict, uuid } from "../../config/action.ts";
import { env } from "../../config/env.ts";
import { errors } from "../../config/errors.ts";
import { service, type Host } from "../../config/service.ts";
import type { Em } from "../../mixins/database.ts";
import { ormMixin, type WithDatabase } from "../../mixins/orm.mixin.ts";
import { keyManager } from "../../mixins/vault/kms/manager.ts";
import { rewrapParams, type Rewrapped } from "../../mixins/vault/rewrap.ts";
import type { WrappedTenantKey } from "../../mixins/vault/ticket.ts";
import type { JobView } from "./job.ts";
import { rewrapTenantKeys } from "./rekey.ts";
import { listKeys, rotateTenantKey, shredTenant, type KeyView } from "./rotate.ts";
import { tenantKeysOf } from "./tickets.ts";
import { queueUpkeep } from "./upkeep.ts";

type KeysService = Host<WithDatabase>;
const action = actionOf<KeysService>();

export const actions = {
  list: action({
    description: "Lists the keys of the organisation's vault, newest first, with how many packs are under each.",
    rest: "GET /vault/keys",
    permission: "keys:read",
    idempotent: true,
    params: strict({}),
    async handler(ctx): Promise<{ keys: KeyView[] }> {
      const { tenantId } = caller(ctx);
      return { keys: await this.db.tenant(tenantId, (em) => listKeys(em, tenantId)) };
    },
  }),

  rotate: action({
    description:
      "Gives the vault a new key. It seals within half a minute; a job then brings everything under it. Nothing is encrypted again, everything stays readable.",
    stepUp: true,
    rest: "POST /vault/keys/rotate",
    permission: "keys:write",
    audit: "vault.key.rotated",
    status: 202,
    params: strict({}),
    async handler(ctx): Promise<{ keyId: string; retired: string; job: JobView }> {
      const principal = caller(ctx);
      const queue = (em: Em) => queueUpkeep(em, principal, "rekey");
      const { queued: job, ...keys } = await rotateTenantKey(this.db, keyManager(env), principal.tenantId, principal.subject, queue);
      return { ...keys, job };
    },
  }),

  wrapped: action({
    description: "The keys of an organisation's vault, wrapped, for other services that seal by them; the current one first.",
    permission: "internal",
    idempotent: true,
    params: strict({}),
    async handler(ctx): Promise<{ keys: WrappedTenantKey[] }> {
      const { tenantId } = caller(ctx);
      return { keys: await this.db.tenant(tenantId, (em) => tenantKeysOf(em, tenantId)) };
    },
  }),

  shred: action({
    description: "Destroys all keys of an organisation's vault: nothing in it can ever be read again. Can't be undone.",
    permission: "internal",
    audit: { act: "vault.shredded", object: "vault:tenantId" },
    params: strict({ tenantId: uuid("The organisation."), again: uuid("Its id once more.") }),
    async handler(ctx): Promise<{ keys: number }> {
      const { tenantId, subject } = caller(ctx);
      const faults = (["tenantId", "again"] as const)
        .filter((name) => ctx.params[name] !== tenantId)
        .map((name) => ({ pointer: `/${name}`, detail: "must be the id of the organisation whose vault is to be shredded" }));
      if (faults.length) throw errors.invalid(faults);
      return await shredTenant(this.db, tenantId, subject);
    },
  }),

  rewrap: action({
    description: "Wraps the keys of all vaults by the current master key, for some seconds; `next` says where to go on.",
    permission: "internal",
    audit: "vault.keys.rewrapped",
    params: rewrapParams,
    async handler(ctx): Promise<Rewrapped> {
      return await rewrapTenantKeys(this.db, keyManager(env), ctx.params);
    },
  }),
};

/** The keys of tenants' vaults: seen, rotated, destroyed. The work of a rotation is done by a job of sync.worker. */
export default service<KeysService>()({ name: "sync.keys", mixins: [ormMixin("sync")], actions });
