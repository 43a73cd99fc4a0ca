import { createHash, randomUUID } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { signatureFault } from "./signature.ts";

/**
 * A double of S3 for tests: path style, signatures checked, objects in memory. What it answers follows the Amazon S3 API Reference
 * for the requests that our adapters send, and it can be told to fail.
 */
export interface S3Double {
  endpoint: string;
  accessKeyId: string;
  secretAccessKey: string;
  /** Bucket → key → object. */
  buckets: Map<string, Map<string, Stored>>;
  /** Unfinished multipart uploads. */
  uploads: Map<string, { parts: Map<number, Buffer> }>;
  faults: Faults;
  /** "GET /bucket/key" of every request, in order. */
  requests: string[];
  put(bucket: string, key: string, bytes: Buffer | string, modified?: Date): void;
  close(): Promise<void>;
}

export interface Stored {
  bytes: Buffer;
  etag: string;
  modified: Date;
}

export interface Faults {
  /** So many of the next requests are answered 503 SlowDown. */
  slowDown: number;
  /** So many of the next object bodies break off half-way. */
  truncate: number;
  /** So many of the next object bodies stop half-way and say nothing more. */
  stall: number;
  /** Every request is answered 400 ExpiredToken. */
  expired: boolean;
  /** Every request is answered 403 AccessDenied. */
  denied: boolean;
  /** Writes are answered 507. */
  full: boolean;
}

export interface S3DoubleOptions {
  buckets: string[];
  /** Buckets that may be read without a signature. */
  open?: string[];
  /** Most keys on a listing's page. */
  pageSize?: number;
}

interface Call {
  request: IncomingMessage;
  response: ServerResponse;
  query: URLSearchParams;
  body: Buffer;
  bucket: string;
  key: string;
}

const statuses: Record<string, number> = {
  NoSuchBucket: 404,
  NoSuchKey: 404,
  NoSuchUpload: 404,
  AccessDenied: 403,
  InvalidAccessKeyId: 403,
  SignatureDoesNotMatch: 403,
  ExpiredToken: 400,
  XAmzContentSHA256Mismatch: 400,
  InvalidPart: 400,
  PreconditionFailed: 412,
  InvalidRange: 416,
  SlowDown: 503,
  QuotaExceeded: 507,
  NotImplemented: 501,
};

class Refusal extends Error {}

const etagOf = (bytes: Buffer) => `"${createHash("md5").update(bytes).digest("hex")}"`;
const xml = (text: string) => text.replace(/[<>&"]/g, (sign) => `&#${sign.charCodeAt(0)};`);

export async function startS3({ buckets, open = [], pageSize = 1000 }: S3DoubleOptions): Promise<S3Double> {
  const faults: Faults = { slowDown: 0, truncate: 0, stall: 0, expired: false, denied: false, full: false };
  const accessKeyId = "AKIADOUBLE";
  const secretAccessKey = randomUUID();
  const all: S3Double["buckets"] = new Map(buckets.map((name) => [name, new Map<string, Stored>()]));
  const uploads: S3Double["uploads"] = new Map();
  const requests: string[] = [];

  const server = createServer((request, response) => {
    void answer(request, response).catch((error: unknown) => {
      const code = error instanceof Refusal ? error.message : "InternalError";
      const text = `<?xml version="1.0"?><Error><Code>${code}</Code><Message>The double says ${code}.</Message></Error>`;
      response.writeHead(statuses[code] ?? 500, { "content-type": "application/xml" }).end(request.method === "HEAD" ? undefined : text);
    });
  });

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url!, "http://double");
    const chunks: Buffer[] = [];
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    const body = Buffer.concat(chunks);
    const [, bucket = "", ...rest] = url.pathname.split("/");
    const key = rest.map(decodeURIComponent).join("/");
    requests.push(`${request.method} /${bucket}/${key}`);

    if (faults.slowDown > 0 && faults.slowDown--) throw new Refusal("SlowDown");
    if (faults.expired) throw new Refusal("ExpiredToken");
    if (faults.denied) throw new Refusal("AccessDenied");
    const unsigned = open.includes(bucket) && request.method === "GET" && !request.headers.authorization;
    const fault = unsigned ? null : signatureFault(request, url, body, accessKeyId, secretAccessKey);
    if (fault) throw new Refusal(fault);
    if (!all.has(bucket)) throw new Refusal("NoSuchBucket");
    if (faults.full && request.method !== "GET" && request.method !== "DELETE") throw new Refusal("QuotaExceeded");

    const call: Call = { request, response, query: url.searchParams, body, bucket, key };
    const verb = `${request.method} ${key ? "object" : "bucket"}${call.query.has("uploads") ? " uploads" : call.query.has("uploadId") ? " upload" : ""}`;
    const handler = handlers[verb];
    if (!handler) throw new Refusal("NotImplemented");
    handler(call);
  }

  const objects = (call: Call) => all.get(call.bucket)!;
  const reply = (call: Call, text: string) =>
    call.response.writeHead(200, { "content-type": "application/xml" }).end(`<?xml version="1.0"?>${text}`);
  const store = (call: Call, bytes: Buffer) => {
    if (call.request.headers["if-none-match"] === "*" && objects(call).has(call.key)) throw new Refusal("PreconditionFailed");
    const stored = { bytes, etag: etagOf(bytes), modified: new Date() };
    objects(call).set(call.key, stored);
    return stored;
  };
  const uploadOf = (call: Call) => {
    const upload = uploads.get(call.query.get("uploadId")!);
    if (!upload) throw new Refusal("NoSuchUpload");
    return upload;
  };

  const handlers: Record<string, (call: Call) => void> = {
    "GET bucket": (call) => reply(call, listing(call, objects(call), pageSize)),

    "GET object": (call) => {
      const { response, object, start, end, status } = found(call, objects(call));
      const headers = { etag: object.etag, "last-modified": object.modified.toUTCString(), "content-length": end - start };
      const range = status === 206 ? { "content-range": `bytes ${start}-${end - 1}/${object.bytes.length}` } : {};
      response.writeHead(status, { ...headers, ...range });
      const half = object.bytes.subarray(start, start + Math.floor((end - start) / 2));
      if (call.request.method === "HEAD") response.end();
      else if (faults.stall > 0 && faults.stall--) response.write(half);
      else if (faults.truncate > 0 && faults.truncate--) response.write(half, () => response.destroy());
      else response.end(object.bytes.subarray(start, end));
    },

    "PUT object": (call) => {
      call.response.writeHead(200, { etag: store(call, call.body).etag }).end();
    },

    "DELETE object": (call) => {
      objects(call).delete(call.key);
      call.response.writeHead(204).end();
    },

    "POST object uploads": (call) => {
      const id = randomUUID();
      uploads.set(id, { parts: new Map() });
      reply(call, `<InitiateMultipartUploadResult><UploadId>${id}</UploadId></InitiateMultipartUploadResult>`);
    },

    "PUT object upload": (call) => {
      uploadOf(call).parts.set(Number(call.query.get("partNumber")), call.body);
      call.response.writeHead(200, { etag: etagOf(call.body) }).end();
    },

    "POST object upload": (call) => {
      const { parts } = uploadOf(call);
      const named = [...call.body.toString().matchAll(/<PartNumber>(\d+)<\/PartNumber>/g)].map(([, number]) => parts.get(Number(number)));
      // Every part but the last must have 5 MiB.
      if (named.some((part, i) => !part || (i < named.length - 1 && part.length < 5 * 2 ** 20))) throw new Refusal("InvalidPart");
      uploads.delete(call.query.get("uploadId")!);
      const { etag } = store(call, Buffer.concat(named as Buffer[]));
      reply(call, `<CompleteMultipartUploadResult><ETag>${xml(etag)}</ETag></CompleteMultipartUploadResult>`);
    },

    "DELETE object upload": (call) => {
      uploadOf(call);
      uploads.delete(call.query.get("uploadId")!);
      call.response.writeHead(204).end();
    },
  };
  handlers["HEAD object"] = handlers["GET object"]!;

  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    accessKeyId,
    secretAccessKey,
    buckets: all,
    uploads,
    faults,
    requests,
    put(bucket, key, bytes, modified = new Date()) {
      const buffer = Buffer.from(bytes);
      all.get(bucket)!.set(key, { bytes: buffer, etag: etagOf(buffer), modified });
    },
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function listing({ query }: Call, objects: Map<string, Stored>, pageSize: number): string {
  const prefix = query.get("prefix") ?? "";
  const after = Buffer.from(query.get("continuation-token") ?? "", "base64url").toString();
  const limit = Math.min(pageSize, Number(query.get("max-keys") ?? 1000));
  const text = (key: string) => (query.get("encoding-type") === "url" ? encodeURIComponent(key).replaceAll("%2F", "/") : xml(key));
  const bytes = (a: string, b: string) => Buffer.compare(Buffer.from(a), Buffer.from(b));
  const keys = [...objects.keys()].filter((key) => key.startsWith(prefix) && (!after || bytes(key, after) > 0)).sort(bytes);
  const page = keys.slice(0, limit).map((key) => {
    const { bytes, etag, modified } = objects.get(key)!;
    return `<Contents><Key>${text(key)}</Key><LastModified>${modified.toISOString()}</LastModified><ETag>${xml(etag)}</ETag><Size>${bytes.length}</Size></Contents>`;
  });
  const next =
    keys.length > limit ? `<NextContinuationToken>${Buffer.from(keys[limit - 1]!).toString("base64url")}</NextContinuationToken>` : "";
  return `<ListBucketResult><IsTruncated>${keys.length > limit}</IsTruncated>${next}${page.join("")}</ListBucketResult>`;
}

function found({ request, response, key }: Call, objects: Map<string, Stored>) {
  const object = objects.get(key);
  if (!object) throw new Refusal("NoSuchKey");
  const wanted = request.headers["if-match"];
  if (wanted && wanted !== object.etag) throw new Refusal("PreconditionFailed");
  const range = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? "");
  if (!range) return { response, object, start: 0, end: object.bytes.length, status: 200 };
  const start = Number(range[1]);
  if (start >= object.bytes.length) throw new Refusal("InvalidRange");
  return { response, object, start, end: Math.min(object.bytes.length, range[2] ? Number(range[2]) + 1 : Infinity), status: 206 };
}
