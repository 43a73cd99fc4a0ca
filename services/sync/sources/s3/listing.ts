import { errors } from "../../../../config/errors.ts";
import { comparePaths } from "../order.ts";
import { pathProblem, type Entry } from "../source.ts";
import type { Connection } from "./connection.ts";
import { fingerprintOf } from "./fingerprint.ts";
import { onward, type Listed } from "./listed.ts";
import { askPage } from "./pages.ts";
import type { S3Spec } from "./place.ts";
import { versionsAt } from "./versions.ts";

/** Pages of entries below the spec's prefix. */
export async function* listEntries(connection: Connection, spec: S3Spec, signal?: AbortSignal, after = ""): AsyncGenerator<Entry[]> {
  const start = after && spec.prefix + after;
  const pages = spec.asOf === undefined ? objects(connection, spec, signal, start) : versionsAt(connection, spec, spec.asOf, signal, start);
  let before = after;
  for await (const page of pages) {
    const entries: Entry[] = [];
    for (const object of page) {
      const path = object.key.slice(spec.prefix.length);
      // Consoles show folders by empty objects whose key ends in '/'; one may stand for the prefix itself.
      if (!path || (path.endsWith("/") && !object.size)) continue;
      const entry = entryOf(path, object);
      if (comparePaths(before, entry.path) >= 0) {
        throw errors.sourceUnsupported(`${spec.uri} lists its keys out of order: "${entry.path}" after "${before}".`);
      }
      before = entry.path;
      entries.push(entry);
    }
    if (entries.length) yield entries;
  }
}

/** @param start only keys after this one */
async function* objects(connection: Connection, spec: S3Spec, signal: AbortSignal | undefined, start: string): AsyncGenerator<Listed[]> {
  let token: string | undefined;
  do {
    const request = { ...connection.target, Prefix: spec.prefix, MaxKeys: 1000, EncodingType: "url" } as const;
    const place = token ? { ContinuationToken: token } : { ...(start && { StartAfter: start }) };
    const { objects, next } = await connection.ask(spec.uri, signal, (bucket) => askPage(bucket, { ...request, ...place }, signal));
    yield objects;
    token = onward(spec.uri, token, next);
  } while (token);
}

function entryOf(path: string, { size, modified, etag }: Listed): Entry {
  const unusable = path.endsWith("/")
    ? { type: "SOURCE_ITEM_UNSUPPORTED", message: "Its key ends in '/', as only names of folders do, but it has content." }
    : pathProblem(path);
  // U+0001 keeps the place in the order that the NUL had.
  if (unusable) return { path: path.replaceAll("\0", "\u0001"), size: 0, modifiedAt: null, fingerprint: "", problem: unusable };
  return { path, size, modifiedAt: modified?.getTime() ?? null, fingerprint: fingerprintOf(size, modified, etag) };
}
