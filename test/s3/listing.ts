import type { Stored, StoredBucket } from "./objects.ts";

export const xml = (text: string): string => text.replace(/[<>&"]/g, (sign) => `&#${sign.charCodeAt(0)};`);
const byBytes = (a: string, b: string) => Buffer.compare(Buffer.from(a), Buffer.from(b));
const keyText = (query: URLSearchParams) => (key: string) =>
  query.get("encoding-type") === "url" ? encodeURIComponent(key).replaceAll("%2F", "/").replaceAll("%20", "+") : xml(key);

const described = ({ bytes, etag, modified, storageClass = "STANDARD" }: Stored): string =>
  `<LastModified>${modified.toISOString()}</LastModified><ETag>${xml(etag)}</ETag><Size>${bytes.length}</Size><StorageClass>${storageClass}</StorageClass>`;

/** ListObjectsV2. */
export function listObjects({ objects }: StoredBucket, query: URLSearchParams, pageSize: number): string {
  const prefix = query.get("prefix") ?? "";
  const token = Buffer.from(query.get("continuation-token") ?? "", "base64url").toString();
  const after = token || (query.get("start-after") ?? "");
  const limit = Math.min(pageSize, Number(query.get("max-keys") ?? 1000));
  const text = keyText(query);
  const keys = [...objects.keys()].filter((key) => key.startsWith(prefix) && (!after || byBytes(key, after) > 0)).sort(byBytes);
  const page = keys.slice(0, limit).map((key) => `<Contents><Key>${text(key)}</Key>${described(objects.get(key)!)}</Contents>`);
  const more = keys.length > limit;
  const next = more ? `<NextContinuationToken>${Buffer.from(keys[limit - 1]!).toString("base64url")}</NextContinuationToken>` : "";
  return `<ListBucketResult><IsTruncated>${more}</IsTruncated>${next}${page.join("")}</ListBucketResult>`;
}

/** ListObjectVersions: a bucket without versions lists its objects with the version "null". */
export function listVersions({ objects, versions, versioned }: StoredBucket, query: URLSearchParams, pageSize: number): string {
  const prefix = query.get("prefix") ?? "";
  const keyMarker = query.get("key-marker") ?? "";
  const idMarker = query.get("version-id-marker");
  const limit = Math.min(pageSize, Number(query.get("max-keys") ?? 1000));
  const text = keyText(query);
  const all = versioned ? versions : new Map([...objects].map(([key, stored]) => [key, [stored]]));
  const rows = [...all.keys()]
    .filter((key) => key.startsWith(prefix))
    .sort(byBytes)
    .flatMap((key) => all.get(key)!.map((stored, i) => ({ key, stored, id: stored.versionId ?? "null", latest: i === 0 })));
  const from = idMarker
    ? rows.findIndex(({ key, id }) => key === keyMarker && id === idMarker) + 1
    : rows.findIndex(({ key }) => !keyMarker || byBytes(key, keyMarker) > 0);
  const page = from < 0 ? [] : rows.slice(from, from + limit);
  const more = from >= 0 && rows.length > from + limit;
  const last = page.at(-1);
  const next = more && last ? `<NextKeyMarker>${text(last.key)}</NextKeyMarker><NextVersionIdMarker>${last.id}</NextVersionIdMarker>` : "";
  const body = page.map(({ key, stored, id, latest }) => {
    const head = `<Key>${text(key)}</Key><VersionId>${id}</VersionId><IsLatest>${latest}</IsLatest>`;
    if (stored.marker) return `<DeleteMarker>${head}<LastModified>${stored.modified.toISOString()}</LastModified></DeleteMarker>`;
    return `<Version>${head}${described(stored)}</Version>`;
  });
  return `<ListVersionsResult><IsTruncated>${more}</IsTruncated>${next}${body.join("")}</ListVersionsResult>`;
}
