import { addAbortSignal, type Readable } from "node:stream";
import type { GetObjectCommandOutput } from "@aws-sdk/client-s3";
import type { Checksums } from "./checksum.ts";

/** The answer to a request for an object: what of its header fields counts, and its bytes. */
export interface ObjectAnswer
  extends Checksums, Pick<GetObjectCommandOutput, "ContentLength" | "ContentRange" | "ETag" | "LastModified" | "VersionId"> {
  body: Body;
}

/** Bytes on their way, in order. */
export interface Body {
  /** The next of them; undefined at the end. @throws what the connection broke with, the signal's reason */
  next(): Promise<Buffer | undefined>;
  /** Lets go of them. The connection is cut off unless they have all come. */
  destroy(): void;
}

/** Of what the SDK answers. */
export function bodyOf(stream: Readable, signal: AbortSignal | undefined): Body {
  // What is destroyed between two reads has no listener.
  stream.on("error", () => {});
  if (signal) addAbortSignal(signal, stream);
  const iterator = stream.iterator({ destroyOnReturn: true }) as AsyncIterator<Buffer, undefined>;
  return {
    next: async () => (await iterator.next()).value,
    destroy: () => void stream.destroy(),
  };
}
