import type { GetObjectCommandOutput } from "@aws-sdk/client-s3";
import type { Readable } from "node:stream";
import { errors, failureType, messageOf } from "../../../config/errors.ts";
import { bucketFault, bucketSays, openBucket, type Bucket } from "../../../mixins/vault/bucket.ts";
import { publicLookup } from "./reach.ts";
import { comparePaths } from "./order.ts";
import { pathProblem, type Entry, type Opened, type S3Spec, type Source } from "./source.ts";

/** Times a broken download goes on from where it broke. */
const RESUMES = 3;

/** Source in a bucket of S3 or of a server that speaks its protocol. */
export function s3Source(spec: S3Spec): Source {
  let opening: Promise<Bucket> | undefined;
  const { region, endpoint, silence } = spec;
  const lookup = endpoint && !spec.trusted ? publicLookup : undefined;
  const bucket = () => (opening ??= openBucket({ region, endpoint, credentials: spec.credentials ?? "anonymous", silence, lookup }));
  const listPage = async (token: string | undefined, limit: number, signal: AbortSignal | undefined) => {
    try {
      const { sdk, client } = await bucket();
      // Keys may hold characters that XML can't: they come percent-encoded.
      const request = { Bucket: spec.bucket, Prefix: spec.prefix, ContinuationToken: token, MaxKeys: limit, EncodingType: "url" } as const;
      return await client.send(new sdk.ListObjectsV2Command(request), { abortSignal: signal });
    } catch (error) {
      signal?.throwIfAborted();
      throw bucketError(error, spec, spec.uri);
    }
  };

  return {
    parallel: 16,

    async check(signal) {
      await listPage(undefined, 1, signal);
    },

    async *list(signal) {
      let token: string | undefined;
      let before = "";
      do {
        const page = await listPage(token, 1000, signal);
        const entries: Entry[] = [];
        for (const object of page.Contents ?? []) {
          const key = decodeURIComponent((object.Key ?? "").replaceAll("+", " "));
          // Consoles show folders by empty objects whose key ends in '/'.
          if (key.endsWith("/") && !object.Size) continue;
          const entry = entryOf(key.slice(spec.prefix.length), object.Size ?? 0, object.LastModified, object.ETag);
          if (comparePaths(before, entry.path) >= 0) {
            throw errors.sourceUnsupported(`${spec.uri} lists its keys out of order: "${entry.path}" after "${before}".`);
          }
          before = entry.path;
          entries.push(entry);
        }
        if (entries.length) yield entries;
        token = page.NextContinuationToken;
      } while (token);
    },

    async open(path, signal) {
      const key = spec.prefix + path;
      const get = async (from: number, etag?: string) => {
        try {
          const { sdk, client } = await bucket();
          const part = from ? { Range: `bytes=${from}-`, IfMatch: etag } : {};
          return await client.send(new sdk.GetObjectCommand({ Bucket: spec.bucket, Key: key, ...part }), { abortSignal: signal });
        } catch (error) {
          signal?.throwIfAborted();
          throw bucketError(error, spec, path);
        }
      };
      return opened(path, get, await get(0), signal);
    },

    close() {
      opening?.then(({ client }) => client.destroy()).catch(() => {});
    },
  };
}

function entryOf(path: string, size: number, modified: Date | undefined, etag: string | undefined): Entry {
  const problem = pathProblem(path);
  // U+0001 keeps the place in the order that the NUL had.
  if (problem) return { path: path.replaceAll("\0", "\u0001"), size: 0, modifiedAt: null, fingerprint: "", problem };
  return { path, size, modifiedAt: modified?.getTime() ?? null, fingerprint: fingerprintOf(size, modified, etag) };
}

/** Whole seconds: a listing may give milliseconds where the object's own header can't. */
const fingerprintOf = (size: number, modified: Date | undefined, etag: string | undefined): string =>
  [size.toString(36), Math.floor((modified?.getTime() ?? 0) / 1000).toString(36), (etag ?? "").replaceAll('"', "")].join(".");

type Get = (from: number, etag?: string) => Promise<GetObjectCommandOutput>;

function opened(path: string, get: Get, answer: GetObjectCommandOutput, signal: AbortSignal | undefined): Opened {
  const size = answer.ContentLength ?? 0;
  let body = answer.Body as Readable;
  let iterator = body.iterator({ destroyOnReturn: true }) as AsyncIterator<Buffer>;
  let rest: Buffer = Buffer.alloc(0);
  let received = 0;
  let resumes = 0;

  async function next(): Promise<Buffer | undefined> {
    for (;;) {
      try {
        const step = await iterator.next();
        return step.done ? undefined : step.value;
      } catch (error) {
        signal?.throwIfAborted();
        if (resumes++ === RESUMES) {
          throw errors.sourceUnreachable(`${path} broke off at ${received} of ${size} bytes: ${messageOf(error)}.`, undefined, error);
        }
        // With If-Match: the rest has to be of the same object.
        body = (await get(received, answer.ETag)).Body as Readable;
        iterator = body.iterator({ destroyOnReturn: true }) as AsyncIterator<Buffer>;
      }
    }
  }

  return {
    size,
    modifiedAt: answer.LastModified?.getTime() ?? null,
    fingerprint: fingerprintOf(size, answer.LastModified, answer.ETag),
    async read(into) {
      let filled = 0;
      while (filled < into.length) {
        if (!rest.length) {
          const more = await next();
          if (!more) break;
          rest = more;
          received += more.length;
        }
        const part = rest.subarray(0, into.length - filled);
        into.set(part, filled);
        filled += part.length;
        rest = rest.subarray(part.length);
      }
      return filled;
    },
    verify() {
      if (received !== size) throw errors.sourceChanged(`${path} ended after ${received} bytes; ${size} were announced.`);
    },
    close() {
      body.destroy();
    },
  };
}

function bucketError(error: unknown, spec: S3Spec, path: string): Error {
  if (failureType(error) !== "INTERNAL_ERROR") return error as Error;
  const says = bucketSays(error);
  switch (bucketFault(error)) {
    case "missing":
      return errors.sourceMissing(`${path} is not in bucket ${spec.bucket}: ${says}`, undefined, error);
    case "noBucket":
      return errors.sourceMissing(`Bucket ${spec.bucket} does not exist: ${says}`, undefined, error);
    case "denied":
      return errors.sourceDenied(`Bucket ${spec.bucket} refuses ${path}: ${says}`, undefined, error);
    case "changed":
      return errors.sourceChanged(`${path} changed while it was read: ${says}`, undefined, error);
    case "archived":
      return errors.sourceUnsupported(`${path} is archived and has to be restored first: ${says}`, undefined, error);
    case "full":
    case "unreachable":
      return errors.sourceUnreachable(`Bucket ${spec.bucket} can't be reached for ${path}: ${says}`, undefined, error);
  }
}
