import { row, type Em } from "../../../mixins/database.ts";
import { text } from "../gateway/answer.ts";

/** Whose an event's resource is, and what it belongs to: events of one subscription are dealt with one after the other. */
export interface Owner {
  tenantId: string;
  /** "subscription:I-…" or "plan:P-…". */
  key: string;
}

/** The owner of a subscription, a sale, a refund of a sale or a plan, by PayPal's ids that are known here. */
export async function ownerOfBilled(em: Em, resource: Record<string, unknown>): Promise<Owner | undefined> {
  const id = text(resource["id"]);
  const subscriptionId = text(resource["billing_agreement_id"]) ?? id;
  return await row<Owner>(
    em,
    `select tenant_id as "tenantId", 'subscription:' || paypal_subscription_id as key from payment.subscriptions where paypal_subscription_id = ?
     union all
     select s.tenant_id, 'subscription:' || s.paypal_subscription_id from payment.subscription_payments p
       join payment.subscriptions s on s.id = p.subscription_id where p.sale_id = ?
     union all
     select tenant_id, 'plan:' || paypal_plan_id from payment.plans where paypal_plan_id = ?
     limit 1`,
    [subscriptionId, text(resource["sale_id"]) ?? id, id],
  );
}
