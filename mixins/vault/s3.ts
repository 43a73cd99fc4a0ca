import type { Readable } from "node:stream";
import type { CompletedPart } from "@aws-sdk/client-s3";
import { errors } from "../../config/errors.ts";
import { bucketFault, bucketSays, openBucket, type Bucket } from "./bucket.ts";
import type { Store, StoredObject, Upload } from "./store.ts";

export interface S3StoreOptions {
  endpoint?: string;
  region?: string;
  accessKeyId?: string;
  secretAccessKey?: string;
}

const MIB = 1024 * 1024;
/** S3 takes 10,000 parts: they double every 2,500, which ends at 300 GB. Equal parts up to 20 GB suit servers that insist on it. */
const partSize = (parts: number) => (8 * MIB) << Math.floor(parts / 2500);

/** Store in a bucket: s3://bucket/prefix. */
export function s3Store(url: URL, { endpoint, region = "us-east-1", accessKeyId, secretAccessKey }: S3StoreOptions): Store {
  const name = url.hostname;
  const prefix = decodeURIComponent(url.pathname.replace(/^\/|\/$/g, ""));
  const place = (key: string) => (prefix ? `${prefix}/${key}` : key);
  const credentials = accessKeyId && secretAccessKey ? { accessKeyId, secretAccessKey } : undefined;
  let opening: Promise<Bucket> | undefined;
  const bucket = () => (opening ??= openBucket({ region, endpoint, credentials }));

  const attempt = async <T>(key: string, work: (bucket: Bucket) => Promise<T>): Promise<T> => {
    try {
      return await work(await bucket());
    } catch (error) {
      throw storageError(error, name, key);
    }
  };

  return {
    create: (key) => attempt(key, (open) => Promise.resolve(upload(open, name, place(key)))),

    open: (key, start, end) =>
      attempt(key, async ({ sdk, client }) => {
        const answer = await client.send(new sdk.GetObjectCommand({ Bucket: name, Key: place(key), Range: `bytes=${start}-${end - 1}` }));
        const body = answer.Body as Readable;
        return body;
      }),

    fill: (key, into) =>
      attempt(key, async ({ sdk, client }) => {
        const answer = await client.send(new sdk.GetObjectCommand({ Bucket: name, Key: place(key), Range: `bytes=0-${into.length - 1}` }));
        let filled = 0;
        for await (const bytes of answer.Body as AsyncIterable<Buffer>) filled += bytes.copy(into, filled);
        return filled;
      }),

    remove: (key) =>
      attempt(key, async ({ sdk, client }) => {
        await client.send(new sdk.DeleteObjectCommand({ Bucket: name, Key: place(key) }));
      }),

    async *list(below) {
      let token: string | undefined;
      do {
        const page = await attempt(below, ({ sdk, client }) =>
          client.send(new sdk.ListObjectsV2Command({ Bucket: name, Prefix: place(below), ContinuationToken: token })),
        );
        yield (page.Contents ?? []).map((object): StoredObject => ({
          key: object.Key!.slice(place("").length),
          size: object.Size ?? 0,
          modifiedAt: object.LastModified?.getTime() ?? 0,
        }));
        token = page.NextContinuationToken;
      } while (token);
    },

    check: () =>
      attempt("", async ({ sdk, client }) => {
        await client.send(new sdk.ListObjectsV2Command({ Bucket: name, Prefix: place(""), MaxKeys: 1 }));
      }),

    async close() {
      (await opening)?.client.destroy();
    },
  };
}

/** One PUT for what fits a part, a multipart upload for more. Either way nothing is visible before the last request. */
function upload({ sdk, client }: Bucket, name: string, key: string): Upload {
  const target = { Bucket: name, Key: key };
  let pending: Uint8Array[] = [];
  let pendingSize = 0;
  let uploadId: string | undefined;
  const parts: CompletedPart[] = [];
  let inFlight: Promise<void> = Promise.resolve();

  async function sendPart(body: Buffer): Promise<void> {
    uploadId ??= (await client.send(new sdk.CreateMultipartUploadCommand(target))).UploadId!;
    const PartNumber = parts.length + 1;
    const { ETag } = await client.send(new sdk.UploadPartCommand({ ...target, UploadId: uploadId, PartNumber, Body: body }));
    parts.push({ PartNumber, ETag });
  }

  const take = () => {
    const body = Buffer.concat(pending, pendingSize);
    pending = [];
    pendingSize = 0;
    return body;
  };

  return {
    async write(buffers) {
      pending.push(...buffers);
      for (const buffer of buffers) pendingSize += buffer.length;
      if (pendingSize < partSize(parts.length)) return;
      const body = take();
      try {
        await inFlight;
      } catch (error) {
        throw storageError(error, name, key);
      }
      inFlight = sendPart(body);
      // Its failure is met by the next write or the commit.
      inFlight.catch(() => {});
    },
    async commit() {
      try {
        await inFlight;
        if (uploadId === undefined) {
          await client.send(new sdk.PutObjectCommand({ ...target, Body: take() }));
        } else {
          if (pendingSize) await sendPart(take());
          await client.send(new sdk.CompleteMultipartUploadCommand({ ...target, UploadId: uploadId, MultipartUpload: { Parts: parts } }));
        }
      } catch (error) {
        await this.abort();
        throw storageError(error, name, key);
      }
    },
    async abort() {
      pending = [];
      await inFlight.catch(() => {});
      if (uploadId === undefined) return;
      // A bucket rule that expires unfinished uploads covers what this misses.
      await client.send(new sdk.AbortMultipartUploadCommand({ ...target, UploadId: uploadId })).catch(() => {});
      uploadId = undefined;
    },
  };
}

function storageError(error: unknown, name: string, key: string): Error {
  const says = bucketSays(error);
  switch (bucketFault(error)) {
    case "missing":
      return errors.vaultMissing(`The vault's bucket ${name} has no object ${key}: ${says}`, undefined, error);
    case "noBucket":
      return errors.vaultMissing(`The vault's bucket ${name} does not exist: ${says}`, undefined, error);
    case "denied":
    case "expired":
      return errors.vaultDenied(`The vault's bucket ${name} refuses its credentials: ${says}`, undefined, error);
    case "untrusted":
      return errors.vaultDenied(`The server of the vault's bucket ${name} can't be trusted: ${says}`, undefined, error);
    case "unsupported":
      return errors.vaultDenied(`The server of the vault's bucket ${name} can't do what the vault needs: ${says}`, undefined, error);
    case "full":
      return errors.vaultFull(`The vault's bucket ${name} is full: ${says}`, undefined, error);
    case "changed":
    case "archived":
      return errors.vaultDamaged(`Object ${key} of the vault's bucket ${name} can't be read as it was written: ${says}`, undefined, error);
    case "unreachable":
      return errors.vaultUnreachable(`The vault's bucket ${name} can't be reached: ${says}`, undefined, error);
  }
}
