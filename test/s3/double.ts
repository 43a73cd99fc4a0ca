import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createSecureServer } from "node:https";
import type { AddressInfo } from "node:net";
import { listObjects, listParts, listUploads, listVersions, xml } from "./listing.ts";
import {
  deleteObject,
  etagOf,
  etagOfParts,
  findObject,
  Objects,
  putObject,
  type BucketTraits,
  type Stored,
  type StoredBucket,
  type StoredUpload,
} from "./objects.ts";
import { regionOf, signatureFault, timeOf } from "./signature.ts";

/**
 * A double of S3 for tests: path and virtual-hosted style, signatures checked, objects in memory. What it answers follows the Amazon S3
 * API Reference for the requests that our adapters send, and it can be told to fail.
 */
export interface S3Double {
  endpoint: string;
  accessKeyId: string;
  secretAccessKey: string;
  /** Bucket → key → object. */
  buckets: Map<string, Map<string, Stored>>;
  /** Unfinished multipart uploads. */
  uploads: Map<string, StoredUpload>;
  faults: Faults;
  /** "GET /bucket/key" of every request, in order. */
  requests: string[];
  /** Connections that were ever made. */
  connections: number;
  put(bucket: string, key: string, bytes: Buffer | string, more?: Date | Partial<Stored>): void;
  delete(bucket: string, key: string, modified?: Date): void;
  close(): Promise<void>;
}

export interface Faults {
  /** So many of the next requests are answered 503 SlowDown. */
  slowDown: number;
  /** So many of the next object bodies break off half-way. */
  truncate: number;
  /** So many of the next object bodies stop half-way and say nothing more. */
  stall: number;
  /** So many of the next object bodies have a bit turned. */
  corrupt: number;
  /** Ranges are not understood: the whole object is answered. */
  rangeless: boolean;
  /** Every request is answered 400 ExpiredToken; a number: once so many more have been answered. */
  expired: boolean | number;
  /** Every request is answered 403 AccessDenied. */
  denied: boolean;
  /** Writes are answered 507. */
  full: boolean;
  /** The end of an upload in parts is answered with an empty ETag, as Ceph 16 does. */
  etagless: boolean;
  /** Milliseconds that the server's clock is ahead; who is more than 15 minutes off is refused. */
  clock: number;
}

export interface S3DoubleOptions {
  /** Names, or what is special about them. */
  buckets: readonly string[] | Record<string, BucketTraits>;
  /** Most keys on a listing's page. */
  pageSize?: number;
  /** Answers http://BUCKET.domain too. */
  domains?: string[];
  /** Files of the certificate and its key: https then. */
  tls?: { cert: string; key: string };
}

interface Call {
  request: IncomingMessage;
  response: ServerResponse;
  query: URLSearchParams;
  body: Buffer;
  bucket: StoredBucket;
  key: string;
}

const statuses: Record<string, number> = {
  NoSuchBucket: 404,
  NoSuchKey: 404,
  NoSuchUpload: 404,
  AccessDenied: 403,
  InvalidAccessKeyId: 403,
  SignatureDoesNotMatch: 403,
  InvalidObjectState: 403,
  RequestTimeTooSkewed: 403,
  ExpiredToken: 400,
  KeyTooLongError: 400,
  XAmzContentSHA256Mismatch: 400,
  InvalidPart: 400,
  MethodNotAllowed: 405,
  PermanentRedirect: 301,
  PreconditionFailed: 412,
  InvalidRange: 416,
  SlowDown: 503,
  QuotaExceeded: 507,
  NotImplemented: 501,
};

class Refusal extends Error {}

const none: Faults = {
  slowDown: 0,
  truncate: 0,
  stall: 0,
  corrupt: 0,
  rangeless: false,
  expired: false,
  denied: false,
  full: false,
  etagless: false,
  clock: 0,
};

export async function startS3({ buckets, pageSize = 1000, domains = [], tls }: S3DoubleOptions): Promise<S3Double> {
  const faults = { ...none };
  const accessKeyId = "AKIADOUBLE";
  const secretAccessKey = randomUUID();
  const traits = Array.isArray(buckets)
    ? Object.fromEntries(buckets.map((name: string) => [name, {}]))
    : (buckets as Record<string, BucketTraits>);
  const all = new Map(
    Object.entries(traits).map(([name, each]): [string, StoredBucket] => [name, { ...each, objects: new Objects(), versions: new Map() }]),
  );
  const uploads: S3Double["uploads"] = new Map();
  const requests: string[] = [];

  const hear = (request: IncomingMessage, response: ServerResponse) => {
    void answer(request, response).catch((error: unknown) => {
      const code = error instanceof Refusal ? error.message : "InternalError";
      const text = `<?xml version="1.0"?><Error><Code>${code}</Code><Message>The double says ${code}.</Message><StorageClass>GLACIER</StorageClass></Error>`;
      response.writeHead(statuses[code] ?? 500, { "content-type": "application/xml" }).end(request.method === "HEAD" ? undefined : text);
    });
  };
  const server = tls ? createSecureServer({ cert: readFileSync(tls.cert), key: readFileSync(tls.key) }, hear) : createServer(hear);

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const host = (request.headers.host ?? "").replace(/:\d+$/, "");
    const url = new URL(request.url!, "http://double");
    const chunks: Buffer[] = [];
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    const body = Buffer.concat(chunks);
    const domain = domains.find((name) => host.endsWith(`.${name}`));
    const virtual = domain === undefined ? [] : [host.slice(0, -domain.length - 1)];
    const [name = "", ...rest] = [...virtual, ...url.pathname.slice(1).split("/")];
    const key = rest.map(decodeURIComponent).join("/");
    requests.push(`${request.method} /${name}/${key}`);

    if (faults.slowDown > 0 && faults.slowDown--) throw new Refusal("SlowDown");
    if (faults.expired === true || faults.expired === 0) throw new Refusal("ExpiredToken");
    if (faults.expired) faults.expired--;
    if (faults.denied) throw new Refusal("AccessDenied");
    const bucket = all.get(name);
    const region = regionOf(request);
    if (bucket?.region && region && region !== bucket.region) {
      response.setHeader("x-amz-bucket-region", bucket.region);
      throw new Refusal("PermanentRedirect");
    }
    const unsigned = bucket?.open && request.method === "GET" && !request.headers.authorization;
    const fault = unsigned ? null : signatureFault(request, url, body, accessKeyId, secretAccessKey);
    if (fault) throw new Refusal(fault);
    const there = new Date(Date.now() + faults.clock);
    response.setHeader("date", there.toUTCString());
    if (!unsigned && Math.abs(there.getTime() - timeOf(request)) > 900_000) throw new Refusal("RequestTimeTooSkewed");
    if (!bucket) throw new Refusal("NoSuchBucket");
    if (bucket.requesterPays && request.headers["x-amz-request-payer"] !== "requester") throw new Refusal("AccessDenied");
    if (faults.full && request.method !== "GET" && request.method !== "DELETE") throw new Refusal("QuotaExceeded");
    if (Buffer.byteLength(key) > 1024) throw new Refusal("KeyTooLongError");

    const call: Call = { request, response, query: url.searchParams, body, bucket, key };
    const sub = ["uploads", "uploadId", "versions"].find((name) => call.query.has(name));
    const handler = handlers[`${request.method} ${key ? "object" : "bucket"}${sub ? ` ${sub}` : ""}`];
    if (!handler) throw new Refusal("NotImplemented");
    handler(call);
  }

  const reply = (call: Call, text: string) =>
    call.response.writeHead(200, { "content-type": "application/xml" }).end(`<?xml version="1.0"?>${text}`);
  const store = ({ request, bucket, key }: Call, bytes: Buffer, more: Partial<Stored>) => {
    if (request.headers["if-none-match"] === "*" && bucket.objects.has(key)) throw new Refusal("PreconditionFailed");
    return putObject(bucket, key, bytes, more);
  };
  const uploadOf = (call: Call) => {
    const upload = uploads.get(call.query.get("uploadId")!);
    if (!upload) throw new Refusal("NoSuchUpload");
    return upload;
  };

  const handlers: Record<string, (call: Call) => void> = {
    "GET bucket": (call) => reply(call, listObjects(call.bucket, call.query, pageSize)),

    "GET bucket versions": (call) => reply(call, listVersions(call.bucket, call.query, pageSize)),

    "GET bucket uploads": (call) => reply(call, listUploads(uploads, call.query, pageSize)),

    "GET object uploadId": (call) => reply(call, listParts(uploadOf(call))),

    "GET object": (call) => {
      const { request, response } = call;
      const object = findObject(call.bucket, call.key, call.query.get("versionId"));
      if (!object) throw new Refusal("NoSuchKey");
      if (object.marker) throw new Refusal("MethodNotAllowed");
      if (request.method === "GET" && /^(GLACIER|DEEP_ARCHIVE)$/.test(object.storageClass ?? "")) throw new Refusal("InvalidObjectState");
      const wanted = request.headers["if-match"];
      if (wanted && wanted !== object.etag) throw new Refusal("PreconditionFailed");
      const range = faults.rangeless ? null : rangeOf(request, object.bytes.length);
      const [start, end] = range ?? [0, object.bytes.length];
      const shown = Object.entries(object.headers ?? {}).filter(
        ([name]) => !name.startsWith("x-amz-checksum-") || (!range && request.headers["x-amz-checksum-mode"] === "ENABLED"),
      );
      response.writeHead(range ? 206 : 200, {
        etag: object.etag,
        "last-modified": object.modified.toUTCString(),
        "content-length": end - start,
        ...(object.versionId && { "x-amz-version-id": object.versionId }),
        ...(range && { "content-range": `bytes ${start}-${end - 1}/${object.bytes.length}` }),
        ...Object.fromEntries(shown),
      });
      const half = object.bytes.subarray(start, start + Math.floor((end - start) / 2));
      if (request.method === "HEAD") response.end();
      else if (faults.stall > 0 && faults.stall--) response.write(half);
      else if (faults.truncate > 0 && faults.truncate--) response.write(half, () => response.destroy());
      else if (faults.corrupt > 0 && faults.corrupt--) response.end(turned(object.bytes.subarray(start, end)));
      else response.end(object.bytes.subarray(start, end));
    },

    "PUT object": (call) => {
      call.response.writeHead(200, { etag: store(call, call.body, { headers: metadata(call.request) }).etag }).end();
    },

    "DELETE object": (call) => {
      deleteObject(call.bucket, call.key);
      call.response.writeHead(204).end();
    },

    "POST object uploads": (call) => {
      const id = randomUUID();
      uploads.set(id, {
        key: call.key,
        headers: metadata(call.request),
        parts: new Map(),
        begun: new Date(),
        touched: new Date(),
        initiator: accessKeyId,
      });
      reply(call, `<InitiateMultipartUploadResult><UploadId>${id}</UploadId></InitiateMultipartUploadResult>`);
    },

    "PUT object uploadId": (call) => {
      const upload = uploadOf(call);
      upload.touched = new Date();
      upload.parts.set(Number(call.query.get("partNumber")), call.body);
      call.response.writeHead(200, { etag: etagOf(call.body) }).end();
    },

    "POST object uploadId": (call) => {
      const { parts, headers } = uploadOf(call);
      const named = [...call.body.toString().matchAll(/<PartNumber>(\d+)<\/PartNumber>/g)].map(([, number]) => parts.get(Number(number)));
      // Every part but the last must have 5 MiB.
      if (named.some((part, i) => !part || (i < named.length - 1 && part.length < 5 * 2 ** 20))) throw new Refusal("InvalidPart");
      uploads.delete(call.query.get("uploadId")!);
      const { etag } = store(call, Buffer.concat(named as Buffer[]), { headers, etag: etagOfParts(named as Buffer[]) });
      reply(call, `<CompleteMultipartUploadResult><ETag>${faults.etagless ? "" : xml(etag)}</ETag></CompleteMultipartUploadResult>`);
    },

    "DELETE object uploadId": (call) => {
      uploadOf(call);
      uploads.delete(call.query.get("uploadId")!);
      call.response.writeHead(204).end();
    },
  };
  handlers["HEAD object"] = handlers["GET object"]!;

  const double: S3Double = {
    endpoint: "",
    accessKeyId,
    secretAccessKey,
    buckets: new Map([...all].map(([name, { objects }]) => [name, objects])),
    uploads,
    faults,
    requests,
    connections: 0,
    put(bucket, key, bytes, more = {}) {
      putObject(all.get(bucket)!, key, Buffer.from(bytes), more instanceof Date ? { modified: more } : more);
    },
    delete(bucket, key, modified) {
      deleteObject(all.get(bucket)!, key, modified);
    },
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  server.on("connection", () => double.connections++);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  double.endpoint = `http${tls ? "s" : ""}://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return double;
}

/** Faults that are none: Object.assign(s3.faults, noFaults) between tests. */
export const noFaults: Readonly<Faults> = none;

/** Start and end of a range; null for the whole. */
function rangeOf({ headers }: IncomingMessage, size: number): [number, number] | null {
  const range = /^bytes=(\d+)-(\d*)$/.exec(headers.range ?? "");
  if (!range) return null;
  const start = Number(range[1]);
  if (start >= size) throw new Refusal("InvalidRange");
  return [start, Math.min(size, range[2] ? Number(range[2]) + 1 : Infinity)];
}

const metadata = ({ headers }: IncomingMessage): Record<string, string> =>
  Object.fromEntries(Object.entries(headers).flatMap(([name, value]) => (name.startsWith("x-amz-meta-") ? [[name, String(value)]] : [])));

function turned(bytes: Buffer): Buffer {
  const copy = Buffer.from(bytes);
  copy[copy.length >> 1]! ^= 1;
  return copy;
}
