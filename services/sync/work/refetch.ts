import { createHash } from "node:crypto";
import { messageOf } from "../../../config/errors.ts";
import { encode } from "../../../mixins/vault/encoding.ts";
import { contentId, type TenantKeys } from "../../../mixins/vault/keys.ts";
import { startPack, type PackRecord } from "../../../mixins/vault/pack.ts";
import { LARGE_CHUNK } from "../../../mixins/vault/seal.ts";
import type { Store, StoreOptions } from "../../../mixins/vault/store.ts";
import type { Opened } from "../sources/source.ts";
import type { MovedBlob } from "../vault/packs.ts";
import type { Origin } from "./mend.ts";
import { forThread } from "./repack.ts";
import type { Work } from "./work.ts";

export interface RefetchRequest {
  store: StoreOptions;
  seal: TenantKeys;
  /** Hexadecimal. */
  content: string;
  /** All of its parts in order, with the pack of those that are wanted. */
  parts: { size: number; wanted: string | null }[];
  origins: Origin[];
}

export interface Refetched {
  /** A new pack for each wanted part; none when no origin has the content any more. */
  parts: { pack: PackRecord; moved: MovedBlob }[];
  tried: string[];
}

/** Reads a large content from a source again, all of it, and stores the parts that are wanted. */
const refetch: Work<RefetchRequest, Refetched> = async (request, door) => {
  const store = await door.store(request.store);
  const tried: string[] = [];
  for (const { source, path } of request.origins) {
    const parts: Refetched["parts"] = [];
    try {
      const opened = await (await door.source(source)).open(path, door.signal);
      try {
        const found = await storeParts(request, store, opened, path, parts, door.signal);
        if (found === request.content) return { parts, tried };
        tried.push(`${source.uri}: ${path} is another content by now.`);
      } finally {
        opened.close();
      }
    } catch (error) {
      await removeParts(store, parts);
      door.signal.throwIfAborted();
      tried.push(`${source.uri}: ${messageOf(error)}`);
      continue;
    }
    await removeParts(store, parts);
  }
  return { parts: [], tried };
};
export default refetch;

/** @returns the content's id, as read */
async function storeParts(
  { seal, content, parts }: RefetchRequest,
  store: Store,
  opened: Opened,
  path: string,
  stored: Refetched["parts"],
  signal: AbortSignal,
): Promise<string> {
  const sha256 = createHash("sha256");
  const arena = Buffer.allocUnsafe(Math.max(...parts.map(({ size }) => size)));
  for (const [part, { size, wanted }] of parts.entries()) {
    signal.throwIfAborted();
    const bytes = arena.subarray(0, await fill(opened, arena.subarray(0, size)));
    sha256.update(bytes);
    if (wanted === null) continue;
    const { encoding, stored: packed } = encode(bytes, path);
    const fresh = await startPack(store, seal, LARGE_CHUNK);
    try {
      await fresh.add(packed);
      const moved = { contentId: content, part, from: wanted, position: 0, stored: packed.length, encoding };
      stored.push({ pack: forThread(await fresh.commit()), moved });
    } catch (error) {
      await fresh.abort();
      throw error;
    }
  }
  const more = await fill(opened, Buffer.alloc(1));
  await opened.verify();
  return more ? "" : contentId(seal, sha256.digest());
}

async function fill(opened: Opened, into: Buffer): Promise<number> {
  let filled = 0;
  for (let got = 1; got && filled < into.length; filled += got) got = await opened.read(into.subarray(filled));
  return filled;
}

const removeParts = async (store: Store, parts: Refetched["parts"]) => {
  // What stays behind after a crash is forgotten by everybody and swept up a day later.
  for (const { pack } of parts) await store.remove(pack.storageKey).catch(() => {});
};
