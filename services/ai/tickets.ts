import type { ServiceBroker } from "moleculer";
import { call } from "../../config/calls.ts";
import { serviceClaim } from "../../mixins/claim.ts";
import type { WrappedTenantKey } from "../../mixins/vault/ticket.ts";
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

/** Asks for a tenant's keys as they are now, the current one first. @throws VAULT_KEY_UNUSABLE after its vault was shredded */
export type KeySource = (tenantId: string) => Promise<WrappedTenantKey[]>;

export const keysOverBroker =
  (broker: ServiceBroker, clusterSecret: string): KeySource =>
  async (tenantId) => {
    const claim = await serviceClaim(clusterSecret, "ai", tenantId);
    return (await call(broker, "sync.keys.wrapped", {}, { meta: { claim } })).keys;
  };
