import type { Dispatcher } from "undici";
import { errors } from "../../../../config/errors.ts";
import { nameOf } from "../source.ts";
import { etagOf, httpTime, ownCloudDigest, strongest, type Facts } from "./facts.ts";

export interface Answer {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  body: Dispatcher.ResponseData["body"];
  /** Where it came from, after all redirects. */
  url: URL;
  /** Where to ask next time: after the redirects that are for good. */
  firm: URL;
}

export function header({ headers }: Pick<Answer, "headers">, name: string): string | undefined {
  const value = headers[name];
  return Array.isArray(value) ? value.join(", ") : value;
}

/** Lets go of a body that is of no use; the connection is kept when little of it is left. */
export function drop({ body }: Answer): void {
  body.dump({ limit: 16_384 }).catch(() => {});
}

/** Bytes of the whole file, as the answer to a GET, to a HEAD or to a range says; null when it does not. */
export function sizeOf(answer: Answer): number | null {
  const text =
    answer.status === 206 ? /^bytes [\d-]+\/(\d+)$/.exec(header(answer, "content-range") ?? "")?.[1] : header(answer, "content-length");
  return text && /^\d{1,15}$/.test(text) ? Number(text) : null;
}

/** All but the size. */
export function validatorsOf(answer: Answer): Omit<Facts, "size"> {
  return { modifiedAt: httpTime(header(answer, "last-modified")), etag: etagOf(header(answer, "etag")), digest: digestOf(answer) };
}

/** RFC 9530, RFC 3230, and what Artifactory, Nexus and ownCloud say. All are of the whole file, also in the answer to a range. */
function digestOf(answer: Answer): string {
  const found: [string, Buffer][] = [];
  for (const [, name, base64] of (header(answer, "repr-digest") ?? "").matchAll(/([\w-]+)=:([\w+/=]+):/g)) {
    found.push([name!, Buffer.from(base64!, "base64")]);
  }
  for (const [, name, base64] of (header(answer, "digest") ?? "").matchAll(/([\w-]+)=([\w+/]+=*)/g)) {
    found.push([name!, Buffer.from(base64!, "base64")]);
  }
  found.push(["sha256", Buffer.from(header(answer, "x-checksum-sha256") ?? "", "hex")]);
  return strongest(found) || ownCloudDigest(header(answer, "oc-checksum") ?? "");
}

/**
 * Servers may name the compression that a file is stored in (photos.tar.gz as gzip): then the bytes are the file. Any other encoding was
 * put around it for the way, although none was asked for.
 * @throws SOURCE_ITEM_UNSUPPORTED
 */
export function refuseEncoded(answer: Answer, path: string): void {
  const encoding = (header(answer, "content-encoding") ?? "identity").toLowerCase().trim().replace(/^x-/, "");
  if (encoding === "identity") return;
  if (stored[encoding]?.test(nameOf(path))) return;
  throw errors.sourceUnsupported(`${path}: the server sends it encoded (${encoding}) although it was asked for the file as it is.`);
}

const stored: Record<string, RegExp> = {
  gzip: /\.(gz|tgz|svgz|emz|dz)$/i,
  compress: /\.(z|taz)$/i,
  bzip2: /\.(bz2|tbz2?)$/i,
  br: /\.br$/i,
  zstd: /\.(zst|tzst)$/i,
};

/** A body of limited length. @throws SOURCE_ITEM_UNSUPPORTED when it is longer than `most` bytes */
export async function* limited(answer: Answer, path: string, most: number): AsyncGenerator<Buffer> {
  let read = 0;
  for await (const chunk of answer.body as AsyncIterable<Buffer>) {
    read += chunk.length;
    if (read > most) throw errors.sourceUnsupported(`${path}: the list of its files is longer than ${most / 2 ** 20} MiB.`);
    yield chunk;
  }
}

/** A body of limited length, whole. @throws as `limited` */
export async function wholeOf(answer: Answer, path: string, most: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of limited(answer, path, most)) chunks.push(chunk);
  return Buffer.concat(chunks);
}
