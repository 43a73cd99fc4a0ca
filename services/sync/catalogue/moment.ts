import { errors } from "../../../config/errors.ts";
import { rows, type Em } from "../../../mixins/database.ts";
import { below, condition, type Condition } from "./condition.ts";

/** What a source holds, or held. */
export interface Wish {
  /** Only paths that start with this; at a moment, those that did so then. */
  prefix?: string | undefined;
  /** As it was at this time, ISO 8601; as it is now when left out. */
  at?: string | undefined;
  /** Only this asset. */
  assetId?: string | undefined;
}

/** An asset with its path and content now or at a moment. */
export interface AssetState {
  id: string;
  version: number;
  path: string;
  /** Bytes. */
  size: number;
  /** Milliseconds since 1970. */
  modified: number | null;
  /** Content id, hexadecimal. */
  content: string;
}

/** `next` goes on after these; null when they are the last. Fewer than asked for, or none, need not be the last. */
export interface States {
  states: AssetState[];
  next: string | null;
}

export interface OfSource {
  tenantId: string;
  sourceId: string | null;
}

type Row = AssetState & { shown: boolean; place: string };

/** SQL of a state `v`: an asset's row, or one of its versions. */
const stateColumns = `v.version, v.path, v.size::float8 as size, (extract(epoch from v.modified_at) * 1000)::float8 as modified,
  encode(v.content_id, 'hex') as content`;

/** SQL of the version that an asset `a` had at a moment: no row when there was none yet. */
export const versionAt = (at: string): Condition =>
  condition(
    `select * from sync.asset_versions v where v.asset_id = a.id and v.created_at <= ?::timestamptz order by v.version desc limit 1`,
    at,
  );

/**
 * The next assets of a source: as they are now, in byte order of the path; or as they were at a moment, in no order to rely on, each at
 * least once: one that moves while pages are read may come twice.
 * @param after the `next` of the page before; "" for the first
 * @throws CURSOR_INVALID
 */
export async function statesAfter(em: Em, source: OfSource, wish: Wish, after: string, limit: number): Promise<States> {
  const { at, prefix = "", assetId } = wish;
  if (at === undefined) return await assetsNow(em, source, { prefix, assetId }, after, limit);
  return await assetsAt(em, source, { at, prefix, assetId }, after, limit);
}

/** @param after a path */
async function assetsNow(
  em: Em,
  { tenantId, sourceId }: OfSource,
  { prefix = "", assetId }: Wish,
  after: string,
  limit: number,
): Promise<States> {
  const where = condition.all([...ofSource(tenantId, sourceId), condition("path > ?", after), ...below("path", prefix), ...only(assetId)]);
  const found = await rows<Row>(
    em,
    `select v.id, v.path as place, ${stateColumns}, v.gone_at is null and v.removed_at is null as shown
     from sync.assets v where ${where.sql} order by v.path limit ${limit}`,
    where.values,
  );
  return statesOf(found, limit);
}

const here = "here ";
const moved = "moved ";

/**
 * First those that have not moved since, by their path; then those that have, by their first move since.
 * @param after "here " with a path, or "moved " with a time and an asset's id
 */
async function assetsAt(em: Em, source: OfSource, wish: Wish & { at: string }, after: string, limit: number): Promise<States> {
  if (after.startsWith(moved)) return await movedSince(em, source, wish, after.slice(moved.length), limit);
  if (after && !after.startsWith(here)) throw badPlace();
  const page = await unmovedSince(em, source, wish, after.slice(here.length), limit);
  return { ...page, next: page.next === null ? moved : here + page.next };
}

async function unmovedSince(
  em: Em,
  { tenantId, sourceId }: OfSource,
  wish: Wish & { at: string },
  after: string,
  limit: number,
): Promise<States> {
  const { at, prefix = "", assetId } = wish;
  const where = condition.all([...ofSource(tenantId, sourceId), condition("path > ?", after), ...below("path", prefix), ...only(assetId)]);
  const then = versionAt(at);
  const found = await rows<Row>(
    em,
    `select a.id, a.path as place, ${stateColumns},
            v.change <> 'gone' and a.removed_at is null and not exists (
              select 1 from sync.asset_versions m where m.asset_id = a.id and m.change = 'moved' and m.created_at > ?::timestamptz) as shown
     from (select * from sync.assets where ${where.sql} order by path limit ${limit}) a
     left join lateral (${then.sql}) v on true order by a.path`,
    [at, ...where.values, ...then.values],
  );
  return statesOf(found, limit);
}

async function movedSince(
  em: Em,
  { tenantId, sourceId }: OfSource,
  wish: Wish & { at: string },
  after: string,
  limit: number,
): Promise<States> {
  const { at, prefix = "", assetId } = wish;
  const [time, id] = after.split(" ");
  if (after && !(/^[\d:.T+-]+Z?$/.test(time!) && /^[0-9a-f-]{36}$/.test(id ?? ""))) throw badPlace();
  const where = condition.all([
    condition("tenant_id = ? and change = 'moved' and created_at > ?::timestamptz", tenantId, at),
    ...(after ? [condition("(created_at, asset_id) > (?::timestamptz, ?::uuid)", time, id)] : []),
    ...(assetId === undefined ? [] : [condition("asset_id = ?", assetId)]),
  ]);
  const then = versionAt(at);
  const found = await rows<Row>(
    em,
    `select a.id, to_char(m.created_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') || ' ' || m.asset_id as place, ${stateColumns},
            a.source_id = ? and v.change <> 'gone' and a.removed_at is null and starts_with(v.path, ?) and not exists (
              select 1 from sync.asset_versions e where e.asset_id = m.asset_id and e.change = 'moved'
                and e.created_at > ?::timestamptz and e.version < m.version) as shown
     from (select * from sync.asset_versions where ${where.sql} order by created_at, asset_id limit ${limit}) m
     join sync.assets a on a.id = m.asset_id left join lateral (${then.sql}) v on true order by m.created_at, m.asset_id`,
    [sourceId, prefix, at, ...where.values, ...then.values],
  );
  const page = statesOf(found, limit);
  return { ...page, next: page.next && moved + page.next };
}

const badPlace = () => errors.badCursor("This is not the end of another page of the same list.");
const ofSource = (tenantId: string, sourceId: string | null) => [
  condition("tenant_id = ?", tenantId),
  condition("source_id = ?", sourceId),
];
const only = (assetId: string | undefined) => (assetId === undefined ? [] : [condition("id = ?", assetId)]);

function statesOf(found: Row[], limit: number): States {
  const states = found
    .filter(({ shown }) => shown)
    .map(({ id, version, path, size, modified, content }) => ({ id, version, path, size, modified, content }));
  return { states, next: found.length < limit ? null : found.at(-1)!.place };
}
