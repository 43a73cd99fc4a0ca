import { createHash } from "node:crypto";
import { errors } from "../../../../config/errors.ts";
import type { Opened } from "../source.ts";
import type { Client } from "./client.ts";
import { fingerprintOf, type Facts } from "./facts.ts";
import { openStream } from "./stream.ts";
import type { Found } from "./way.ts";

/** HTTP dates have whole seconds: what was changed this shortly before it was read may change again without showing, milliseconds. */
const TICK = 2000;

/** Opens what has been found, from `begin` on. @throws as `Source.open` */
export async function download(client: Client, found: Found, path: string, begin: number, signal?: AbortSignal): Promise<Opened> {
  const stream = await openStream(client, found.url, path, begin, signal);
  const { facts: own } = stream;
  let listed: Facts;
  try {
    if (begin > own.size) throw errors.sourceChanged(`${path} has ${own.size} bytes; reading was to go on from ${begin}.`);
    listed = found.listed(own);
  } catch (error) {
    stream.close();
    throw error;
  }
  const [algorithm, wanted] = (listed.digest || own.digest).split(":");
  // The digest is of the whole file: a part of it proves nothing.
  const hasher = algorithm && !begin ? createHash(algorithm) : undefined;
  const fresh = !listed.digest && own.modifiedAt !== null && Math.abs(stream.date - own.modifiedAt) < TICK;
  let rest: Buffer = Buffer.alloc(0);
  let received = begin;

  return {
    size: own.size,
    modifiedAt: listed.modifiedAt,
    // The mark makes the next run read it again, whatever its time says then.
    fingerprint: fingerprintOf(listed) + (fresh ? "~" : ""),
    async read(into) {
      let filled = 0;
      while (filled < into.length) {
        if (!rest.length) {
          const more = await stream.next();
          if (!more) break;
          hasher?.update(more);
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
      if (received !== own.size) throw errors.sourceChanged(`${path} ended after ${received} bytes; ${own.size} were announced.`);
      const got = hasher?.digest("hex");
      if (got === undefined || got === wanted) return;
      found.refuted?.();
      throw errors.sourceChanged(`${path} has the ${algorithm} ${got}; ${found.by ?? "the server"} says ${wanted}.`);
    },
    close: () => stream.close(),
  };
}
