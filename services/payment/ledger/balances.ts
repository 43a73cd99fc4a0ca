import type { LedgerAccount } from "../../../entities/LedgerLine.ts";
import { rows, type Database } from "../../../mixins/database.ts";
import { formatAmount, type Currency } from "../money.ts";

export interface TrialBalance {
  /** ISO 8601: of everything that happened before. */
  before: string;
  /** By account and currency; decimal strings. Positive is a debit balance, negative a credit balance; each currency sums to zero. */
  balances: { account: LedgerAccount; currency: string; balance: string }[];
}

/** How the organisation's accounts stood at a moment. @param before by when it happened at PayPal, not by when it was booked */
export async function trialBalance(db: Database, tenantId: string, before: Date): Promise<TrialBalance> {
  const found = await db.tenant(tenantId, (em) =>
    rows<{ account: LedgerAccount; currency: Currency; minor: string }>(
      em,
      `select l.account, l.currency, sum(l.amount_minor)::text as minor
       from payment.ledger_lines l join payment.ledger_entries e on e.id = l.entry_id
       where l.tenant_id = ? and e.at < ? group by 1, 2 order by 2, 1`,
      [tenantId, before.toISOString()],
    ),
  );
  return {
    before: before.toISOString(),
    balances: found.map(({ account, currency, minor }) => ({ account, currency, balance: formatAmount(BigInt(minor), currency) })),
  };
}
