import { row, type Em } from "../../../mixins/database.ts";

/**
 * The next number of a series, from 1. The row stays locked until the caller's transaction ends: who issues at the same time waits, and what is
 * rolled back gives its number to the next. Ask for it last.
 */
export async function nextNumber(em: Em, tenantId: string, series: string): Promise<{ series: string; sequence: number; number: string }> {
  const given = await row<{ last: number }>(
    em,
    `insert into payment.invoice_numbers as n (tenant_id, series, last) values (?, ?, 1)
     on conflict (tenant_id, series) do update set last = n.last + 1 returning last`,
    [tenantId, series],
  );
  const sequence = given!.last;
  return { series, sequence, number: `${series}-${String(sequence).padStart(6, "0")}` };
}
