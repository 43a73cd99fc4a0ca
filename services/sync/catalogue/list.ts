import type { Page } from "../../../config/action.ts";
import { rows, type Em } from "../../../mixins/database.ts";
import { decodeCursor, encodeCursor, pageOf } from "../../../mixins/page.ts";
import { assetColumns, type AssetView } from "./asset.ts";
import { condition, type Condition } from "./condition.ts";
import { partsOf, places, type AssetFilter, type Parts } from "./filter.ts";
import { narrowings } from "./narrow.ts";
import { beyond, orderOf, roadOf, sorts, type Order, type Place, type Road } from "./road.ts";

export interface AssetList extends AssetFilter, Order {
  limit: number;
  cursor?: string | undefined;
}

/** Rows that a page looks at in the order of the list before it is given as it is: a few times its own at first, then more. */
const stretches = (limit: number) => [4 * limit, 2_000, 10_000, 40_000];
/** A stretch in which fewer than one in so many of the page's rows were found makes it look for a part of the filter that leaves few assets. */
const sparse = 20;
/** Rows of each source that a stretch has in any case: a list of very many sources would else not come on. */
const perSource = 16;
/** So many are put in order where a part of the filter alone leaves no more. */
const few = 10_000;

const all = condition("true");

type Sorted = AssetView & { key: string };

/** What the statements of one page have in common. */
interface Walk {
  em: Em;
  tenantId: string;
  list: AssetList;
  places: Condition;
  parts: Parts;
  road: Road;
}

/**
 * A page of a tenant's assets. Whatever the filter, a page reads no more than some fifty thousand rows: one for which that is not enough
 * holds fewer than asked for, or none, and its cursor goes on from there.
 * @param seen the sources whose assets the caller may see, of `sync.sources`
 * @throws CURSOR_INVALID, VALIDATION_FAILED
 */
export async function listAssets(
  em: Em,
  secret: string,
  tenantId: string,
  list: AssetList,
  seen: Condition = all,
): Promise<Page<AssetView>> {
  const { limit, cursor: given, ...kind } = list;
  const scope = ["sync.assets", tenantId, kind];
  const cursor = decodeCursor(secret, scope, given);
  const [key, id, known] = cursor?.after ?? [];
  const from = cursor && ([key, id] as Place);
  // That no part of the filter leaves few is found out once per list.
  let many = known === "many";
  const cursorAt = (place: Place) => encodeCursor(secret, scope, { after: [...place, ...(many ? ["many"] : [])] });
  const shown = ({ key: _key, ...asset }: Sorted) => asset;
  const page = (found: Sorted[]) => pageOf(found, limit, cursor !== undefined, shown, ({ key, id }) => cursorAt([key, id]));
  const parts = partsOf(list);
  const walk = { em, tenantId, list, places: places(tenantId, list.source, seen), parts, road: roadOf(tenantId, list, parts) };

  const found: Sorted[] = [];
  let place = from;
  for (const size of stretches(limit)) {
    const stretch = await look(walk, place, size);
    found.push(...stretch.found);
    if (!stretch.end || found.length > limit) return page(found);
    place = stretch.end;
    if (many || found.length * sparse >= limit) continue;
    const all = await ofFew(walk, from);
    if (all) return page(all);
    many = true;
  }
  return { data: found.map(shown), pagination: { cursor: cursorAt(place!), hasNext: true, hasPrev: cursor !== undefined } };
}

const columnsOf = ({ sort, order }: AssetList) =>
  `${assetColumns.replace("s.uri", "a.uri")}, a.${sorts[sort].column}::text as key, row_number() over (order by ${orderOf({ sort, order })}) as number`;

/** What a statement found, beside what it says of itself. */
type Numbered<Said> = ((Sorted & { number: string }) | { id: null; number: null }) & Said;
const sortedOf = (found: Numbered<object>[]): Sorted[] =>
  found.flatMap(({ number, ...asset }) => (number === null ? [] : [asset as unknown as Sorted]));

/**
 * Looks at the next rows of the list, about `size` of them.
 * @returns what the filter leaves of them, at most one more than the page holds, and up to where it looked: undefined at the list's end
 */
async function look(
  { em, list, places, parts, road }: Walk,
  from: Place | undefined,
  size: number,
): Promise<{ found: Sorted[]; end?: Place }> {
  const { column } = sorts[list.sort];
  const served = condition.all([...road.serves.flatMap((part) => parts[part]), ...beyond(list, from)]);
  const wanted = condition.all(Object.values(parts).flat());
  const looked = road.rows(served, "(select rows from size)");
  const found = await rows<Numbered<{ end_key: string | null; end_id: string | null }>>(
    em,
    `with ${places.sql}, size as materialized (select ${perSource} + ?::int / greatest(1, count(*)) as rows from places),
     looked as materialized (
       select * from (select a.*, ${wanted.sql} as wanted from (${looked.sql}) a) a where wanted or n = (select rows from size)
     ),
     -- A source of which there is more than was looked at ends the stretch: what others have after that comes later.
     ends as materialized (select a.${column}, a.id from looked a where n = (select rows from size) order by ${orderOf(list)} limit 1),
     found as (
       select ${columnsOf(list)} from looked a left join ends e on true
       where a.wanted and (e.id is null or (a.${column}, a.id) ${list.order === "asc" ? "<=" : ">="} (e.${column}, e.id))
       order by number limit ${list.limit + 1}
     )
     select e.${column}::text as end_key, e.id as end_id, found.* from (select 1) one left join ends e on true left join found on true order by number`,
    [...places.values, size, ...wanted.values, ...looked.values],
  );
  const { end_key, end_id } = found[0]!;
  const assets = sortedOf(found.map(({ end_key: _key, end_id: _id, ...row }) => row as Numbered<object>));
  return { found: assets, ...(end_key !== null && { end: [end_key, end_id!] as Place }) };
}

/** The page where a part of the filter leaves few assets of all; undefined when each leaves many. */
async function ofFew({ em, tenantId, list, places, parts }: Walk, from: Place | undefined): Promise<Sorted[] | undefined> {
  const where = condition.all([condition("a.tenant_id = ?", tenantId), ...Object.values(parts).flat(), ...beyond(list, from)]);
  for (const { queries, counted } of narrowings(tenantId, list, parts, few)) {
    const found = await rows<Numbered<{ few: boolean }>>(
      em,
      `with ${places.sql}, ${queries.sql}, counted as materialized (select count(*) <= ${few} as few from ${counted}),
       found as (
         select ${columnsOf(list)} from (select s.uri, a.* from candidates a join places s on s.id = a.source_id where ${where.sql}) a
         where (select few from counted) order by number limit ${list.limit + 1}
       )
       select counted.few, found.* from counted left join found on true order by number`,
      [...places.values, ...queries.values, ...where.values],
    );
    if (found[0]?.few) return sortedOf(found.map(({ few: _few, ...row }) => row as Numbered<object>));
  }
  return undefined;
}
