import { createHash } from "node:crypto";
import { errors, failureOf } from "../../../config/errors.ts";
import { contentId, type TenantKeys } from "../../../mixins/vault/keys.ts";
import type { Store, StoreOptions } from "../../../mixins/vault/store.ts";
import { readExtent, type Extent } from "../../../mixins/vault/ticket.ts";
import { placeFor, type ExistingPolicy } from "../existing.ts";
import { inParallel } from "../parallel.ts";
import type { PullFailure } from "../pull.ts";
import type { Destination, Spec } from "../sources/source.ts";
import type { Work } from "./work.ts";

export interface PushItem {
  path: string;
  size: number;
  modifiedAt: number | null;
  /** Hexadecimal. */
  contentId: string;
}

export interface PushRequest {
  target: Spec;
  store: StoreOptions;
  /** The keys that data keys are wrapped by, the current one first. */
  keys: TenantKeys[];
  items: PushItem[];
  /** What is done with a file that is there already. */
  existing: ExistingPolicy;
}

/** Asks where a content lies from a byte of it on. */
export interface PushQuestion {
  contentId: string;
  from: number;
}
/** The extents and where the first of them begins; none when the vault does not have it. */
export type PushAnswer = { from: number; extents: Extent[] } | undefined;

export interface PushResult {
  /** `to` where it was written beside what was there. */
  written: { path: string; fingerprint: string; to?: string }[];
  /** Paths where nothing was written: the same content was there, or another that is not to be touched. */
  left: { path: string; why: "unchanged" | "kept" }[];
  failures: PullFailure[];
}

/**
 * Contents of the vault to a destination. Each is hashed on its way and compared with the id it was stored under before it is put in place: what
 * arrives is what once was read from the source.
 */
const push: Work<PushRequest, PushResult, PushQuestion, PushAnswer> = async (request, door) => {
  const { target, store: options, keys, items, existing } = request;
  const destination = await door.destination(target);
  const store = await door.store(options);
  const result: PushResult = { written: [], left: [], failures: [] };
  const there = existing === "overwrite" ? undefined : await door.source(target);
  const taken = new Set(items.map(({ path }) => path));
  const one = async (item: PushItem) => {
    door.signal.throwIfAborted();
    try {
      const place =
        there && existing !== "overwrite" ? await placeFor(item, existing, there, keys[0]!, taken, door.signal) : { path: item.path };
      if (typeof place === "string") result.left.push({ path: item.path, why: place });
      else {
        const { fingerprint } = await write(item, place.path, destination, store, keys, door);
        result.written.push({ path: item.path, fingerprint, ...(place.path !== item.path && { to: place.path }) });
      }
    } catch (error) {
      door.signal.throwIfAborted();
      const { type, message, retryable } = failureOf(error);
      if (!/^(SOURCE|DESTINATION|VAULT)_/.test(type)) throw error;
      result.failures.push({ path: item.path, type, message, retryable, attempts: 1 });
    }
  };
  await inParallel(items, destination.parallel, one);
  return result;
};
export default push;

type PushDoor = Parameters<typeof push>[1];

async function write(
  item: PushItem,
  path: string,
  destination: Destination,
  store: Store,
  keys: TenantKeys[],
  door: PushDoor,
): Promise<{ fingerprint: string }> {
  const { size, modifiedAt } = item;
  return await destination.write({ path, size, modifiedAt, bytes: contentOf(item, store, keys, door) }, door.signal);
}

async function* contentOf(item: PushItem, store: Store, keys: TenantKeys[], door: PushDoor): AsyncGenerator<Uint8Array> {
  const sha256 = createHash("sha256");
  let at = 0;
  do {
    const place = await door.ask({ contentId: item.contentId, from: at });
    if (!place?.extents.length || place.from !== at)
      throw errors.vaultMissing(`The vault does not have the content of ${item.path} from byte ${at} on.`);
    for (const extent of place.extents) {
      const wrapping = keys.find(({ keyId }) => keyId === extent.tenantKeyId);
      if (!wrapping) throw errors.vaultKey(`The key that the content of ${item.path} is sealed under is not there.`);
      for await (const bytes of readExtent(extent, wrapping, store)) {
        sha256.update(bytes);
        yield bytes;
      }
      at += extent.length;
    }
  } while (at < item.size);
  const found = contentId(keys[0]!, sha256.digest());
  if (found !== item.contentId) throw errors.vaultDamaged(`The content of ${item.path} is not the one that was stored.`);
}
