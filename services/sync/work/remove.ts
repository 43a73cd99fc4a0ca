import { failureOf } from "../../../config/errors.ts";
import type { PullFailure } from "../pull.ts";
import type { Spec } from "../sources/source.ts";
import type { Work } from "./work.ts";

export interface RemoveRequest {
  target: Spec;
  paths: string[];
}

export interface RemoveResult {
  removed: string[];
  failures: PullFailure[];
}

/** Removes entries from a destination. */
const remove: Work<RemoveRequest, RemoveResult> = async ({ target, paths }, door) => {
  const destination = await door.destination(target);
  const result: RemoveResult = { removed: [], failures: [] };
  const queue = paths.values();
  const lane = async () => {
    for (const path of queue) {
      door.signal.throwIfAborted();
      try {
        await destination.remove(path, door.signal);
        result.removed.push(path);
      } catch (error) {
        door.signal.throwIfAborted();
        const { type, message, retryable } = failureOf(error);
        if (!/^SOURCE_/.test(type)) throw error;
        result.failures.push({ path, type, message, retryable, attempts: 1 });
      }
    }
  };
  const lanes = await Promise.allSettled(Array.from({ length: Math.min(destination.parallel, paths.length) }, lane));
  for (const ended of lanes) if (ended.status === "rejected") throw ended.reason;
  return result;
};
export default remove;
