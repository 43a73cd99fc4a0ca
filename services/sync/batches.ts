import { prepared, rows, type Database } from "../../mixins/database.ts";
import type { JobRef } from "./changes.ts";
import type { FetchItem } from "./plan.ts";
import type { StoredPart } from "./pull.ts";

/** A stored batch that is not done yet. */
export interface PlannedBatch {
  number: number;
  items: FetchItem[];
}

/** Batches that are read at a time. */
const atOnce = 4;

/**
 * Reads stored batches, a few ahead.
 * @param numbers of those that will be asked for, in this order
 * @returns reads the next; one that is done meanwhile has no items
 */
export function batchesInOrder(database: Database, job: JobRef, numbers: readonly number[]): () => Promise<PlannedBatch> {
  const ahead: Promise<PlannedBatch>[] = [];
  let at = 0;

  const read = async (wanted: readonly number[]) => {
    const found = await database.tenant(job.tenantId, (em) =>
      prepared<PlannedBatch>(
        em,
        `select number, items from sync.batches where job_id = $1 and number = any($2::int[]) and done_at is null`,
        [job.id, wanted],
      ),
    );
    return new Map(found.map(({ number, items }) => [number, items]));
  };

  return () => {
    if (!ahead.length) {
      const wanted = numbers.slice(at, (at += atOnce));
      const found = read(wanted);
      ahead.push(...wanted.map((number) => found.then((items) => ({ number, items: items.get(number) ?? [] }))));
      // Met where they are awaited; a run that ends early asks for no more.
      for (const batch of ahead) batch.catch(() => {});
    }
    return ahead.shift()!;
  };
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
