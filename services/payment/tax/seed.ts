import { readFile } from "node:fs/promises";
import { platform } from "../../../config/permissions.ts";
import type { Database } from "../../../mixins/database.ts";

interface SeedRow {
  country: string;
  region: string;
  percent: string;
  /** YYYY-MM-DD. */
  validFrom: string;
}

/** The platform's rates as committed; scripts/tax-rates.ts writes the file. Its first line says what they were taken from. */
export async function readSeed(): Promise<{ source: string; rates: SeedRow[] }> {
  const [head = "", , ...lines] = (await readFile(new URL("./rates.csv", import.meta.url), "utf8")).trim().split("\n");
  const rates = lines.map((line) => {
    const [country = "", region = "", percent = "", validFrom = ""] = line.split(",");
    return { country, region, percent, validFrom };
  });
  return { source: head.replace(/^# /, ""), rates };
}

/**
 * Brings the platform's rows of the table of rates up to the committed file: adds what is new, and a new version where the file says something
 * else than the table. Nothing is removed. Any number of nodes may do it at once.
 * @returns how many rows were added
 */
export async function plantRates(db: Database): Promise<number> {
  const { source, rates } = await readSeed();
  return await db.system(async (em) => {
    await em.execute("select pg_advisory_xact_lock(hashtextextended('payment.tax_rates', 0))");
    const planted = await em.execute<object[]>(
      `insert into payment.tax_rates (tenant_id, country, region, category, valid_from, percent, source, version)
       select ?, s.country, s.region, 'standard', s."validFrom", s.percent, ?, coalesce(last.version, 0) + 1
       from jsonb_to_recordset(?::jsonb) as s(country text, region text, percent numeric, "validFrom" date)
       left join lateral (
         select r.version, r.percent from payment.tax_rates r
         where r.tenant_id = ? and r.country = s.country and r.region = s.region and r.category = 'standard' and r.valid_from = s."validFrom"
         order by r.version desc limit 1
       ) last on true
       where last.version is null or last.percent <> s.percent
       returning id`,
      [platform, source, JSON.stringify(rates), platform],
    );
    return planted.length;
  });
}
