import { row, type Database, type Em } from "../../../mixins/database.ts";

interface Cursor {
  transaction: string;
  position: string;
}

const batch = 5_000;

/** Takes the projection's place, so that one at a time moves it on. */
async function progress(em: Em): Promise<Cursor> {
  await em.execute(`insert into payment.report_progress (name) values ('reports') on conflict do nothing`, [], "run");
  const found = await row<Cursor>(
    em,
    `select transaction::text, position::text from payment.report_progress where name = 'reports' for update`,
  );
  return found!;
}

const columns = "tenant_id, bucket, currency, method, revenue, refunds, chargebacks, fees, captured, refunded";

/** SQL of the buckets that the entries of a range come to. @param where about entries `e` */
const bucketsOf = (where: string) => `
  select l.tenant_id, date_bin('15 minutes', e.at, timestamptz '2000-01-01 00:00:00Z'), l.currency, e.method,
    coalesce(-sum(l.amount_minor) filter (where l.account = 'revenue'), 0), coalesce(sum(l.amount_minor) filter (where l.account = 'refunds'), 0),
    coalesce(sum(l.amount_minor) filter (where l.account = 'chargebacks'), 0), coalesce(sum(l.amount_minor) filter (where l.account = 'fees'), 0),
    count(*) filter (where l.account = 'revenue'), count(*) filter (where l.account = 'refunds')
  from payment.ledger_entries e join payment.ledger_lines l on l.entry_id = e.id
  where l.account in ('revenue', 'refunds', 'chargebacks', 'fees') and ${where} group by 1, 2, 3, 4`;

/** SQL that adds buckets to those that are there. */
const add = (buckets: string) => `
  insert into payment.report_buckets as b (${columns}) ${buckets}
  on conflict (tenant_id, bucket, currency, method) do update set revenue = b.revenue + excluded.revenue, refunds = b.refunds + excluded.refunds,
    chargebacks = b.chargebacks + excluded.chargebacks, fees = b.fees + excluded.fees,
    captured = b.captured + excluded.captured, refunded = b.refunded + excluded.refunded`;

/**
 * Brings the read model up to date. Rows and position commit together, so nothing counts twice, whoever dies and however many do it at once.
 * Entries whose transaction may still have older ones beside it wait for them: positions are handed out before commit.
 */
export async function project(db: Database): Promise<void> {
  while (
    await db.system(async (em) => {
      const from = await progress(em);
      const to = await row<Cursor & { taken: number }>(
        em,
        `with next as (
           select transaction, position from payment.ledger_entries
           where (transaction, position) > (?::xid8, ?::bigint) and transaction < pg_snapshot_xmin(pg_current_snapshot())
           order by transaction, position limit ?
         )
         select transaction::text, position::text, (select count(*)::int from next) as taken from next order by next.transaction desc, next.position desc limit 1`,
        [from.transaction, from.position, batch],
      );
      if (!to) return false;
      await em.execute(
        add(bucketsOf(`(e.transaction, e.position) > (?::xid8, ?::bigint) and (e.transaction, e.position) <= (?::xid8, ?::bigint)`)),
        [from.transaction, from.position, to.transaction, to.position],
        "run",
      );
      await em.execute(
        `update payment.report_progress set transaction = ?::xid8, position = ?::bigint where name = 'reports'`,
        [to.transaction, to.position],
        "run",
      );
      return to.taken === batch;
    })
  );
}

/**
 * Writes an organisation's part of the read model anew, from all entries that are in it. Readers see the old one until it is whole. Its whole ledger is
 * summed up before the projection's place is taken, which every report waits for; what came meanwhile is little, and is added.
 */
export async function rebuild(db: Database, tenantId: string): Promise<void> {
  await db.system(async (em) => {
    const from = await row<Cursor>(em, `select transaction::text, position::text from payment.report_progress where name = 'reports'`);
    const summed = [from?.transaction ?? "0", from?.position ?? "0"];
    await em.execute(`create temporary table rebuilt (like payment.report_buckets) on commit drop`, [], "run");
    await em.execute(
      `insert into rebuilt (${columns}) ${bucketsOf(`e.tenant_id = ? and (e.transaction, e.position) <= (?::xid8, ?::bigint)`)}`,
      [tenantId, ...summed],
      "run",
    );
    const to = await progress(em);
    await em.execute(`delete from payment.report_buckets where tenant_id = ?`, [tenantId], "run");
    await em.execute(add(`select ${columns} from rebuilt`), [], "run");
    await em.execute(
      add(
        bucketsOf(
          `e.tenant_id = ? and (e.transaction, e.position) > (?::xid8, ?::bigint) and (e.transaction, e.position) <= (?::xid8, ?::bigint)`,
        ),
      ),
      [tenantId, ...summed, to.transaction, to.position],
      "run",
    );
  });
  await project(db);
}
