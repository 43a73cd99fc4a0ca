import type { GetObjectCommandOutput } from "@aws-sdk/client-s3";
import type { Readable } from "node:stream";
import { errors, failureType, messageOf } from "../../../config/errors.ts";
import { bucketFault, bucketSays, openBucket, type Bucket } from "../../../mixins/vault/bucket.ts";
import Type, { type Static } from "typebox";
import { comparePaths } from "./order.ts";
import { lookupOf, networkPlace } from "./reach.ts";
import { pathProblem, type Entry, type Opened, type ParseOptions, type Source, type SourceKind, type Spec } from "./source.ts";

export interface S3Spec extends Spec {
  kind: "s3";
  bucket: string;
  /** Empty, or ends in '/'. */
  prefix: string;
  region: string;
  /** Origin of an S3-compatible server; AWS when unset. */
  endpoint?: string;
  /** Requests are not signed when unset: never with the node's own identity, which may see more than the tenant. */
  credentials?: { accessKeyId: string; secretAccessKey: string; sessionToken?: string };
}

const access = Type.Object(
  {
    endpoint: Type.Optional(Type.String({ maxLength: 2048, description: "Origin of an S3-compatible server; AWS when left out." })),
    region: Type.Optional(Type.String({ maxLength: 64, description: "Region of the bucket." })),
    accessKeyId: Type.Optional(Type.String({ maxLength: 256, description: "Access key; requests are not signed without one." })),
    secretAccessKey: Type.Optional(Type.String({ maxLength: 1024, description: "Secret of the access key; kept sealed, never shown." })),
    sessionToken: Type.Optional(Type.String({ maxLength: 4096, description: "Session token of temporary credentials." })),
  },
  { additionalProperties: false },
);

/** A bucket of S3 or of a server that speaks its protocol, or a prefix in one. */
export default {
  kind: "s3",
  schemes: ["s3"],
  example: "s3://bucket/prefix",
  access,
  parse,
  guarantee: "validator",
  open: s3Source,
  contentTag: tagOf,
  moveTag: tagOf,
} satisfies SourceKind<S3Spec, typeof access>;

/** Size and ETag; the time between them changes when an object is copied over itself. */
function tagOf(fingerprint: string): string | null {
  const [size, , etag] = fingerprint.split(".");
  return etag ? `${size}.${etag}` : null;
}

function parse(uri: URL, given: Static<typeof access>, options: ParseOptions): S3Spec {
  const { endpoint, region = "us-east-1", accessKeyId, secretAccessKey, sessionToken } = given;
  const bucket = uri.hostname;
  if (!/^[a-zA-Z0-9][a-zA-Z0-9._-]{1,61}[a-zA-Z0-9]$/.test(bucket)) {
    throw invalid(`must name a bucket, s3://bucket/prefix; the bucket is ${JSON.stringify(bucket)}`);
  }
  let folder: string;
  try {
    folder = decodeURIComponent(uri.pathname).replace(/^\/+|\/+$/g, "");
  } catch {
    throw invalid("has a % that starts no escape; write % as %25");
  }
  if (!accessKeyId !== !secretAccessKey) {
    throw invalid("must be given together with the other half of the key", accessKeyId ? "/s3/secretAccessKey" : "/s3/accessKeyId");
  }
  const prefix = folder && `${folder}/`;
  const origin = endpoint === undefined ? undefined : originOf(endpoint);
  // An endpoint is part of what a source is: the same bucket name elsewhere is another bucket.
  const elsewhere = origin ? `?endpoint=${origin.origin}` : "";
  return {
    kind: "s3",
    uri: `s3://${bucket}/${prefix.split("/").map(encodeURIComponent).join("/")}${elsewhere}`,
    ...(origin
      ? { endpoint: origin.origin, ...networkPlace(origin, origin.protocol === "http:" ? 80 : 443, options) }
      : { host: `s3.${region}.amazonaws.com:443`, ...(options.proxy && { proxy: options.proxy }) }),
    bucket,
    prefix,
    region,
    ...(accessKeyId && secretAccessKey && { credentials: { accessKeyId, secretAccessKey, ...(sessionToken && { sessionToken }) } }),
  };
}

const invalid = (detail: string, pointer = "/input") => errors.invalid([{ pointer, detail }]);

function originOf(endpoint: string): URL {
  const url = URL.canParse(endpoint) ? new URL(endpoint) : undefined;
  if (!url || !/^https?:$/.test(url.protocol) || url.pathname !== "/" || url.search || url.username) {
    throw invalid(`must be an origin such as https://s3.example.com; it is ${JSON.stringify(endpoint)}`, "/s3/endpoint");
  }
  return url;
}

/** Times a broken download goes on from where it broke. */
const RESUMES = 3;

/** Source in a bucket of S3 or of a server that speaks its protocol. */
function s3Source(spec: S3Spec): Source {
  let opening: Promise<Bucket> | undefined;
  const { region, endpoint, silence } = spec;
  const lookup = lookupOf(spec);
  const bucket = () => (opening ??= openBucket({ region, endpoint, credentials: spec.credentials ?? "anonymous", silence, lookup }));
  const listPage = async (token: string | undefined, limit: number, signal: AbortSignal | undefined, after = "") => {
    try {
      const { sdk, client } = await bucket();
      // Keys may hold characters that XML can't: they come percent-encoded.
      const request = { Bucket: spec.bucket, Prefix: spec.prefix, ContinuationToken: token, MaxKeys: limit, EncodingType: "url" } as const;
      const start = after && !token ? { StartAfter: spec.prefix + after } : {};
      return await client.send(new sdk.ListObjectsV2Command({ ...request, ...start }), { abortSignal: signal });
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

    async *list(signal, after = "") {
      let token: string | undefined;
      let before = after;
      do {
        const page = await listPage(token, 1000, signal, after);
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

    async open(path, signal, begin = 0) {
      const key = spec.prefix + path;
      const get = async (from: number, etag?: string) => {
        try {
          const { sdk, client } = await bucket();
          const part = from ? { Range: `bytes=${from}-`, ...(etag && { IfMatch: etag }) } : {};
          return await client.send(new sdk.GetObjectCommand({ Bucket: spec.bucket, Key: key, ...part }), { abortSignal: signal });
        } catch (error) {
          signal?.throwIfAborted();
          throw bucketError(error, spec, path);
        }
      };
      return opened(path, get, await get(begin), begin, signal);
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

function opened(path: string, get: Get, answer: GetObjectCommandOutput, begin: number, signal: AbortSignal | undefined): Opened {
  const size = begin + (answer.ContentLength ?? 0);
  let body = answer.Body as Readable;
  let iterator = body.iterator({ destroyOnReturn: true }) as AsyncIterator<Buffer>;
  let rest: Buffer = Buffer.alloc(0);
  let received = begin;
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
