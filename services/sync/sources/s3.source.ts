import { Readable } from "node:stream";
import { errors } from "../../../config/errors.ts";
import { bodyOf, type ObjectAnswer } from "./s3/answer.ts";
import { connectBucket, type Connection } from "./s3/connection.ts";
import { s3Destination } from "./s3/destination.ts";
import { tagOf } from "./s3/fingerprint.ts";
import { listEntries } from "./s3/listing.ts";
import { access, parsePlace, type S3Spec } from "./s3/place.ts";
import { openedObject, type Get } from "./s3/reading.ts";
import { versionAt } from "./s3/versions.ts";
import type { Source, SourceKind } from "./source.ts";

export type { S3Spec } from "./s3/place.ts";

/**
 * A bucket of S3 or of a server that speaks its protocol, or a prefix in one.
 *
 * Of a bucket that keeps versions the newest ones are listed and opened, and deleted objects are absent; a download that has begun stays with
 * its version. With `asOf` the bucket is read as it was at that moment instead: per key the version that was the newest then.
 */
export default {
  kind: "s3",
  schemes: ["s3"],
  example: "s3://bucket/prefix",
  access,
  parse: parsePlace,
  guarantee: "validator",
  open: s3Source,
  openDestination: s3Destination,
  contentTag: tagOf,
  moveTag: tagOf,
} satisfies SourceKind<S3Spec, typeof access>;

function s3Source(spec: S3Spec): Source {
  const connection = connectBucket(spec);
  return {
    parallel: 16,

    async check(signal) {
      const request = { ...connection.target, Prefix: spec.prefix, MaxKeys: 1 };
      await connection.ask(spec.uri, signal, ({ sdk, client }) =>
        spec.asOf === undefined
          ? client.send(new sdk.ListObjectsV2Command(request), { abortSignal: signal })
          : client.send(new sdk.ListObjectVersionsCommand(request), { abortSignal: signal }),
      );
    },

    list: (signal, after) => listEntries(connection, spec, signal, after),

    async open(path, signal, from = 0) {
      const key = spec.prefix + path;
      const version = spec.asOf === undefined ? undefined : await versionAt(connection, spec, key, spec.asOf, signal);
      if (spec.asOf !== undefined && !version) {
        throw errors.sourceMissing(`${path} was not in bucket ${spec.bucket} on ${new Date(spec.asOf).toISOString()}.`);
      }
      const get: Get = (begin, same) =>
        getObject(connection, key, path, signal, begin, { etag: same?.etag, versionId: same?.versionId ?? version });
      return openedObject(path, get, await get(from), from, signal);
    },

    close: () => connection.close(),
  };
}

async function getObject(
  connection: Connection,
  key: string,
  path: string,
  signal: AbortSignal | undefined,
  from: number,
  { etag, versionId }: { etag?: string; versionId?: string },
): Promise<ObjectAnswer> {
  const request = { ...connection.target, Key: key, ...(versionId && { VersionId: versionId }), ...(etag && { IfMatch: etag }) };
  return await connection.ask(path, signal, async ({ sdk, client, direct }) => {
    try {
      return await (await direct()).get({ ...request, ...(from && { Range: `bytes=${from}-` }) }, signal);
    } catch (error) {
      if ((error as Error).name !== "InvalidRange") throw error;
      // The end of the object, or past it: there is nothing to send, but its size.
      const head = await client.send(new sdk.HeadObjectCommand(request), { abortSignal: signal });
      return { ...head, body: bodyOf(Readable.from([]), signal) };
    }
  });
}
