import { errors, failureType } from "../../../../config/errors.ts";
import { bucketFault, bucketRegion, bucketSays, openBucket, type Bucket } from "../../../../mixins/vault/bucket.ts";
import { lookupOf } from "../reach.ts";
import type { Direct } from "./direct.ts";
import type { S3Spec } from "./place.ts";

/** A bucket in the region that it is asked in. */
export interface Reached extends Bucket {
  /** The short way to its objects, made when it is first taken. */
  direct: () => Promise<Direct>;
  close(): void;
}

/** A bucket to send requests to. */
export interface Connection {
  /** Every request's share: bucket and who pays. */
  target: { Bucket: string; RequestPayer?: "requester" };
  /**
   * Does something with the bucket; where the server says that it lives in another region, once more there.
   * @param path for messages
   * @throws errors of the sources' vocabulary, the signal's reason
   */
  ask<T>(path: string, signal: AbortSignal | undefined, work: (bucket: Reached) => Promise<T>): Promise<T>;
  close(): void;
}

export function connectBucket(spec: S3Spec): Connection {
  const { bucket } = spec;
  const openIn = (region: string) => ({ region, opening: reach(spec, region) });
  let first: ReturnType<typeof openIn> | undefined;
  let moved: ReturnType<typeof openIn> | undefined;

  return {
    target: { Bucket: bucket, ...(spec.requesterPays && { RequestPayer: "requester" }) },

    async ask(path, signal, work) {
      first ??= openIn(spec.region);
      const used = moved ?? first;
      try {
        try {
          return await work(await used.opening);
        } catch (error) {
          signal?.throwIfAborted();
          const region = bucketRegion(error);
          if (!region || region === used.region) throw error;
          // Many requests may learn it at the same time; a second move is not believed.
          moved ??= openIn(region);
          if (moved === used) throw error;
          return await work(await moved.opening);
        }
      } catch (error) {
        signal?.throwIfAborted();
        throw bucketError(error, bucket, path);
      }
    },

    close() {
      for (const each of [first, moved]) each?.opening.then((reached) => reached.close()).catch(() => {});
    },
  };
}

async function reach(spec: S3Spec, region: string): Promise<Reached> {
  const { endpoint, pathStyle, credentials = "anonymous", silence, proxy, ca } = spec;
  const bucket = await openBucket({ region, endpoint, pathStyle, credentials, silence, lookup: lookupOf(spec), proxy, ca });
  let direct: Promise<Direct> | undefined;
  return {
    ...bucket,
    direct: () => (direct ??= import("./direct.ts").then(({ openDirect }) => openDirect(bucket, spec))),
    close() {
      bucket.client.destroy();
      direct?.then((way) => way.close()).catch(() => {});
    },
  };
}

function bucketError(error: unknown, bucket: string, path: string): Error {
  if (failureType(error) !== "INTERNAL_ERROR") return error as Error;
  const says = bucketSays(error);
  switch (bucketFault(error)) {
    case "missing":
      return errors.sourceMissing(`${path} is not in bucket ${bucket}: ${says}`, undefined, error);
    case "noBucket":
      return errors.sourceMissing(`Bucket ${bucket} does not exist: ${says}`, undefined, error);
    case "denied":
      return errors.sourceDenied(`Bucket ${bucket} refuses ${path}: ${says}`, undefined, error);
    case "expired":
      return errors.sourceDenied(`The credentials for bucket ${bucket} have expired; give new ones. ${says}`, undefined, error);
    case "untrusted":
      return errors.sourceDenied(`The certificate of the server of bucket ${bucket} is not trusted: ${says}`, undefined, error);
    case "changed":
      return errors.sourceChanged(`${path} changed while it was read: ${says}`, undefined, error);
    case "archived": {
      const { StorageClass, AccessTier } = error as { StorageClass?: string; AccessTier?: string };
      const where = AccessTier ?? StorageClass;
      return errors.sourceUnsupported(
        `${path} is archived${where ? ` (${where})` : ""}: it has to be restored in bucket ${bucket} before it can be read.`,
        undefined,
        error,
      );
    }
    case "unsupported":
      return errors.sourceUnsupported(`Bucket ${bucket} can't do this with ${path}: ${says}`, undefined, error);
    case "full":
      return errors.sourceFull(`Bucket ${bucket} is full: ${says}`, undefined, error);
    case "unreachable":
      return errors.sourceUnreachable(`Bucket ${bucket} can't be reached for ${path}: ${says}`, undefined, error);
  }
}
