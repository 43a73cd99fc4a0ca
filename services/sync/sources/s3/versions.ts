import { comparePaths } from "../order.ts";
import type { Connection } from "./connection.ts";
import { keyOf, onward, type Listed } from "./listed.ts";
import type { S3Spec } from "./place.ts";

/** The version of an object that was the newest at a moment. */
export interface Version extends Listed {
  versionId: string;
}

interface Candidate extends Version {
  latest: boolean;
  /** It stands for a deletion. */
  marker: boolean;
}

/**
 * Objects as they were at a moment: per key the newest version of then, none where that is a deletion. Memory holds a page.
 * @param start only keys after this one
 * @param prefix only keys that begin so
 */
export async function* versionsAt(
  connection: Connection,
  spec: S3Spec,
  moment: number,
  signal?: AbortSignal,
  start = "",
  prefix = spec.prefix,
): AsyncGenerator<Version[]> {
  // A key's versions may go on over the end of a page.
  let open: { key: string; best?: Candidate } | undefined;
  let place: { KeyMarker?: string; VersionIdMarker?: string } = start ? { KeyMarker: start } : {};
  for (;;) {
    const request = { ...connection.target, Prefix: prefix, MaxKeys: 1000, EncodingType: "url", ...place } as const;
    const page = await connection.ask(spec.uri, signal, ({ sdk, client }) =>
      client.send(new sdk.ListObjectVersionsCommand(request), { abortSignal: signal }),
    );
    const done: Version[] = [];
    const finish = () => {
      if (open?.best && !open.best.marker) done.push(open.best);
    };
    for (const each of merged(page)) {
      if (start && comparePaths(each.key, start) <= 0) continue;
      if (open?.key !== each.key) {
        finish();
        open = { key: each.key };
      }
      if ((each.modified?.getTime() ?? 0) <= moment && (!open.best || newer(each, open.best))) open.best = each;
    }
    if (!page.IsTruncated) finish();
    if (done.length) yield done;
    if (!page.IsTruncated) return;
    const next = { KeyMarker: keyOf(page.NextKeyMarker), VersionIdMarker: page.NextVersionIdMarker };
    onward(spec.uri, JSON.stringify(place), JSON.stringify(next));
    place = next;
  }
}

interface Row {
  Key?: string;
  VersionId?: string;
  IsLatest?: boolean;
  LastModified?: Date;
  Size?: number;
  ETag?: string;
}

/** The SDK gives versions and deletions apart; each is in the order of the keys. */
function merged({ Versions = [], DeleteMarkers = [] }: { Versions?: Row[]; DeleteMarkers?: Row[] }): Candidate[] {
  const candidate = (row: Row, marker: boolean): Candidate => ({
    key: keyOf(row.Key),
    versionId: row.VersionId ?? "null",
    size: row.Size ?? 0,
    modified: row.LastModified,
    etag: row.ETag,
    latest: row.IsLatest === true,
    marker,
  });
  const all = [...Versions.map((row) => candidate(row, false)), ...DeleteMarkers.map((row) => candidate(row, true))];
  // The sort is stable: versions of a key stay newest first.
  return DeleteMarkers.length ? all.sort((a, b) => comparePaths(a.key, b.key)) : all;
}

/** Times may have whole seconds: of two equal ones the current wins, else the deletion, which follows what it deletes. */
function newer(a: Candidate, b: Candidate): boolean {
  const [at, bt] = [a.modified?.getTime() ?? 0, b.modified?.getTime() ?? 0];
  if (at !== bt) return at > bt;
  if (a.latest !== b.latest) return a.latest;
  return a.marker && !b.marker;
}

/** The version that an object had at a moment. */
export async function versionAt(
  connection: Connection,
  spec: S3Spec,
  key: string,
  moment: number,
  signal?: AbortSignal,
): Promise<string | undefined> {
  for await (const [first] of versionsAt(connection, spec, moment, signal, "", key)) {
    // Of all that begin with the key, the key itself comes first.
    return first?.key === key ? first.versionId : undefined;
  }
  return undefined;
}
