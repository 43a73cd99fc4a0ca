import { v7 as uuidv7 } from "uuid";
import type { Page } from "../../config/action.ts";
import { errors } from "../../config/errors.ts";
import { WebhookDelivery } from "../../entities/WebhookDelivery.ts";
import { WebhookEndpoint, type WebhookEndpointRow } from "../../entities/WebhookEndpoint.ts";
import { describeAct } from "../../mixins/act.ts";
import type { Database } from "../../mixins/database.ts";
import { decodeCursor, encodeCursor, pageOf } from "../../mixins/page.ts";
import type { KeyManager } from "../../mixins/vault/keys.ts";
import { rewrapTable, type Rewrapped, type RewrapWish } from "../../mixins/vault/rewrap.ts";
import { addressFaults } from "./address.ts";
import { makeKey, secretOf } from "./signature.ts";
import type { Topic } from "./topics.ts";

/** What one event can fan out to. */
const maxEndpoints = 50;

export interface ShownEndpoint {
  id: string;
  url: string;
  events: Topic[];
  enabled: boolean;
  createdAt: string;
}

const shown = (endpoint: WebhookEndpointRow): ShownEndpoint => ({
  id: endpoint.id,
  url: endpoint.url,
  events: endpoint.events as Topic[],
  enabled: endpoint.enabled,
  createdAt: endpoint.createdAt.toISOString(),
});

const secretContext = (tenantId: string, endpointId: string) => ({ tenantId, purpose: `webhook-secret:${endpointId}` });

/** The key an endpoint's messages are signed with. @throws VAULT_KEY_UNUSABLE when the key ring can't open it */
export const openSecret = (
  keys: KeyManager,
  of: { tenant_id: string; endpoint_id: string; master_key_id: string; sealed_secret: Buffer },
): Promise<Buffer> => keys.unwrap(of.master_key_id, of.sealed_secret, secretContext(of.tenant_id, of.endpoint_id));

const sealedSecrets = {
  table: "notification.webhook_endpoints",
  id: "id",
  idType: "uuid",
  wrapped: "sealed_secret",
  tenant: "tenant_id",
  context: secretContext,
} as const;

/** Wraps all organisations' webhook secrets by the current master key; see `rewrapTable`. */
export const rewrapSecrets = (db: Database, keys: KeyManager, wish?: RewrapWish): Promise<Rewrapped> =>
  rewrapTable(db, keys, sealedSecrets, wish);

/**
 * Makes an endpoint with its own secret.
 * @param allow "host:port" of places that may be private
 * @returns the endpoint with `secret`, its only appearance in clear
 * @throws VALIDATION_FAILED naming every fault of the URL, CONFLICT when the tenant has as many as it may have
 */
export async function createEndpoint(
  db: Database,
  keys: KeyManager,
  allow: readonly string[],
  tenantId: string,
  { url, events }: { url: string; events: Topic[] },
): Promise<ShownEndpoint & { secret: string }> {
  const faults = addressFaults(url, allow);
  if (faults.length) throw errors.invalid(faults.map((detail) => ({ pointer: "/url", detail })));
  const id = uuidv7();
  const key = makeKey();
  const { keyId, wrapped } = await keys.wrap(key, secretContext(tenantId, id));
  const endpoint = await db.tenant(tenantId, async (em) => {
    const count = await em.count(WebhookEndpoint, { tenantId });
    if (count >= maxEndpoints)
      throw errors.conflict(`An organisation can have ${maxEndpoints} webhooks, and this one has ${count}: remove one first.`);
    const stored = em.create(WebhookEndpoint, { id, tenantId, url, events, masterKeyId: keyId, sealedSecret: wrapped });
    await em.persist(stored).flush();
    describeAct({ object: `webhook:${id}` });
    return stored;
  });
  return { ...shown(endpoint), secret: secretOf(key) };
}

/** The organisation's endpoints, newest first. */
export async function listEndpoints(
  db: Database,
  clusterSecret: string,
  tenantId: string,
  { limit = 50, cursor }: { limit?: number; cursor?: string },
): Promise<Page<ShownEndpoint>> {
  const scope = ["webhooks", tenantId];
  const from = decodeCursor(clusterSecret, scope, cursor);
  const found = await db.tenant(tenantId, (em) =>
    em.find(
      WebhookEndpoint,
      { tenantId, ...(from ? { id: { $lt: String(from.after[0]) } } : {}) },
      { orderBy: { id: "desc" }, limit: limit + 1 },
    ),
  );
  return pageOf(found, limit, from !== undefined, shown, (endpoint) => encodeCursor(clusterSecret, scope, { after: [endpoint.id] }));
}

/** Removes an endpoint with all its deliveries; what is in flight may still arrive. @throws NOT_FOUND, also for another organisation's */
export async function removeEndpoint(db: Database, tenantId: string, id: string): Promise<{ id: string }> {
  await db.tenant(tenantId, async (em) => {
    // The endpoint first: a fan-out holds it until its deliveries are written, and these are then found as well.
    if (!(await em.nativeDelete(WebhookEndpoint, { tenantId, id }))) throw noEndpoint(id);
    await em.nativeDelete(WebhookDelivery, { tenantId, endpointId: id });
  });
  return { id };
}

export const noEndpoint = (id: string) => errors.notFound("There is no such webhook.", { id });
