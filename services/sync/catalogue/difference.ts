import type { Page } from "../../../config/action.ts";
import { errors } from "../../../config/errors.ts";
import { row, rows, type Em } from "../../../mixins/database.ts";
import { decodeCursor, encodeCursor, isoTime } from "../../../mixins/page.ts";
import { versionAt } from "./moment.ts";

/** An asset at one of the two moments. */
export interface Side {
  version: number;
  path: string;
  size: number;
  modifiedAt: string | null;
}

/** What an asset of a source was at one moment and is at another. */
export interface Difference {
  assetId: string;
  /** `moved` says nothing of the content, which may have changed too; `touched`: another time alone. */
  change: "added" | "changed" | "moved" | "touched" | "gone";
  before: Side | null;
  after: Side | null;
}

/** Assets looked at per statement, and statements per page, before it is given as it is. */
const looked = 1_000;
const statements = 5;

interface State extends Side {
  content: string;
}
interface Row {
  id: string;
  updated: string;
  before: State | null;
  after: State | null;
}

/**
 * A page of what differs between two moments of a source, in order of each asset's latest change. One that changes while pages are read may
 * come twice; a page may hold fewer than its limit, even none, and still have a next one.
 * @param from,to a time (ISO 8601), or the id of a job of the source: the moment at which it ended
 * @throws SOURCE_NOT_FOUND, CURSOR_INVALID, VALIDATION_FAILED
 */
export async function differences(
  em: Em,
  secret: string,
  tenantId: string,
  { id, from, to, limit, cursor: given }: { id: string; from: string; to: string; limit: number; cursor?: string | undefined },
): Promise<Page<Difference>> {
  if (!(await row(em, `select 1 from sync.sources where tenant_id = ? and id = ?`, [tenantId, id])))
    throw errors.sourceNotFound("There is no such source.", { id });
  const scope = ["sync.differences", tenantId, id, from, to];
  const cursor = decodeCursor(secret, scope, given);
  const [begin, end] = [await momentOf(em, id, from, "/from"), await momentOf(em, id, to, "/to")];
  if (Date.parse(end) < Date.parse(begin))
    throw errors.invalid([{ pointer: "/to", detail: `must not be before from: ${end} is before ${begin}` }]);
  let place = cursor?.after as [updated: string, id: string] | undefined;
  const data: Difference[] = [];
  let hasNext = true;
  for (let i = 0; i < statements && hasNext && data.length < limit; i++) {
    const found = await compared(em, tenantId, id, begin, end, place);
    hasNext = found.length === looked;
    for (const each of found) {
      if (data.length === limit) {
        hasNext = true;
        break;
      }
      place = [each.updated, each.id];
      const difference = differenceOf(each);
      if (difference) data.push(difference);
    }
  }
  return {
    data,
    pagination: { cursor: hasNext && place ? encodeCursor(secret, scope, { after: place }) : null, hasNext, hasPrev: cursor !== undefined },
  };
}

async function momentOf(em: Em, sourceId: string, wanted: string, pointer: string): Promise<string> {
  if (wanted.includes(":")) return wanted;
  const job = await row<{ at: string | null }>(
    em,
    `select ${isoTime("completed_at").replace(".MS", ".US")} as at from sync.sync_jobs where id = ? and source_id = ?`,
    [wanted, sourceId],
  );
  if (!job?.at) throw errors.invalid([{ pointer, detail: "must be a time, or a job of this source that has ended" }]);
  return job.at;
}

/** The source's assets that changed after the first moment, as they were at both. */
async function compared(
  em: Em,
  tenantId: string,
  sourceId: string,
  from: string,
  to: string,
  place: [string, string] | undefined,
): Promise<Row[]> {
  const state = `json_build_object('version', v.version, 'path', v.path, 'size', v.size, 'modifiedAt', ${isoTime("v.modified_at")}, 'content', encode(v.content_id, 'hex'))`;
  const at = (moment: string) => {
    const { sql, values } = versionAt(moment);
    return { sql: `(select ${state} from (${sql}) v where v.change <> 'gone')`, values };
  };
  const [before, after] = [at(from), at(to)];
  return await rows<Row>(
    em,
    `select a.id, a.updated_at::text as updated, ${before.sql} as before, ${after.sql} as after
     from (select * from sync.assets a where a.tenant_id = ? and a.source_id = ? and a.updated_at > ?::timestamptz
             ${place ? "and (a.updated_at, a.id) > (?::timestamptz, ?::uuid)" : ""}
           order by a.updated_at, a.id limit ${looked}) a
     where a.removed_at is null or a.removed_at > ?::timestamptz
     order by a.updated_at, a.id`,
    [...before.values, ...after.values, tenantId, sourceId, from, ...(place ?? []), to],
  );
}

function differenceOf({ id, before, after }: Row): Difference | undefined {
  const change =
    !before && !after
      ? undefined
      : !before
        ? "added"
        : !after
          ? "gone"
          : before.path !== after.path
            ? "moved"
            : before.content !== after.content
              ? "changed"
              : before.modifiedAt !== after.modifiedAt
                ? "touched"
                : undefined;
  return change && { assetId: id, change, before: side(before), after: side(after) };
}

const side = (state: State | null): Side | null => {
  if (!state) return null;
  const { content: _content, ...shown } = state;
  return shown;
};
