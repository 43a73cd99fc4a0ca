import { row, type Em } from "../../../mixins/database.ts";

/** What is under way in a PayPal account, and could be settled by nobody without its secret. */
export interface Moving {
  /** Whose own outcome, or that of a refund, a capture or an authorization, is not settled, or which waits for a review. */
  payments: number;
  /** Open ones. */
  disputes: number;
  /** Running ones. */
  subscriptions: number;
}

/** Counts what is under way, whether or not it is looked at by itself: a lost answer, an e-check and what was given up in the open count too. */
export async function movingIn(em: Em, tenantId: string, accountId: string): Promise<Moving> {
  const found = await row<Moving>(
    em,
    `select
       (select count(*) from payment.payments p where p.tenant_id = ? and p.account_id = ? and (
          p.next_check_at is not null or p.given_up_at is not null or p.status = 'review'
          or exists (select 1 from payment.refunds r where r.payment_id = p.id and r.status in ('requested', 'pending'))
          or exists (select 1 from payment.captures c where c.payment_id = p.id and c.status in ('requested', 'pending'))
          or exists (select 1 from payment.authorizations a where a.payment_id = p.id and a.status in ('pending', 'created', 'partially_captured'))
       ))::int as payments,
       (select count(*) from payment.disputes where tenant_id = ? and account_id = ? and state = 'open')::int as disputes,
       (select count(*) from payment.subscriptions where tenant_id = ? and account_id = ? and activated_at is not null and ended_at is null)::int as subscriptions`,
    [tenantId, accountId, tenantId, accountId, tenantId, accountId],
  );
  return found ?? { payments: 0, disputes: 0, subscriptions: 0 };
}
