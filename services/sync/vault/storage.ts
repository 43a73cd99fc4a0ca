import { bulk, row, type Em } from "../../../mixins/database.ts";
import type { StoredObject, StoreOptions } from "../../../mixins/vault/store.ts";
import type { Lease } from "../../../mixins/actor.ts";
import type { Workshop } from "../load.ts";
import { insisting } from "./place.ts";

/**
 * Age from which an object that no row names counts as forgotten, milliseconds. A pack's row is recorded within seconds of its object; a job
 * that stood still for longer has lost its lease and can't record it any more.
 */
export const forgottenMs = 24 * 3600 * 1000;

/** Packs from which on a tenant's objects are listed by the 256 folders they are fanned out over, so that a listing stays small. */
const manyPacks = 10_000;

/** What is below a tenant's folder in storage, in stretches that are listed one after the other. */
export async function stretchesOf(em: Em, tenantId: string): Promise<string[]> {
  const found = await row<{ packs: number }>(em, `select count(*)::int as packs from sync.packs where tenant_id = ?`, [tenantId]);
  if (found!.packs < manyPacks) return [""];
  return Array.from({ length: 256 }, (_, i) => i.toString(16).padStart(2, "0"));
}

/** What a stretch of storage holds. */
export interface Stretch {
  /** Objects that a row names, by pack id → size. */
  named: Map<string, number>;
  /** Objects that no row names and that are old enough to be nobody's. */
  forgotten: { objects: number; bytes: number };
}

/** Of a key that a pack may have; what else lies in storage is none of ours. */
const packKey = /^[0-9a-f-]{36}\/[0-9a-f]{2}\/([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})$/;

/**
 * Lists a stretch of a tenant's storage.
 * @param remove whether what is forgotten is removed
 */
export async function sweepStretch(
  { database, threads }: Workshop,
  lease: Lease,
  store: StoreOptions,
  stretch: string,
  remove: boolean,
): Promise<Stretch> {
  const { tenantId, signal } = lease;
  return await insisting(signal, async () => {
    const found: Stretch = { named: new Map(), forgotten: { objects: 0, bytes: 0 } };
    const sort = async (page: StoredObject[]): Promise<string[]> => {
      const packs = page.flatMap((object) => {
        const id = packKey.exec(object.key)?.[1];
        return id === undefined ? [] : [{ ...object, id }];
      });
      const named = await database.tenant(tenantId, (em) =>
        namedPacks(
          em,
          packs.map(({ id }) => id),
        ),
      );
      const old = Date.now() - forgottenMs;
      const gone = packs.filter(({ id, modifiedAt }) => !named.has(id) && modifiedAt < old);
      for (const { id, size } of packs) if (named.has(id)) found.named.set(id, size);
      for (const { size } of gone) {
        found.forgotten.objects++;
        found.forgotten.bytes += size;
      }
      return remove ? gone.map(({ key }) => key) : [];
    };
    await threads.work("sweep", { store, prefix: `${tenantId}/${stretch}` }, signal, sort);
    return found;
  });
}

async function namedPacks(em: Em, ids: string[]): Promise<Set<string>> {
  const found = await bulk<{ id: string }>(em, `select id from sync.packs where id = any($1::uuid[])`, [ids]);
  return new Set(found.map(({ id }) => id));
}
