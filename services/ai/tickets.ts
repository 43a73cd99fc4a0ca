import type { ServiceBroker } from "moleculer";
import { call } from "../../config/calls.ts";
import { serviceClaim } from "../../mixins/claim.ts";
import type { AssetTicket } from "./batch.ts";

/** Asks for the current contents of assets; assets that are gone are left out. */
export type TicketSource = (tenantId: string, assetIds: string[]) => Promise<AssetTicket[]>;

/** The sync service as the source: asked in the tenant's name with a claim of our own. */
export const ticketsOverBroker =
  (broker: ServiceBroker, clusterSecret: string): TicketSource =>
  async (tenantId, assetIds) => {
    const claim = await serviceClaim(clusterSecret, "ai", tenantId);
    return call(broker, "sync.assets.tickets", { assetIds }, { meta: { claim } });
  };
