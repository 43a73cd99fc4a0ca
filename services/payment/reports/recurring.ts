import type { Page } from "../../../config/action.ts";
import { errors } from "../../../config/errors.ts";
import { rows, type Database } from "../../../mixins/database.ts";
import { formatAmount } from "../money.ts";
import { mrr } from "../subscriptions/mrr.ts";
import { zoneFaults } from "./period.ts";

/** Monthly recurring revenue of one currency as a month ended, or as it stands in the month that has not. */
export interface RecurringRow {
  /** yyyy-mm, by the clocks of the time zone. */
  month: string;
  /** ISO 8601: the moment of which it is. */
  at: string;
  currency: string;
  /** Decimal string. */
  mrr: string;
  subscriptions: number;
}

/**
 * Monthly recurring revenue of the last months, this one included, earliest first.
 * @throws VALIDATION_FAILED for a time zone that is none
 */
export async function recurringReport(
  db: Database,
  tenantId: string,
  { months = 12, timeZone = "UTC" }: { months?: number; timeZone?: string },
  now: Date,
): Promise<Page<RecurringRow>> {
  const faults = zoneFaults(timeZone);
  if (faults.length) throw errors.invalid(faults);
  const data = await db.tenant(tenantId, async (em) => {
    const ends = await rows<{ month: string; ends: string | Date }>(
      em,
      `select to_char(first, 'YYYY-MM') as month, least((first + interval '1 month') at time zone ?, ?::timestamptz) as ends
       from generate_series(date_trunc('month', ?::timestamptz at time zone ?) - ? * interval '1 month', ?::timestamptz at time zone ?, interval '1 month') first
       order by 1`,
      [timeZone, now.toISOString(), now.toISOString(), timeZone, months - 1, now.toISOString(), timeZone],
    );
    const found: RecurringRow[] = [];
    for (const { month, ends: end } of ends) {
      const at = new Date(end);
      for (const { currency, amountMinor, subscriptions } of await mrr(em, tenantId, at))
        found.push({ month, at: at.toISOString(), currency, mrr: formatAmount(amountMinor, currency), subscriptions });
    }
    return found;
  });
  return { data, pagination: { cursor: null, hasNext: false, hasPrev: false } };
}
