import { appendEvent } from "../../mixins/events.ts";
import type { Subscription } from "../../mixins/consumer.ts";
import type { Database } from "../../mixins/database.ts";
import { analyseBatch, type AssetTicket, type BatchTools, type Finding } from "./batch.ts";
import { knownContents, record } from "./ledger.ts";
import { underCurrentKey } from "./reseal.ts";
import type { KeySource, TicketSource } from "./tickets.ts";

interface Batch {
  assets: AssetTicket[];
  findings: Finding[];
}

/**
 * `asset.stored` → analyses → `asset.analysed`: the road of one batch. Bytes are read and analysed outside any transaction; all that was
 * found is committed with the event that tells of it. One batch at a time per node, so that memory is bounded and other nodes get work.
 */
export const analysing = (
  db: Database,
  tools: Omit<BatchTools, "signal"> & { tickets: TicketSource; keys: KeySource },
): Subscription<"asset.stored", Batch | undefined> => ({
  name: "analyse",
  type: "asset.stored",
  concurrency: 1,

  async work(event, { signal }) {
    if (!event.data.analyse || event.data.assetIds.length === 0) return undefined;
    const assets = inOrder(event.data.assetIds, await tools.tickets(event.tenantId, event.data.assetIds));
    const contents = [...new Set(assets.map(({ contentId }) => contentId))];
    const known = await db.tenant(event.tenantId, (em) => knownContents(em, contents));
    const findings = await analyseBatch(assets, known, { vault: tools.vault, threads: tools.threads, signal });
    return { assets, findings: await underCurrentKey(findings, tools.vault, tools.keys, event.tenantId) };
  },

  async commit(em, event, batch) {
    if (!batch) return;
    const assets = await record(em, event.tenantId, batch.assets, batch.findings);
    if (!assets.length) return;
    // A stream of its own for each batch: nobody else appends to it, so no version is ever contended.
    await appendEvent(em, "ai", {
      tenantId: event.tenantId,
      type: "asset.analysed",
      stream: `analysis:${event.id}`,
      data: { assets },
      actor: "service:ai",
    });
  },
});

/** The order of the event, which is the job's, decides which of two equal files counts as the first. */
function inOrder(assetIds: readonly string[], assets: readonly AssetTicket[]): AssetTicket[] {
  const byId = new Map(assets.map((asset) => [asset.assetId, asset]));
  return assetIds.flatMap((id) => byId.get(id) ?? []);
}
