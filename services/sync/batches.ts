import { row, rows, type Database } from "../../mixins/database.ts";
import type { JobRef } from "./changes.ts";
import type { FetchItem } from "./plan.ts";
import type { StoredPart } from "./pull.ts";

/** The items of a stored batch that is not done yet. */
export async function planned(database: Database, job: JobRef, number: number): Promise<FetchItem[]> {
  const batch = await database.tenant(job.tenantId, (em) =>
    row<{ items: FetchItem[] }>(em, `select items from sync.batches where job_id = ? and number = ? and done_at is null`, [job.id, number]),
  );
  return batch?.items ?? [];
}

/** The parts of a batch's large file that are stored already, in order. */
export async function storedParts(database: Database, job: JobRef, number: number): Promise<StoredPart[]> {
  const found = await database.tenant(job.tenantId, (em) =>
    rows<Omit<StoredPart, "wrappedDataKey" | "encoding"> & { encoding: 0 | 1; wrapped_key: Buffer }>(
      em,
      `select t.number, t.size::float8 as size, t.stored_size::float8 as stored, t.encoding, t.fingerprint, p.id, p.storage_key as "storageKey",
              p.chunk_size as "chunkSize", p.plain_size::float8 as "plainSize", p.sealed_size::float8 as "sealedSize", p.tenant_key_id as "tenantKeyId", p.wrapped_key
       from sync.parts t join sync.packs p on p.id = t.pack_id where t.job_id = ? and t.batch = ? order by t.number`,
      [job.id, number],
    ),
  );
  return found.map(({ wrapped_key, ...part }) => ({ ...part, wrappedDataKey: Buffer.from(wrapped_key) }));
}
