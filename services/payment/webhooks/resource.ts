import { list, record, text } from "../gateway/answer.ts";

type Json = Record<string, unknown>;

const first = (value: unknown): Json => record(list(value)[0]);

const uuid = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}";
const ours = new RegExp(`^(${uuid}):(${uuid})$`);
const alone = new RegExp(`^${uuid}$`);

/** What we gave PayPal to keep: the organisation, and the payment or subscription that something belongs to. */
export interface Custom {
  tenantId: string;
  /** Of the payment or the subscription. */
  id: string;
}

/** Reads "tenant:id". Null for what another system of the same merchant wrote. */
export function readCustom(customId: string): Custom | null {
  const [, tenantId, id] = ours.exec(customId) ?? [];
  return tenantId && id ? { tenantId, id } : null;
}

/**
 * The custom id in a resource: captures, refunds, authorizations and subscriptions have it themselves, orders in their unit, sales of the first version under
 * another name, disputes in the transaction that is disputed.
 */
export function customIdOf(resource: Json): string | null {
  return (
    text(resource["custom_id"]) ??
    text(resource["custom"]) ??
    text(first(resource["purchase_units"])["custom_id"]) ??
    text(first(resource["disputed_transactions"])["custom"])
  );
}

/** The order that a resource is, or belongs to. */
export function orderIdOf(resource: Json, resourceType: string): string | null {
  return resourceType === "checkout-order"
    ? text(resource["id"])
    : text(record(record(resource["supplementary_data"])["related_ids"])["order_id"]);
}

/** The capture that a resource is, or that is disputed. */
export const captureIdOf = (resource: Json, resourceType: string): string | null =>
  resourceType === "capture" ? text(resource["id"]) : text(first(resource["disputed_transactions"])["seller_transaction_id"]);

/** Our payment, where the invoice id says it: it is the payment's own id. */
export function paymentIdOf(resource: Json): string | null {
  const invoiceId = text(resource["invoice_id"]) ?? text(first(resource["disputed_transactions"])["invoice_number"]);
  return invoiceId !== null && alone.test(invoiceId) ? invoiceId : null;
}

/** What has events of its own beside a payment's: a subscription with its sales, an invoice, a plan. Null for all else. */
export function groupOf(resource: Json, resourceType: string): string | null {
  const subscription = resourceType === "subscription" ? text(resource["id"]) : text(resource["billing_agreement_id"]);
  if (subscription) return `subscription:${subscription}`;
  const invoice = text(record(resource["invoice"])["id"]) ?? (/^invoices?$/.test(resourceType) ? text(resource["id"]) : null);
  if (invoice) return `invoice:${invoice}`;
  return resourceType === "plan" && text(resource["id"]) ? `plan:${text(resource["id"])}` : null;
}
