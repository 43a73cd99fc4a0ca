import { setTimeout as pause } from "node:timers/promises";
import { errors, messageOf } from "../../../../config/errors.ts";
import type { Opened } from "../source.ts";
import type { ObjectAnswer } from "./answer.ts";
import { expectedSums } from "./checksum.ts";
import { fingerprintOf } from "./fingerprint.ts";

/** One request for an object's bytes from `from` to its end. `same` names the object that a former one was answered with. */
export type Get = (from: number, same?: { etag?: string; versionId?: string }) => Promise<ObjectAnswer>;

/** Times a broken download goes on from where it broke, without `PROGRESS` bytes in between; the wait before grows from 0.1 s. */
const RESUMES = 3;
const PROGRESS = 8 * 2 ** 20;
const BACKOFF = 100;

/**
 * An object being read. What is read is one state of it: a download that broke goes on with the version that it began with (in a bucket
 * that keeps versions, also when a newer one has come), or with the same ETag.
 */
export function openedObject(path: string, get: Get, answer: ObjectAnswer, begin: number, signal?: AbortSignal): Opened {
  const { size, at } = extent(path, answer);
  if (at > begin) throw errors.sourceUnsupported(`The server answers ${path} from byte ${at} on; byte ${begin} was asked for.`);
  const fingerprint = fingerprintOf(size, answer.LastModified, answer.ETag);
  const sums = begin === 0 ? expectedSums(answer) : undefined;
  let { body } = answer;
  let rest: Buffer = Buffer.alloc(0);
  /** Where in the object what comes next lies, and up to where it was handed out. */
  let received = at;
  let read = begin;
  let resumes = 0;
  let resumedAt = begin;

  async function next(): Promise<Buffer | undefined> {
    for (;;) {
      try {
        const bytes = await body.next();
        if (bytes) return bytes;
        if (received >= size) return undefined;
        throw new Error("the answer ended early");
      } catch (error) {
        signal?.throwIfAborted();
        if (received - resumedAt >= PROGRESS) resumes = 0;
        resumedAt = received;
        if (resumes++ === RESUMES) {
          throw errors.sourceUnreachable(`${path} broke off at ${received} of ${size} bytes: ${messageOf(error)}.`, undefined, error);
        }
        await pause(BACKOFF * 4 ** (resumes - 1), undefined, { signal }).catch(() => signal?.throwIfAborted());
        await resume();
      }
    }
  }

  async function resume(): Promise<void> {
    const again = await get(received, { etag: answer.ETag, versionId: answer.VersionId });
    const found = extent(path, again);
    body = again.body;
    if (again.ETag !== answer.ETag || found.size !== size || found.at > received) {
      body.destroy();
      throw errors.sourceChanged(`${path} changed while it was read: another object answers from byte ${received} on.`);
    }
    received = found.at;
  }

  /** The next bytes that are wanted. A server that knows no ranges sends all from the start: what comes before is passed over. */
  async function wanted(): Promise<Buffer | undefined> {
    for (;;) {
      const chunk = await next();
      if (!chunk) return undefined;
      received += chunk.length;
      if (received > read) return chunk.subarray(Math.max(0, chunk.length - (received - read)));
    }
  }

  return {
    size,
    modifiedAt: answer.LastModified?.getTime() ?? null,
    fingerprint,
    async read(into) {
      let filled = 0;
      while (filled < into.length && read < size) {
        if (!rest.length) {
          const more = await wanted();
          if (!more) break;
          rest = more;
        }
        const part = rest.subarray(0, into.length - filled);
        into.set(part, filled);
        sums?.update(part);
        filled += part.length;
        read += part.length;
        rest = rest.subarray(part.length);
      }
      return filled;
    },
    verify() {
      if (read !== size) throw errors.sourceChanged(`${path} was read to byte ${read}; it has ${size}.`);
      const wrong = sums?.wrong();
      if (wrong) throw errors.sourceChanged(`${path} was read otherwise than it was stored: ${wrong}.`);
    },
    close() {
      // Read to the end: the connection is free for the next request as soon as that is seen. Otherwise it is cut off.
      if (received >= size && !rest.length) void body.next().catch(() => {});
      else body.destroy();
    },
  };
}

/** Of an answer: the object's size, and where in it the body begins. */
function extent(path: string, { ContentRange, ContentLength }: ObjectAnswer): { size: number; at: number } {
  if (ContentRange === undefined) {
    if (ContentLength === undefined) throw errors.sourceUnsupported(`The server does not say how large ${path} is.`);
    return { size: ContentLength, at: 0 };
  }
  const [, at, size] = /^bytes (\d+)-\d+\/(\d+)$/.exec(ContentRange) ?? [];
  if (at === undefined) throw errors.sourceUnsupported(`The server answers a range of ${path} that can't be understood: ${ContentRange}.`);
  return { size: Number(size), at: Number(at) };
}
