import { createHash } from "node:crypto";
import { contentId, type TenantKeys } from "../../../mixins/vault/keys.ts";
import type { StoreOptions } from "../../../mixins/vault/store.ts";
import type { PackContents, PackVerdict } from "../vault/contents.ts";
import { inspectPack } from "../vault/inspect.ts";
import type { Work } from "./work.ts";

export interface VerifyRequest {
  store: StoreOptions;
  /** All of the tenant's that open something. */
  keys: TenantKeys[];
  packs: PackContents[];
  /** A large content, hexadecimal: the packs are those of its first parts, each with that part alone; the others are asked for. */
  content?: string;
}

/** Asks for the packs of a content's parts from this one on. None: there are no more; nothing: stop. */
export interface MoreParts {
  from: number;
}

/**
 * Reads packs back, or a large content part by part: its bytes are hashed as they come, so that its id proves all of it.
 * @returns a verdict per pack; nothing when it was told to stop
 */
const verify: Work<VerifyRequest, PackVerdict[] | null, MoreParts, PackContents[] | null> = async (request, door) => {
  const { keys, content } = request;
  const store = await door.store(request.store);
  const verdicts: PackVerdict[] = [];
  const sha256 = createHash("sha256");
  for (let packs: PackContents[] | null = request.packs; packs?.length;) {
    for (const pack of packs) {
      door.signal.throwIfAborted();
      const hashed = new Set<number>();
      const look = () =>
        inspectPack(store, keys, pack, ({ part, bytes }) => {
          if (hashed.has(part)) return;
          hashed.add(part);
          if (content !== undefined) sha256.update(bytes);
        });
      const verdict = await look();
      // A bit may have turned on its way here: what storage holds is damaged only if it still is at a second look.
      verdicts.push(verdict.damage ? await look() : verdict);
    }
    if (content === undefined) return verdicts;
    packs = await door.ask({ from: packs.at(-1)!.blobs.at(-1)!.part + 1 });
    if (!packs) return null;
  }
  if (content !== undefined && verdicts.every(({ damage }) => !damage) && contentId(keys[0]!, sha256.digest()) !== content) {
    const damage = { kind: "content", message: `Content ${content} has other bytes than were stored.` } as const;
    return verdicts.map((verdict, part) => ({ ...verdict, damage, lost: [{ contentId: content, part }] }));
  }
  return verdicts;
};
export default verify;
