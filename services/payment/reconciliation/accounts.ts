import { platform } from "../../../config/permissions.ts";
import { rows, row, type Em } from "../../../mixins/database.ts";
import type { PayPal, Till } from "../till.ts";

/** The PayPal accounts whose reports tell of an organisation's money. */
export interface BookAccounts {
  /** `shared`: the platform's, where other organisations' money is too. */
  read: { paypal: PayPal; shared: boolean }[];
  /** Ids of accounts whose credentials are gone: nobody can say any more what they report. */
  closed: string[];
}

/**
 * SQL that says whether an organisation's money may be in the platform's account: it has none of its own, or was paid by the platform's.
 * @param tenant SQL of its id
 */
export const sharesPlatform = (tenant: string) => `(
  not exists (select 1 from payment.paypal_accounts a where a.tenant_id = ${tenant} and a.retired_at is null)
  or exists (select 1 from payment.payments p where p.tenant_id = ${tenant} and p.account_id is null)
  or exists (select 1 from payment.subscriptions s where s.tenant_id = ${tenant} and s.account_id is null)
  or exists (select 1 from payment.paypal_invoices i where i.tenant_id = ${tenant} and i.account_id is null)
)`;

interface Own {
  id: string;
  /** The account at PayPal: connected twice, it is still one. */
  client: string;
  open: boolean;
}

/** @throws what `till.paypal` throws when the credentials of an account are there and can't be used */
export async function accountsOf(till: Till, tenantId: string): Promise<BookAccounts> {
  if (tenantId === platform) return { read: [{ paypal: await till.paypal(platform, null), shared: true }], closed: [] };
  const { own, shares } = await till.db.tenant(tenantId, (em) => known(em, tenantId));
  const open = new Map(own.filter((one) => one.open).map((one) => [one.client, one.id]));
  const read: BookAccounts["read"] = [];
  for (const id of open.values()) read.push({ paypal: await till.paypal(tenantId, id), shared: false });
  if (shares) read.push({ paypal: await till.paypal(tenantId, null), shared: true });
  return { read, closed: own.filter(({ client }) => !open.has(client)).map(({ id }) => id) };
}

async function known(em: Em, tenantId: string): Promise<{ own: Own[]; shares: boolean }> {
  const own = await rows<Own>(
    em,
    `select id, environment || ' ' || client_id as client, sealed_secret is not null as open from payment.paypal_accounts where tenant_id = ? order by created_at`,
    [tenantId],
  );
  const shared = await row<{ shares: boolean }>(em, `select ${sharesPlatform("?::uuid")} as shares`, Array<string>(4).fill(tenantId));
  return { own, shares: shared!.shares };
}
