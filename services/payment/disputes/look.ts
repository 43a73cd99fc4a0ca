import { row, type Em } from "../../../mixins/database.ts";
import type { Outcome } from "../gateway/gateway.ts";
import { invoiceOf } from "../invoicing/billed.ts";
import { ownedBy } from "../ledger/owner.ts";
import type { Till } from "../till.ts";
import { captureIdOf, customIdOf, paymentIdOf, readCustom } from "../webhooks/resource.ts";
import { disputesGateway, type DisputeView } from "./gateway.ts";
import { recordDispute, type Disputed } from "./record.ts";

/** What a dispute is about, by what PayPal shows of the disputed transaction; null when that is nothing of the organisation's. */
export async function disputedBy(em: Em, tenantId: string, resource: Record<string, unknown>): Promise<Disputed | null> {
  const customId = customIdOf(resource);
  const custom = customId === null ? null : readCustom(customId);
  if (custom && custom.tenantId !== tenantId) return null;
  const captureId = captureIdOf(resource, "dispute");
  const payment = await row<{ id: string; account: string | null }>(
    em,
    `select p.id, p.account_id as account from payment.payments p
     where p.tenant_id = ? and (p.id = ?::uuid or p.id = ?::uuid or p.id = (select c.payment_id from payment.captures c where c.tenant_id = p.tenant_id and c.paypal_id = ?))
     limit 1`,
    [tenantId, custom?.id ?? null, paymentIdOf(resource), captureId],
  );
  if (payment) return { tenantId, accountId: payment.account, ...ownedBy({ paymentId: payment.id }) };
  const subscription = await row<{ id: string; account: string | null }>(
    em,
    `select s.id, s.account_id as account from payment.subscriptions s
     where s.tenant_id = ? and (s.id = ?::uuid or s.id = (select m.subscription_id from payment.subscription_payments m where m.tenant_id = s.tenant_id and m.sale_id = ?)) limit 1`,
    [tenantId, custom?.id ?? null, captureId],
  );
  if (subscription) return { tenantId, accountId: subscription.account, ...ownedBy({ subscriptionId: subscription.id }) };
  const invoice = await row<{ id: string; account: string | null }>(
    em,
    `select i.id, i.account_id as account from payment.paypal_invoices i
     where i.tenant_id = ? and (i.id = ?::uuid or i.id = (select e.invoice_id from payment.ledger_entries e where e.tenant_id = i.tenant_id and e.object_id = ? and e.kind = 'capture')) limit 1`,
    [tenantId, customId === null ? null : invoiceOf(customId), captureId],
  );
  return invoice ? { tenantId, accountId: invoice.account, ...ownedBy({ invoiceId: invoice.id }) } : null;
}

/**
 * Reads a dispute at PayPal and writes down what it says.
 * @returns PayPal's answer, and whether the books wait for what becomes of a lost amount
 */
export async function lookAtDispute(
  { db, paypal }: Pick<Till, "db" | "paypal">,
  disputed: Disputed,
  paypalId: string,
): Promise<{ answer: Outcome<DisputeView>; waits: boolean }> {
  const { connection } = await paypal(disputed.tenantId, disputed.accountId);
  const answer = await disputesGateway(connection).get(paypalId);
  if (answer.outcome !== "ok") return { answer, waits: false };
  const { waits } = await db.tenant(disputed.tenantId, (em) => recordDispute(em, disputed, answer.value));
  return { answer, waits };
}
