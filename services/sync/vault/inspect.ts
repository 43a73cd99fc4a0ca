import { hash, type KeyObject } from "node:crypto";
import { setImmediate as turn } from "node:timers/promises";
import { failureType, messageOf } from "../../../config/errors.ts";
import { decode } from "../../../mixins/vault/encoding.ts";
import { contentId, openDataKey, type TenantKeys } from "../../../mixins/vault/keys.ts";
import { storageKey, type Store } from "../../../mixins/vault/store.ts";
import { openWhole, type WholePack } from "../../../mixins/vault/whole.ts";
import type { BlobPlace, Damage, PackContents, PackPlace, PackVerdict } from "./contents.ts";

/** A sound blob while its pack is being read; the bytes are gone afterwards. */
export interface SoundBlob extends BlobPlace {
  /** As they lie in the pack. */
  packed: Buffer;
  /** Decoded. */
  bytes: Buffer;
}

/**
 * Reads a pack whole from storage and checks all there is to check: the object's length and header, every chunk's tag, that each blob decodes
 * to its size and, for contents of one part, that the bytes have the content's id.
 * @param keys all of the tenant's that open something
 * @param each is handed the sound blobs, in order
 * @throws VAULT_UNREACHABLE, VAULT_DENIED: then nothing is known; damage is no error
 */
export async function inspectPack(
  store: Store,
  keys: readonly TenantKeys[],
  pack: PackContents,
  each: (blob: SoundBlob) => void | Promise<void> = () => {},
): Promise<PackVerdict> {
  const lost = (damage: Damage, read = 0): PackVerdict => ({ packId: pack.id, read, damage, lost: pack.blobs.map(lostOf) });
  const key = dataKeyOf(keys, pack);
  if ("kind" in key) return lost(key);
  return await withObject(store, key.tenantId, pack, async (sealed) => {
    if ("kind" in sealed) return lost(sealed);
    const opened = openWhole({ ...pack, packId: pack.id }, key.dataKey, sealed, sealed);
    // Local storage never waits by itself: nothing else of the thread would be heard between two packs.
    await turn();
    const verdict: PackVerdict = { packId: pack.id, read: sealed.length, damage: objectDamage(pack, sealed.length, opened), lost: [] };
    const bad = new Set(opened.bad);
    for (const blob of pack.blobs) {
      const found = bytesOf(keys, pack, blob, sealed, bad);
      if ("bytes" in found) await each({ ...blob, ...found });
      else {
        verdict.lost.push(lostOf(blob));
        verdict.damage ??= found;
      }
    }
    return verdict;
  });
}

/**
 * Reads a pack's object and hands it on when it is sound, as far as that can be told without looking into it.
 * @returns its damage otherwise
 */
export async function soundObject(
  store: Store,
  keys: readonly TenantKeys[],
  pack: PackPlace,
  use: (sealed: Buffer) => Promise<void>,
): Promise<Damage | null> {
  const key = dataKeyOf(keys, pack);
  if ("kind" in key) return key;
  return await withObject(store, key.tenantId, pack, async (sealed) => {
    if ("kind" in sealed) return sealed;
    const damage = objectDamage(pack, sealed.length, openWhole({ ...pack, packId: pack.id }, key.dataKey, sealed));
    if (!damage) await use(sealed);
    return damage;
  });
}

const lostOf = ({ contentId, part }: BlobPlace) => ({ contentId, part });

function dataKeyOf(keys: readonly TenantKeys[], pack: PackPlace): { tenantId: string; dataKey: KeyObject } | Damage {
  const tenantKey = keys.find(({ keyId }) => keyId === pack.tenantKeyId);
  if (!tenantKey) return { kind: "key", message: `Its tenant key ${pack.tenantKeyId} is no more.` };
  try {
    return { tenantId: tenantKey.tenantId, dataKey: openDataKey(tenantKey, pack.id, pack.wrappedDataKey) };
  } catch (error) {
    if (failureType(error) !== "VAULT_KEY_UNUSABLE") throw error;
    return { kind: "key", message: messageOf(error) };
  }
}

/** Kept from pack to pack: each is as large as a batch. */
const arenas: Buffer[] = [];
const idleArenas = 2;

async function withObject<T>(store: Store, tenantId: string, pack: PackPlace, use: (sealed: Buffer | Damage) => Promise<T>): Promise<T> {
  // A byte more: an object that something was appended to is not the one that was written.
  const wanted = pack.sealedSize + 1;
  const fits = arenas.findIndex(({ length }) => length >= wanted);
  const arena = fits >= 0 ? arenas.splice(fits, 1)[0]! : Buffer.allocUnsafeSlow(wanted);
  try {
    return await use(await readObject(store, storageKey(tenantId, pack.id), arena.subarray(0, wanted)));
  } finally {
    arenas.push(arena);
    arenas.sort((a, b) => b.length - a.length).splice(idleArenas);
  }
}

async function readObject(store: Store, key: string, into: Buffer): Promise<Buffer | Damage> {
  try {
    return into.subarray(0, await store.fill(key, into));
  } catch (error) {
    const type = failureType(error);
    if (type === "VAULT_OBJECT_MISSING") {
      // Not one object but all of the storage may be away.
      await store.check();
      return { kind: "missing", message: "Its object is missing from storage." };
    }
    if (type === "VAULT_DAMAGED") return { kind: "altered", message: messageOf(error) };
    throw error;
  }
}

/** Numbers of chunks that a message lists. */
const listed = 8;

function objectDamage(pack: PackPlace, length: number, { header, chunks, bad }: WholePack): Damage | null {
  if (length < pack.sealedSize) return { kind: "truncated", message: `Its object has ${length} bytes; ${pack.sealedSize} were written.` };
  if (length > pack.sealedSize)
    return { kind: "altered", message: `Its object has more than the ${pack.sealedSize} bytes that were written.` };
  if (bad.length === chunks) return { kind: "altered", message: `None of its object's ${chunks} chunks verifies.` };
  if (bad.length) {
    const numbers = `${bad.slice(0, listed).join(", ")}${bad.length > listed ? ", …" : ""}`;
    return { kind: "altered", message: `${bad.length} of its object's ${chunks} chunks do not verify: ${numbers}.` };
  }
  return header ? null : { kind: "altered", message: "Its object's header is not the one that was written." };
}

function bytesOf(
  keys: readonly TenantKeys[],
  pack: PackPlace,
  blob: BlobPlace,
  plain: Buffer,
  bad: ReadonlySet<number>,
): { packed: Buffer; bytes: Buffer } | Damage {
  const wrong = (message: string): Damage => ({ kind: "content", message: `Content ${blob.contentId} ${message}` });
  const end = blob.position + blob.stored;
  if (end > pack.plainSize) return wrong(`is said to end at byte ${end} of a pack of ${pack.plainSize}.`);
  const last = Math.floor(Math.max(blob.position, end - 1) / pack.chunkSize);
  for (let chunk = Math.floor(blob.position / pack.chunkSize); chunk <= last; chunk++)
    if (bad.has(chunk)) return { kind: "altered", message: `Chunk ${chunk} of its object does not verify.` };
  const packed = plain.subarray(blob.position, end);
  let bytes: Buffer;
  try {
    bytes = decode(blob.encoding, packed, blob.size);
  } catch (error) {
    return wrong(`can't be decoded: ${messageOf(error)}`);
  }
  if (bytes.length !== blob.size) return wrong(`has ${bytes.length} bytes; ${blob.size} were stored.`);
  if (!blob.several && contentId(keys[0]!, hash("sha256", bytes, "buffer")) !== blob.contentId)
    return wrong("has other bytes than were stored.");
  return { packed, bytes };
}
