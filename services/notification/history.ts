import { LockMode } from "@mikro-orm/postgresql";
import type { Page } from "../../config/action.ts";
import { errors } from "../../config/errors.ts";
import { WebhookDelivery, type WebhookDeliveryRow } from "../../entities/WebhookDelivery.ts";
import { WebhookEndpoint } from "../../entities/WebhookEndpoint.ts";
import type { Database } from "../../mixins/database.ts";
import { decodeCursor, encodeCursor, pageOf } from "../../mixins/page.ts";
import { noEndpoint } from "./endpoints.ts";
import { announceDue } from "./fanout.ts";

export const deliveryStatuses = ["pending", "delivered", "exhausted"] as const;
export type DeliveryStatus = (typeof deliveryStatuses)[number];

/** One event on its way to one endpoint, as its organisation sees it. Times are ISO 8601. */
export interface ShownDelivery {
  id: string;
  endpointId: string;
  eventId: string;
  eventType: string;
  status: DeliveryStatus;
  attempts: number;
  nextAttemptAt: string | null;
  lastStatus: number | null;
  lastError: string | null;
  createdAt: string;
  deliveredAt: string | null;
}

const shown = (delivery: WebhookDeliveryRow): ShownDelivery => ({
  id: delivery.id,
  endpointId: delivery.endpointId,
  eventId: delivery.eventId,
  eventType: delivery.eventType,
  status: delivery.status,
  attempts: delivery.attempts,
  nextAttemptAt: delivery.nextAttemptAt?.toISOString() ?? null,
  lastStatus: delivery.lastStatus ?? null,
  lastError: delivery.lastError ?? null,
  createdAt: delivery.createdAt.toISOString(),
  deliveredAt: delivery.deliveredAt?.toISOString() ?? null,
});

/** An endpoint's deliveries, newest event first. @throws NOT_FOUND, also for another organisation's endpoint */
export async function listDeliveries(
  db: Database,
  clusterSecret: string,
  tenantId: string,
  { id, status, limit = 50, cursor }: { id: string; status?: DeliveryStatus; limit?: number; cursor?: string },
): Promise<Page<ShownDelivery>> {
  const scope = ["deliveries", tenantId, id, status ?? null];
  const from = decodeCursor(clusterSecret, scope, cursor);
  const found = await db.tenant(tenantId, async (em) => {
    if (!(await em.count(WebhookEndpoint, { tenantId, id }))) throw noEndpoint(id);
    return await em.find(
      WebhookDelivery,
      { tenantId, endpointId: id, ...(status ? { status } : {}), ...(from ? { eventId: { $lt: String(from.after[0]) } } : {}) },
      { orderBy: { eventId: "desc" }, limit: limit + 1 },
    );
  });
  return pageOf(found, limit, from !== undefined, shown, (delivery) => encodeCursor(clusterSecret, scope, { after: [delivery.eventId] }));
}

/**
 * Makes a delivery due now, under the same webhook-id: one that has ended starts its schedule anew, one that waits keeps its count.
 * @throws NOT_FOUND, also for another organisation's delivery; CONFLICT when its webhook is turned off
 */
export async function resend(db: Database, tenantId: string, id: string): Promise<ShownDelivery> {
  return await db.tenant(tenantId, async (em) => {
    // Locked, so that a node which records an attempt just now does it before or after, not in between.
    const delivery = await em.findOne(WebhookDelivery, { tenantId, id }, { lockMode: LockMode.PESSIMISTIC_WRITE });
    const endpoint = delivery && (await em.findOne(WebhookEndpoint, { tenantId, id: delivery.endpointId }));
    if (!delivery || !endpoint) throw errors.notFound("There is no such delivery.", { id });
    if (!endpoint.enabled) throw errors.conflict("The webhook is turned off since its receiver answered 410 Gone; make a new one.", { id });
    if (delivery.status !== "pending") delivery.attempts = 0;
    delivery.status = "pending";
    delivery.nextAttemptAt = new Date();
    delivery.deliveredAt = null;
    await em.flush();
    await announceDue(em);
    return shown(delivery);
  });
}
