import Type from "typebox";
import { actionOf, caller, strict, uuid } from "../../config/action.ts";
import { errors } from "../../config/errors.ts";
import { service, type Host } from "../../config/service.ts";
import { ormMixin, type WithDatabase } from "../../mixins/orm.mixin.ts";
import type { JobView } from "./job.ts";
import { queueUpkeep } from "./upkeep.ts";
import { proofOf, type AssetProof } from "./vault/choice.ts";
import { vaultStats, type VaultStats } from "./vault/stats.ts";

type VaultService = Host<WithDatabase>;
const action = actionOf<VaultService>();

export const actions = {
  stats: action({
    description:
      "Adds up what the vault holds: contents, what deduplication and compression save, sealed objects, and when they were last proven.",
    rest: "GET /vault/stats",
    permission: "assets:read",
    idempotent: true,
    params: strict({}),
    async handler(ctx): Promise<VaultStats> {
      const { tenantId } = caller(ctx);
      return await this.db.tenant(tenantId, (em) => vaultStats(em, tenantId));
    },
  }),

  proof: action({
    description: "Says since when an asset's content is proven: when the last of its sealed objects was read back whole and found sound.",
    rest: "GET /assets/:id/proof",
    permission: "assets:read",
    idempotent: true,
    params: strict({ id: uuid("The asset.") }),
    async handler(ctx): Promise<AssetProof> {
      const { id } = ctx.params;
      const proof = await this.db.tenant(caller(ctx).tenantId, (em) => proofOf(em, id));
      if (!proof) throw errors.assetNotFound("There is no such asset.", { id });
      return proof;
    },
  }),

  verify: action({
    description:
      "Starts a job that reads sealed objects back whole, those first that were proven longest ago, and reports damage by asset.",
    rest: "POST /vault/verify",
    permission: "sync:write",
    status: 202,
    params: strict({
      share: Type.Optional(
        Type.Number({
          exclusiveMinimum: 0,
          maximum: 100,
          description:
            "Percent of the objects, those that were proven longest ago; all of them, and a count of forgotten ones, when left out.",
        }),
      ),
      assetId: Type.Optional(uuid("Only what this asset's versions lie in.")),
    }),
    async handler(ctx): Promise<JobView> {
      const principal = caller(ctx);
      const { tenantId } = principal;
      const { assetId } = ctx.params;
      return await this.db.tenant(tenantId, async (em) => {
        if (assetId !== undefined && !(await proofOf(em, assetId))) throw errors.assetNotFound("There is no such asset.", { id: assetId });
        return await queueUpkeep(em, principal, "verify", ctx.params);
      });
    },
  }),

  repair: action({
    description: "Starts a job that mends what is known to be damaged, from the second copy of the vault or from the sources.",
    rest: "POST /vault/repair",
    permission: "sync:write",
    status: 202,
    params: strict({}),
    async handler(ctx): Promise<JobView> {
      const principal = caller(ctx);
      return await this.db.tenant(principal.tenantId, (em) => queueUpkeep(em, principal, "repair"));
    },
  }),

  collect: action({
    description:
      "Starts a job that removes what nothing refers to any more, rewrites objects that are mostly empty, and brings the second copy up to date.",
    rest: "POST /vault/collect",
    permission: "sync:write",
    status: 202,
    params: strict({}),
    async handler(ctx): Promise<JobView> {
      const principal = caller(ctx);
      return await this.db.tenant(principal.tenantId, (em) => queueUpkeep(em, principal, "collect"));
    },
  }),
};

/** The vault as a whole: what it holds, and what keeps it in order. The work is done by sync.worker. */
export default service<VaultService>()({ name: "sync.vault", mixins: [ormMixin("sync")], actions });
