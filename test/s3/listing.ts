import { byBytes, type Stored, type StoredBucket, type StoredUpload } from "./objects.ts";

export const xml = (text: string): string => text.replace(/[<>&"]/g, (sign) => `&#${sign.charCodeAt(0)};`);
const keyText = (query: URLSearchParams) => (key: string) =>
  query.get("encoding-type") === "url" ? encodeURIComponent(key).replaceAll("%2F", "/").replaceAll("%20", "+") : xml(key);

const described = ({ bytes, etag, modified, storageClass = "STANDARD" }: Stored): string =>
  `<LastModified>${modified.toISOString()}</LastModified><ETag>${xml(etag)}</ETag><Size>${bytes.length}</Size><StorageClass>${storageClass}</StorageClass>`;

/** ListObjectsV2. With a delimiter, keys that have it after the prefix show as what they begin with, once. */
export function listObjects({ objects }: StoredBucket, query: URLSearchParams, pageSize: number): string {
  const prefix = query.get("prefix") ?? "";
  const delimiter = query.get("delimiter") ?? "";
  const token = Buffer.from(query.get("continuation-token") ?? "", "base64url").toString();
  const after = token || (query.get("start-after") ?? "");
  const limit = Math.min(pageSize, Number(query.get("max-keys") ?? 1000));
  const text = keyText(query);
  const rows: string[] = [];
  let last = after;
  let more = false;
  for (const key of objects.from(after && byBytes(after, prefix) > 0 ? after : prefix)) {
    if (!key.startsWith(prefix)) break;
    if (key === after) continue;
    const cut = delimiter ? key.indexOf(delimiter, prefix.length) : -1;
    const group = cut < 0 ? undefined : key.slice(0, cut + delimiter.length);
    if (group !== undefined && group === last) continue;
    more = rows.length === limit;
    if (more) break;
    last = group ?? key;
    rows.push(
      group === undefined
        ? `<Contents><Key>${text(key)}</Key>${described(objects.get(key)!)}</Contents>`
        : `<CommonPrefixes><Prefix>${text(group)}</Prefix></CommonPrefixes>`,
    );
  }
  const next = more ? `<NextContinuationToken>${Buffer.from(last).toString("base64url")}</NextContinuationToken>` : "";
  return `<ListBucketResult><IsTruncated>${more}</IsTruncated>${next}${rows.join("")}</ListBucketResult>`;
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

/** ListMultipartUploads. */
export function listUploads(uploads: Map<string, StoredUpload>, query: URLSearchParams, pageSize: number): string {
  const prefix = query.get("prefix") ?? "";
  const [keyMarker, idMarker] = [query.get("key-marker"), query.get("upload-id-marker")];
  const text = keyText(query);
  const rows = [...uploads].filter(([, { key }]) => key.startsWith(prefix)).sort(([, a], [, b]) => byBytes(a.key, b.key));
  const from = rows.findIndex(([id, { key }]) => key === keyMarker && id === idMarker) + 1;
  const page = rows.slice(from, from + pageSize);
  const last = page.at(-1);
  const more = rows.length > from + pageSize && last;
  const next = more ? `<NextKeyMarker>${text(last[1].key)}</NextKeyMarker><NextUploadIdMarker>${last[0]}</NextUploadIdMarker>` : "";
  const body = page.map(
    ([id, { key, begun, initiator }]) =>
      `<Upload><Key>${text(key)}</Key><UploadId>${id}</UploadId><Initiator><ID>${initiator}</ID></Initiator><Initiated>${begun.toISOString()}</Initiated></Upload>`,
  );
  return `<ListMultipartUploadsResult><IsTruncated>${Boolean(more)}</IsTruncated>${next}${body.join("")}</ListMultipartUploadsResult>`;
}

/** ListParts. */
export function listParts({ parts, touched }: StoredUpload): string {
  const rows = [...parts].map(
    ([number, { length }]) =>
      `<Part><PartNumber>${number}</PartNumber><LastModified>${touched.toISOString()}</LastModified><Size>${length}</Size></Part>`,
  );
  return `<ListPartsResult><IsTruncated>false</IsTruncated>${rows.join("")}</ListPartsResult>`;
}
