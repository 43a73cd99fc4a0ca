import { randomUUID } from "node:crypto";
import { makeDataKey, type TenantKeys } from "./keys.ts";
import { Sealer } from "./seal.ts";
import { storageKey, type Store } from "./store.ts";

/** One sealed object, as the catalogue keeps it. */
export interface PackRecord {
  id: string;
  storageKey: string;
  chunkSize: number;
  /** Bytes before sealing. */
  plainSize: number;
  /** Bytes in storage. */
  sealedSize: number;
  tenantKeyId: string;
  wrappedDataKey: Buffer;
}

/** A pack being written; nothing of it is visible before `commit` has resolved. */
export interface PackWriter {
  /** Answers where in the pack the bytes begin. They may be reused once it has resolved. */
  add(plain: Uint8Array): Promise<number>;
  commit(): Promise<PackRecord>;
  /** Safe after a failure. */
  abort(): Promise<void>;
}

/** Sealed bytes gathered before the store is called. */
const GATHER = 1024 * 1024;

export async function startPack(store: Store, keys: TenantKeys, chunkSize: number): Promise<PackWriter> {
  const id = randomUUID();
  const key = storageKey(keys.tenantId, id);
  const { dataKey, wrapped } = makeDataKey(keys, id);
  const sealer = new Sealer(dataKey, { packId: id, chunkSize });
  const upload = await store.create(key);
  let ready: Buffer[] = [];
  let written = 0;

  const flush = async () => {
    const buffers = ready;
    ready = [];
    written = sealer.sealedSize;
    await upload.write(buffers);
  };

  return {
    async add(plain) {
      const offset = sealer.plainSize;
      ready.push(...sealer.update(plain));
      if (sealer.sealedSize - written >= GATHER) await flush();
      return offset;
    },
    async commit() {
      ready.push(...sealer.final());
      await flush();
      await upload.commit();
      const { plainSize, sealedSize } = sealer;
      return { id, storageKey: key, chunkSize, plainSize, sealedSize, tenantKeyId: keys.keyId, wrappedDataKey: wrapped };
    },
    abort: () => upload.abort(),
  };
}
