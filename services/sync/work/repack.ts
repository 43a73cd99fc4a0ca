import type { TenantKeys } from "../../../mixins/vault/keys.ts";
import { SMALL_CHUNK } from "../../../mixins/vault/seal.ts";
import type { StoreOptions } from "../../../mixins/vault/store.ts";
import { startPack, type PackRecord } from "../../../mixins/vault/pack.ts";
import type { PackContents, PackVerdict } from "../vault/contents.ts";
import { inspectPack } from "../vault/inspect.ts";
import type { MovedBlob } from "../vault/packs.ts";
import type { Work } from "./work.ts";

export interface RepackRequest {
  store: StoreOptions;
  /** All of the tenant's that open something, and the one that seals. */
  keys: TenantKeys[];
  seal: TenantKeys;
  packs: PackContents[];
}

export interface Repacked {
  /** Absent when nothing could be read. */
  pack?: PackRecord;
  moved: MovedBlob[];
  verdicts: PackVerdict[];
}

/** Writes what is left in some packs into one new one, each blob as it was encoded. What is damaged stays where it is. */
const repack: Work<RepackRequest, Repacked> = async ({ store: options, keys, seal, packs }, door) => {
  const store = await door.store(options);
  const pack = await startPack(store, seal, SMALL_CHUNK);
  const moved: MovedBlob[] = [];
  const verdicts: PackVerdict[] = [];
  try {
    for (const old of packs) {
      door.signal.throwIfAborted();
      const verdict = await inspectPack(store, keys, old, async ({ contentId, part, packed }) => {
        moved.push({ contentId, part, from: old.id, position: await pack.add(packed) });
      });
      verdicts.push(verdict);
    }
    if (moved.length) return { pack: forThread(await pack.commit()), moved, verdicts };
  } catch (error) {
    await pack.abort();
    throw error;
  }
  await pack.abort();
  return { moved, verdicts };
};
export default repack;

/** A pack's record as it may leave a thread: a view of a pool would drag all of it along. */
export const forThread = (pack: PackRecord): PackRecord => ({ ...pack, wrappedDataKey: Uint8Array.from(pack.wrappedDataKey) as Buffer });
