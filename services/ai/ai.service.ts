import { actionOf, caller, pageParams, strict, uuid, type Binary, type Page } from "../../config/action.ts";
import { env } from "../../config/env.ts";
import { service, type Host } from "../../config/service.ts";
import { jobsMixin, type WithJobs } from "../../mixins/jobs.mixin.ts";
import { ormMixin } from "../../mixins/orm.mixin.ts";
import { openVault } from "../../mixins/vault/environment.ts";
import type { Vault } from "../../mixins/vault/ticket.ts";
import { openThumbnail } from "./batch.ts";
import { analysisOf, duplicates, thumbnailOf, type AnalysisView, type DuplicateGroup } from "./catalogue.ts";
import { analysing } from "./consume.ts";
import { resealing } from "./reseal.ts";
import { AnalysisThreads } from "./threads.ts";
import { keysOverBroker, ticketsOverBroker, type TicketSource } from "./tickets.ts";

interface Fields extends WithJobs {
  vault: Vault;
  threads: AnalysisThreads;
  tickets: TicketSource;
}
type AiHost = Host<Fields>;
const action = actionOf<AiHost>();

export const actions = {
  "analyses.get": action({
    description: "What the newest analysis found out about an asset: type, category, metadata, problem, exact duplicate.",
    permission: "ai:read",
    rest: "GET /assets/:id/analysis",
    idempotent: true,
    params: strict({ id: uuid("Asset.") }),
    async handler(ctx): Promise<AnalysisView> {
      return this.db.tenant(caller(ctx).tenantId, (em) => analysisOf(em, ctx.params.id));
    },
  }),

  "thumbnails.get": action({
    description: "A small WebP of a picture, at most 320 pixels a side.",
    permission: "ai:read",
    rest: "GET /assets/:id/thumbnail",
    idempotent: true,
    binary: true,
    params: strict({ id: uuid("Asset.") }),
    async handler(ctx): Promise<Binary> {
      const { tenantId } = caller(ctx);
      const thumbnail = await this.db.tenant(tenantId, (em) => thumbnailOf(em, ctx.params.id));
      const [asset] = await this.tickets(tenantId, [ctx.params.id]);
      return openThumbnail(thumbnail, asset, this.vault);
    },
  }),

  "duplicates.list": action({
    description: "Assets with equal bytes, in groups.",
    permission: "ai:read",
    rest: "GET /duplicates",
    idempotent: true,
    params: strict({ ...pageParams }),
    async handler(ctx): Promise<Page<DuplicateGroup>> {
      const { tenantId } = caller(ctx);
      const { limit = 50, cursor } = ctx.params;
      return this.db.tenant(tenantId, (em) => duplicates(em, { tenantId, secret: env.CLUSTER_SECRET, limit, cursor }));
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

export default service<AiHost>()({
  name: "ai",
  mixins: [jobsMixin("ai"), ormMixin("ai")],
  actions,
  async started() {
    this.vault = await openVault(env);
    this.threads = new AnalysisThreads({ threads: env.AI_THREADS });
    this.tickets = ticketsOverBroker(this.broker, env.CLUSTER_SECRET);
    const { vault, threads, tickets } = this;
    const keys = keysOverBroker(this.broker, env.CLUSTER_SECRET);
    await this.jobs.work({ subscriptions: [analysing(this.db, { vault, threads, tickets, keys }), resealing(this.db, vault, keys)] });
  },
  async stopped() {
    // Told first that the node stops, the consumer hands an unfinished batch back at once instead of counting a failure.
    const left = this.jobs?.stop();
    await this.threads?.close();
    await left;
    await this.vault?.store.close();
  },
});
