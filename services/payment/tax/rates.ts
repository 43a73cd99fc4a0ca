import type { Page } from "../../../config/action.ts";
import { platform } from "../../../config/permissions.ts";
import { row, rows, type Database, type Em } from "../../../mixins/database.ts";
import { decodeCursor, encodeCursor, pageOf } from "../../../mixins/page.ts";
import type { RateSource } from "./breakdown.ts";
import { formatRate, parseRate, type Rate } from "./rate.ts";

/** A rate as the organisation sees it. */
export interface ShownRate extends RateSource {
  country: string;
  /** Null for the whole country. */
  region: string | null;
  category: string;
  /** "19", "25.5". */
  percent: string;
  /** Whether the organisation set it itself. */
  own: boolean;
  createdAt: string;
}

interface RateRow extends RateSource {
  country: string;
  region: string;
  category: string;
  percent: string;
  own: boolean;
  createdAt: string;
}

const columns = `id, country, region, category, percent, to_char(valid_from, 'YYYY-MM-DD') as "validFrom", version, source,
  tenant_id <> '${platform}' as own, to_char(created_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as "createdAt"`;

/** Of several rows for the same: the organisation's own before the platform's, the latest day, the last word about that day. */
const first = `(tenant_id <> '${platform}') desc, valid_from desc, version desc`;

const showRate = ({ region, percent, ...rate }: RateRow): ShownRate => ({
  ...rate,
  region: region || null,
  percent: formatRate(parseRate(percent)),
});

/** The rates that hold in a place on a day, by category. A part of a country with a rate of its own has that one. */
export async function ratesAt(
  em: Em,
  place: { country: string; region: string | undefined },
  categories: readonly string[],
  date: string,
): Promise<Map<string, { rate: Rate; from: RateSource }>> {
  const found = await rows<RateRow>(
    em,
    `select distinct on (category) ${columns} from payment.tax_rates
     where country = ? and region in ('', ?) and category in (select jsonb_array_elements_text(?::jsonb)) and valid_from <= ?
     order by category, (region <> '') desc, ${first}`,
    [place.country, place.region ?? "", JSON.stringify(categories), date],
  );
  return new Map(
    found.map(({ category, percent, id, version, source, validFrom }) => [
      category,
      { rate: parseRate(percent), from: { id, version, source, validFrom } },
    ]),
  );
}

/** The rates that hold on a day, a page of them by country, region and category. */
export async function listRates(
  db: Database,
  clusterSecret: string,
  tenantId: string,
  { limit = 50, cursor, country, date }: { limit?: number; cursor?: string; country?: string; date?: string },
): Promise<Page<ShownRate>> {
  const day = date ?? new Date().toISOString().slice(0, 10);
  const scope = ["tax rates", tenantId, country ?? null, day];
  const from = decodeCursor(clusterSecret, scope, cursor);
  const found = await db.tenant(tenantId, (em) =>
    rows<RateRow>(
      em,
      `select distinct on (country, region, category) ${columns} from payment.tax_rates
       where valid_from <= ? and (?::text is null or country = ?) and (?::text is null or (country, region, category) > (?, ?, ?))
       order by country, region, category, ${first} limit ?`,
      [day, country ?? null, country ?? null, ...(from ? [from.after[0], ...from.after] : [null, null, null, null]), limit + 1],
    ),
  );
  return pageOf(found, limit, from !== undefined, showRate, (last) =>
    encodeCursor(clusterSecret, scope, { after: [last.country, last.region, last.category] }),
  );
}

/** Every word about a country's rates that there ever was, the latest day first. */
export const rateHistory = async (em: Em, country: string): Promise<ShownRate[]> =>
  (
    await rows<RateRow>(
      em,
      `select ${columns} from payment.tax_rates where country = ? order by region, category, valid_from desc, version desc limit 1000`,
      [country],
    )
  ).map(showRate);

export interface NewRate {
  country: string;
  region?: string;
  category: string;
  percent: string;
  validFrom: string;
}

/** Adds a rate of the organisation's own. Rows are never changed: another word about the same day is a new version, and what was reckoned keeps its own. */
export async function addRate(em: Em, tenantId: string, subject: string, rate: NewRate): Promise<ShownRate> {
  const of = [tenantId, rate.country, rate.region ?? "", rate.category, rate.validFrom];
  // Two words about the same at once would take the same version.
  await em.execute("select pg_advisory_xact_lock(hashtextextended(?, 0))", [of.join(" ")]);
  const added = await row<RateRow>(
    em,
    `insert into payment.tax_rates (tenant_id, country, region, category, valid_from, percent, source, version)
     select ?, ?, ?, ?, ?, ?, ?, coalesce(max(version), 0) + 1 from payment.tax_rates
     where tenant_id = ? and country = ? and region = ? and category = ? and valid_from = ? returning ${columns}`,
    [...of, rate.percent, subject, ...of],
  );
  return showRate(added!);
}
