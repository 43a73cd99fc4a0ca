import type { Page } from "../../../config/action.ts";
import { row, rows, type Em } from "../../../mixins/database.ts";
import { decodeCursor, encodeCursor, pageOf } from "../../../mixins/page.ts";
import { assetColumns, type AssetView } from "./asset.ts";
import { condition, type Condition } from "./condition.ts";
import { partsOf, places, type AssetFilter, type Parts } from "./filter.ts";
import { narrowings } from "./narrow.ts";
import { between, orderOf, roadOf, sorts, type Order, type Place, type Road } from "./road.ts";

export interface AssetList extends AssetFilter, Order {
  limit: number;
  cursor?: string | undefined;
}

/** Rows that a page looks at in the order of the list before it is given as it is: a few times its own at first, then more. */
const stretches = (limit: number) => [4 * limit, 2_000, 10_000, 40_000];
/** A stretch in which fewer than one in so many of the page's rows were found makes it look for a part of the filter that leaves few assets. */
const sparse = 20;
/** Rows of each source that a page looks at in any case: a list of very many sources would else not come on. */
const perSource = 16;
/** So many are put in order where a part of the filter alone leaves no more. */
const few = 10_000;

type Sorted = AssetView & { key: string };

/** All that the statements of one page have in common. */
interface Walk {
  em: Em;
  list: AssetList;
  places: Condition;
  parts: Parts;
  road: Road;
  from: Place | undefined;
}

/**
 * A page of a tenant's assets. Whatever the filter, a page reads no more than some fifty thousand rows: one for which that is not enough
 * holds fewer than asked for, or none, and its cursor goes on from there.
 * @throws CURSOR_INVALID, VALIDATION_FAILED
 */
export async function listAssets(em: Em, secret: string, tenantId: string, list: AssetList): Promise<Page<AssetView>> {
  const { limit, cursor: given, ...kind } = list;
  const scope = ["sync.assets", tenantId, kind];
  const cursor = decodeCursor(secret, scope, given);
  const cursorAt = (place: Place) => encodeCursor(secret, scope, { after: place });
  const page = (found: Sorted[]) =>
    pageOf(
      found,
      limit,
      cursor !== undefined,
      ({ key: _key, ...asset }) => asset,
      ({ key, id }) => cursorAt([key, id]),
    );
  const parts = partsOf(list);
  const walk = {
    em,
    list,
    places: places(tenantId, list.source),
    parts,
    road: roadOf(tenantId, list, parts),
    from: cursor?.after as Place | undefined,
  };

  let tried = false;
  let place: Place | undefined;
  let found: Sorted[] = [];
  for (const size of stretches(limit)) {
    place = await placeAfter(walk, size);
    found = await stretch(walk, place);
    if (!place || found.length > limit) return page(found);
    if (tried || found.length * sparse >= limit) continue;
    tried = true;
    const few = await ofFew(walk, tenantId);
    if (few) return page(few);
  }
  const { data, pagination } = page(found);
  return { data, pagination: { ...pagination, cursor: cursorAt(place!), hasNext: true } };
}

/** The place up to which no more than about `size` rows are looked at; undefined when the list ends before. */
async function placeAfter({ em, list, places, parts, road, from }: Walk, size: number): Promise<Place | undefined> {
  const where = condition.all([...road.serves.flatMap((part) => parts[part]), ...between(list, from)]);
  const { column } = sorts[list.sort];
  const ends = road.rows(
    where,
    `a.${column}, a.id`,
    condition(`offset (select ${perSource} + ?::int / greatest(1, count(*)) from places) limit 1`, size),
  );
  const end = await row<{ key: string; id: string }>(
    em,
    `with ${places.sql} select a.${column}::text as key, a.id from (${ends.sql}) a order by ${orderOf(list)} limit 1`,
    [...places.values, ...ends.values],
  );
  return end && [end.key, end.id];
}

/** What the filter leaves up to a place, one more than the page holds. */
async function stretch({ em, list, places, parts, road, from }: Walk, end: Place | undefined): Promise<Sorted[]> {
  const where = condition.all([...Object.values(parts).flat(), ...between(list, from, end)]);
  const found = road.rows(where, "a.*", condition("limit ?", list.limit + 1));
  return await rows<Sorted>(
    em,
    `with ${places.sql} select ${shown(list)} from (${found.sql}) a order by ${orderOf(list)} limit ${list.limit + 1}`,
    [...places.values, ...found.values],
  );
}

const shown = ({ sort }: AssetList) => `${assetColumns.replace("s.uri", "a.uri")}, a.${sorts[sort].column}::text as key`;

/** The page where a part of the filter leaves few assets of all; undefined when each leaves many. */
async function ofFew({ em, list, places, parts, from }: Walk, tenantId: string): Promise<Sorted[] | undefined> {
  const where = condition.all([...Object.values(parts).flat(), ...between(list, from)]);
  for (const ids of narrowings(tenantId, list, parts, few + 1)) {
    const found = await rows<(Sorted | { id: null }) & { few: boolean; number: string }>(
      em,
      `with ${places.sql}, ids as materialized (${ids.sql}), counted as materialized (select count(*) <= ${few} as few from ids),
       found as (
         select ${shown(list)}, row_number() over (order by ${orderOf(list)}) as number
         -- One asset at a time by its key, whatever the planner makes of their number.
         from (select s.uri, a.* from ids cross join lateral (select * from sync.assets a where a.id = ids.id and ${where.sql} limit 1) a
               join places s on s.id = a.source_id where (select few from counted)) a
         order by number limit ${list.limit + 1}
       )
       select counted.few, found.* from counted left join found on true order by number`,
      [...places.values, ...ids.values, ...where.values],
    );
    if (found[0]?.few) return found.flatMap(({ few: _few, number: _number, ...asset }) => (asset.id === null ? [] : [asset as Sorted]));
  }
  return undefined;
}
