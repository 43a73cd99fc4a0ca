import { storageKey, type Store, type StoreOptions } from "../../../mixins/vault/store.ts";
import type { TenantKeys } from "../../../mixins/vault/keys.ts";
import type { PackPlace, PackVerdict } from "../vault/contents.ts";
import { soundObject } from "../vault/inspect.ts";
import type { Work } from "./work.ts";

export interface CopyRequest {
  from: StoreOptions;
  to: StoreOptions;
  tenantId: string;
  /** All of the tenant's that open something. */
  keys: TenantKeys[];
  packs: PackPlace[];
}

/** Copies sealed objects as they are; one that is damaged is not copied. @returns a verdict per pack */
const copy: Work<CopyRequest, PackVerdict[]> = async ({ from, to, tenantId, keys, packs }, door) => {
  const [source, target] = [await door.store(from), await door.store(to)];
  const verdicts: PackVerdict[] = [];
  for (const pack of packs) {
    door.signal.throwIfAborted();
    const damage = await soundObject(source, keys, pack, (sealed) => put(target, storageKey(tenantId, pack.id), sealed));
    verdicts.push({ packId: pack.id, read: pack.sealedSize, damage, lost: [] });
  }
  return verdicts;
};
export default copy;

async function put(store: Store, key: string, bytes: Buffer): Promise<void> {
  const upload = await store.create(key);
  try {
    await upload.write([bytes]);
  } catch (error) {
    await upload.abort();
    throw error;
  }
  await upload.commit();
}
