import { createHash } from "node:crypto";
import type { CompletedPart } from "@aws-sdk/client-s3";
import { errors } from "../../../../config/errors.ts";
import { measured } from "../measured.ts";
import { partName } from "../part.ts";
import type { Destination, Writing } from "../source.ts";
import { clearUploads } from "./clear.ts";
import { connectBucket, type Connection } from "./connection.ts";
import { fingerprintOf } from "./fingerprint.ts";
import type { S3Spec } from "./place.ts";
import { roomOf } from "./room.ts";

const MIB = 2 ** 20;
/** From here on an object is sent in parts. */
const IN_PARTS = 16 * MIB;
/** S3 takes 10,000 parts. They depend on the size alone, so that equal contents get equal ETags. */
const partSize = (size: number) => Math.max(8, Math.ceil(size / 10_000 / MIB)) * MIB;
/** Bytes that all entries being written may hold in memory. */
const MEMORY = 64 * MIB;
const LONGEST = 1024;

/**
 * Destination in a bucket. An object appears, or replaces another, with the last request for it. The entry's time is kept with the object as
 * `x-amz-meta-mtime`, in seconds as rclone does; listings show the bucket's own times. Parts of a killed writer stay until a check a day later.
 */
export function s3Destination(spec: S3Spec): Destination {
  const connection = connectBucket(spec);
  const room = roomOf(MEMORY);

  return {
    parallel: 16,

    async check(signal) {
      const target = { ...connection.target, Key: spec.prefix + partName() };
      await connection.ask(spec.uri, signal, async ({ sdk, client }) => {
        await client.send(new sdk.ListObjectsV2Command({ ...connection.target, Prefix: spec.prefix, MaxKeys: 1 }), { abortSignal: signal });
        // An upload that was begun proves that writing is allowed, and leaves no object, nor versions of one.
        const { UploadId } = await client.send(new sdk.CreateMultipartUploadCommand(target), { abortSignal: signal });
        // Whoever may write need not be allowed to list uploads.
        await clearUploads(connection, spec, UploadId!, signal).catch(() => {});
        await client.send(new sdk.AbortMultipartUploadCommand({ ...target, UploadId }));
      });
    },

    async write(writing, signal) {
      signal?.throwIfAborted();
      const key = keyOf(spec, writing.path);
      const whole = writing.size < IN_PARTS;
      const release = await room.take(whole ? writing.size : 2 * partSize(writing.size));
      let etag: string | undefined;
      try {
        etag = await (whole ? putWhole : putInParts)(connection, key, writing, signal);
      } finally {
        release();
      }
      return { fingerprint: await fingerprintThere(connection, key, writing, etag, signal) };
    },

    async remove(path, signal) {
      signal?.throwIfAborted();
      const target = { ...connection.target, Key: keyOf(spec, path) };
      await connection.ask(path, signal, ({ sdk, client }) => client.send(new sdk.DeleteObjectCommand(target), { abortSignal: signal }));
    },

    close: () => connection.close(),
  };
}

/** @throws SOURCE_ITEM_UNSUPPORTED for names that S3, or a server between us and it, does not take as they are */
function keyOf({ prefix }: S3Spec, path: string): string {
  const refused = (why: string) => errors.sourceUnsupported(`${JSON.stringify(path)} can't be the key of an object: ${why}.`);
  if (path.includes("\0")) throw refused("it holds a NUL");
  if (!path || path.endsWith("/")) throw refused("it is empty or ends in '/', as only names of folders do");
  if (path.split("/").some((part) => part === "." || part === "..")) throw refused('a part of it is "." or ".."');
  const bytes = Buffer.byteLength(prefix + path);
  if (bytes > LONGEST) throw refused(`with its prefix it has ${bytes} bytes; ${LONGEST} are allowed`);
  return prefix + path;
}

const metadata = ({ modifiedAt }: Writing) => (modifiedAt === null ? {} : { Metadata: { mtime: String(modifiedAt / 1000) } });

async function putWhole(connection: Connection, key: string, writing: Writing, signal?: AbortSignal): Promise<string | undefined> {
  const body = Buffer.allocUnsafeSlow(writing.size);
  let filled = 0;
  for await (const bytes of measured(writing, signal)) {
    body.set(bytes, filled);
    filled += bytes.byteLength;
  }
  const request = { ...connection.target, Key: key, Body: body, ContentLength: body.length, ...metadata(writing) };
  const { ETag } = await connection.ask(writing.path, signal, ({ sdk, client }) =>
    client.send(new sdk.PutObjectCommand(request), { abortSignal: signal }),
  );
  return ETag;
}

/** One part is on its way while the next is filled. */
async function putInParts(connection: Connection, key: string, writing: Writing, signal?: AbortSignal): Promise<string | undefined> {
  const target = { ...connection.target, Key: key };
  const { path, size } = writing;
  const { UploadId } = await connection.ask(path, signal, ({ sdk, client }) =>
    client.send(new sdk.CreateMultipartUploadCommand({ ...target, ...metadata(writing) }), { abortSignal: signal }),
  );
  const parts: CompletedPart[] = [];
  const buffers = [Buffer.allocUnsafeSlow(partSize(size)), Buffer.allocUnsafeSlow(partSize(size))];
  let onItsWay: Promise<void> = Promise.resolve();
  const send = async (Body: Buffer, PartNumber: number) => {
    const { ETag } = await connection.ask(path, signal, ({ sdk, client }) =>
      client.send(new sdk.UploadPartCommand({ ...target, UploadId, PartNumber, Body }), { abortSignal: signal }),
    );
    parts.push({ PartNumber, ETag });
  };
  let number = 1;
  let filled = 0;
  const sendNext = async () => {
    await onItsWay;
    onItsWay = send(buffers[number % 2]!.subarray(0, filled), number++);
    // Its failure is met by the next part or the end.
    onItsWay.catch(() => {});
    filled = 0;
  };
  try {
    for await (const bytes of measured(writing, signal)) {
      for (let at = 0; at < bytes.byteLength;) {
        const buffer = buffers[number % 2]!;
        const part = bytes.subarray(at, at + buffer.length - filled);
        buffer.set(part, filled);
        at += part.byteLength;
        filled += part.byteLength;
        if (filled === buffer.length) await sendNext();
      }
    }
    if (filled) await sendNext();
    await onItsWay;
    const { ETag } = await connection.ask(path, signal, ({ sdk, client }) =>
      client.send(new sdk.CompleteMultipartUploadCommand({ ...target, UploadId, MultipartUpload: { Parts: parts } }), {
        abortSignal: signal,
      }),
    );
    return ETag || etagOfParts(parts);
  } catch (error) {
    await onItsWay.catch(() => {});
    // Without the signal: it may be what ended this. A check a day later covers what this misses.
    await connection
      .ask(path, undefined, ({ sdk, client }) => client.send(new sdk.AbortMultipartUploadCommand({ ...target, UploadId })))
      .catch(() => {});
    throw error;
  }
}

/** Some servers (Ceph 16) do not tell it when an upload is complete: the MD5 of its parts' MD5s, and their number. */
function etagOfParts(parts: CompletedPart[]): string {
  const sums = parts.map(({ ETag = "" }) => Buffer.from(ETag.replaceAll('"', ""), "hex"));
  return `${createHash("md5").update(Buffer.concat(sums)).digest("hex")}-${parts.length}`;
}

const bare = (etag: string | undefined) => etag?.replaceAll('"', "");

/** As listed. The answers to writing do not tell the time; when another writer was quicker than the question, none is right. */
async function fingerprintThere(
  connection: Connection,
  key: string,
  { path, size }: Writing,
  etag: string | undefined,
  signal?: AbortSignal,
) {
  const target = { ...connection.target, Key: key };
  const found = await connection.ask(path, signal, ({ sdk, client }) =>
    client.send(new sdk.HeadObjectCommand(target), { abortSignal: signal }),
  );
  return fingerprintOf(size, bare(found.ETag) === bare(etag) ? found.LastModified : undefined, etag);
}
