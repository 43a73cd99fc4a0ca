import { hash } from "node:crypto";
import { messageOf } from "../../../config/errors.ts";
import { encode } from "../../../mixins/vault/encoding.ts";
import { contentId, type TenantKeys } from "../../../mixins/vault/keys.ts";
import { startPack, type PackRecord } from "../../../mixins/vault/pack.ts";
import { SMALL_CHUNK } from "../../../mixins/vault/seal.ts";
import type { StoreOptions } from "../../../mixins/vault/store.ts";
import type { Source, Spec } from "../sources/source.ts";
import type { BlobPlace, PackContents, PackVerdict } from "../vault/contents.ts";
import { inspectPack } from "../vault/inspect.ts";
import type { MovedBlob } from "../vault/packs.ts";
import { forThread } from "./repack.ts";
import type { Work } from "./work.ts";

/** An entry of a source that has, or had, a content. */
export interface Origin {
  source: Spec;
  path: string;
}

export interface MendRequest {
  store: StoreOptions;
  /** Where a second copy is, when there is one. */
  copy?: StoreOptions;
  /** All of the tenant's that open something, and the one that seals. */
  keys: TenantKeys[];
  seal: TenantKeys;
  pack: PackContents;
}

/** Asks where contents may be read again. */
export type OriginsQuestion = string[];
export type OriginsAnswer = { contentId: string; origins: Origin[] }[];

export interface Mended {
  /** What was found wrong; what is lost could be had from nowhere. */
  verdict: PackVerdict;
  /** Where what is lost was looked for in vain. */
  tried: string[];
  /** New pack of what could be had; absent when that is nothing, or when nothing was wrong. */
  pack?: PackRecord;
  moved: MovedBlob[];
  /** How many blobs came from where. */
  from: { pack: number; copy: number; sources: number };
}

/**
 * Writes what can be had of a damaged pack into a new one: what is sound in it, then what its second copy has, then what the sources still
 * have, each checked as at its first reading. Parts of large contents are not looked for in sources here.
 */
const mend: Work<MendRequest, Mended, OriginsQuestion, OriginsAnswer> = async (request, door) => {
  const { keys, seal, pack } = request;
  const store = await door.store(request.store);
  const mended: Mended = { verdict: await inspectPack(store, keys, pack), tried: [], moved: [], from: { pack: 0, copy: 0, sources: 0 } };
  if (!mended.verdict.damage) return mended;

  const fresh = await startPack(store, seal, SMALL_CHUNK);
  const add = async (blob: BlobPlace, stored: Buffer, encoding: number, from: keyof Mended["from"]) => {
    const { contentId, part } = blob;
    mended.moved.push({ contentId, part, from: pack.id, position: await fresh.add(stored), stored: stored.length, encoding });
    mended.from[from]++;
  };
  try {
    await inspectPack(store, keys, pack, (blob) => add(blob, blob.packed, blob.encoding, "pack"));
    const rest = () =>
      pack.blobs.filter(({ contentId, part }) => !mended.moved.some((moved) => moved.contentId === contentId && moved.part === part));
    if (request.copy && rest().length) {
      const copied = { ...pack, blobs: rest() };
      try {
        const found = await inspectPack(await door.store(request.copy), keys, copied, (blob) =>
          add(blob, blob.packed, blob.encoding, "copy"),
        );
        if (found.damage) mended.tried.push(`second copy: ${found.damage.message}`);
      } catch (error) {
        door.signal.throwIfAborted();
        mended.tried.push(`second copy: ${messageOf(error)}`);
      }
    }
    const small = rest().filter(({ several }) => !several);
    const origins = small.length ? await door.ask(small.map(({ contentId }) => contentId)) : [];
    for (const blob of small) {
      for (const { source, path } of origins.find(({ contentId }) => contentId === blob.contentId)?.origins ?? []) {
        const bytes = await readAgain(await door.source(source), path, blob, keys[0]!, door.signal).catch((error: unknown) => {
          door.signal.throwIfAborted();
          mended.tried.push(`${source.uri}: ${messageOf(error)}`);
        });
        if (!bytes) continue;
        const { encoding, stored } = encode(bytes, path);
        await add(blob, stored, encoding, "sources");
        break;
      }
    }
    mended.verdict.lost = rest().map(({ contentId, part }) => ({ contentId, part }));
    if (mended.moved.length) return { ...mended, pack: forThread(await fresh.commit()) };
  } catch (error) {
    await fresh.abort();
    throw error;
  }
  await fresh.abort();
  return mended;
};
export default mend;

/** Reads an entry whole. @throws SOURCE_*, VAULT_DAMAGED when it is not that content any more */
async function readAgain(source: Source, path: string, blob: BlobPlace, keys: TenantKeys, signal: AbortSignal): Promise<Buffer> {
  const bytes = Buffer.allocUnsafe(blob.size + 1);
  const opened = await source.open(path, signal);
  let filled = 0;
  try {
    for (let got = 1; got && filled < bytes.length; filled += got) got = await opened.read(bytes.subarray(filled));
    await opened.verify();
  } finally {
    opened.close();
  }
  const found = bytes.subarray(0, filled);
  if (contentId(keys, hash("sha256", found, "buffer")) !== blob.contentId) throw new Error(`${path} is another content by now.`);
  return found;
}
