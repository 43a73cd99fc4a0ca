import { row, type Em } from "../../../mixins/database.ts";
import { ownerOfInvoiced } from "../invoicing/owner.ts";
import { ownerOfBilled } from "../subscriptions/owner.ts";
import { captureIdOf, customIdOf, groupOf, orderIdOf, paymentIdOf, readCustom } from "./resource.ts";

/** What an event is about, as far as it can be told when it comes. */
export interface Subject {
  /** Undefined when nothing of ours can be found in it yet. */
  tenantId: string | undefined;
  /** "payment:<uuid>", "subscription:I-…", …: events of one are dealt with one after the other. */
  key: string;
}

interface Told {
  eventId: string;
  resourceType: string;
  resource: Record<string, unknown>;
}

/**
 * Finds whose an event is and what it is about: by what we gave PayPal to keep, else by ids that we know. Only the platform's account tells of
 * several organisations; what others tell belongs to the organisation whose account it is.
 */
export async function subjectOf(em: Em, { eventId, resourceType, resource }: Told): Promise<Subject> {
  const customId = customIdOf(resource);
  const custom = customId === null ? null : readCustom(customId);
  const group = groupOf(resource, resourceType);
  if (custom) return { tenantId: custom.tenantId, key: group ?? `payment:${custom.id}` };
  const [orderId, captureId, paymentId] = [orderIdOf(resource, resourceType), captureIdOf(resource, resourceType), paymentIdOf(resource)];
  const payment =
    (orderId ?? captureId ?? paymentId) === null
      ? undefined
      : await row<{ id: string; tenant_id: string }>(
          em,
          `select id, tenant_id from payment.payments where id = ?::uuid or paypal_payment_id = ? or capture_id = ? limit 1`,
          [paymentId, orderId, captureId],
        );
  if (payment) return { tenantId: payment.tenant_id, key: group ?? `payment:${payment.id}` };
  const billed = (await ownerOfBilled(em, resource)) ?? (await ownerOfInvoiced(em, resource, resourceType));
  return { tenantId: billed?.tenantId, key: group ?? billed?.key ?? `event:${eventId}` };
}
