import { setTimeout as pause } from "node:timers/promises";
import { failureType, isRetryable, messageOf } from "../../config/errors.ts";
import type { Lease } from "../../mixins/actor.ts";
import { row } from "../../mixins/database.ts";
import type { StoreOptions } from "../../mixins/vault/store.ts";
import { waitingTypes } from "../../mixins/mailbox.ts";
import { knownContent } from "./catalogue.ts";
import { inLanes } from "./lanes.ts";
import { paceOf, type Job, type Workshop } from "./load.ts";
import { isJobFault } from "./faults.ts";
import { storedParts, type PlannedBatch } from "./batches.ts";
import { batchLimits } from "./plan.ts";
import type { PullResult } from "./pull.ts";
import { recordBatch, recordPart } from "./record.ts";
import { progressOf, type Progress } from "./tally.ts";
import { whileTelling } from "./telling.ts";
import { packColumns, unpackResult } from "./wire.ts";

/** Whole-batch faults in a row after which the job ends: the vault or the source is down, not a file. */
const hopeless = 3;
const batchAttempts = 3;

/** Works the waiting batches off, several at a time. Returns true when it stopped for a waiting letter. */
export async function pullBatches(workshop: Workshop, lease: Lease, job: Job): Promise<boolean> {
  const { id, tenantId, sourceId } = job;
  const moves = await workshop.database.tenant(tenantId, (em) =>
    row(em, `select 1 from sync.changes where job_id = ? and action = 'retire' limit 1`, [id]),
  );
  const recording = { id, tenantId, sourceId, analyse: job.options.analyse ?? true, moves: moves !== undefined };
  const progress = progressOf(job);
  let faults = 0;
  const one = async (batch: PlannedBatch) => {
    for (let attempt = 1; ; attempt++) {
      const { result, fault } = await pullBatch(workshop, lease, job, batch, progress);
      faults = fault ? faults + 1 : 0;
      if (fault && faults >= hopeless) throw fault as Error;
      try {
        return await lease.commit(async (em) => {
          await recordBatch(em, recording, batch, result, progress);
          return await waitingTypes(em, "sync", id, lease.messageId);
        });
      } catch (error) {
        if (failureType(error) !== "CONTENT_VANISHED" || attempt === batchAttempts) throw error;
      }
    }
  };
  return await whileTelling(lease, recording, () => inLanes(workshop, lease, job, one));
}

interface Pulled {
  result: PullResult;
  /** What the whole batch failed of; the result then has it as the failure of each item. */
  fault?: unknown;
}

/** Pulls a batch. A fault of the whole batch is retried where that may help, and then becomes the failure of each of its items. */
async function pullBatch(workshop: Workshop, lease: Lease, job: Job, batch: PlannedBatch, progress: Progress): Promise<Pulled> {
  const { database, threads, store, keyring } = workshop;
  const { number, items } = batch;
  const known = knownContent(database, job.tenantId);
  const pace = paceOf(workshop, job);
  for (let attempt = 1; ; attempt++) {
    try {
      const request = {
        source: job.source!,
        ...(pace && { pace }),
        // Asked for each batch: a long job notices that the key was rotated, or the vault shredded.
        keys: await keyring.of(job.tenantId),
        store,
        items: packColumns(items),
        strict: job.approved,
        compress: compresses(job, store),
        parts: items.length === 1 && items[0]!.size >= batchLimits.largeFrom ? await storedParts(database, job, number) : [],
      };
      const result = await threads.work("pull", request, lease.signal, async (question) => {
        if (question.kind === "known") return await known(question.contentIds);
        const part = { ...question.part, wrappedDataKey: Buffer.from(question.part.wrappedDataKey) };
        await lease.commit((em) => recordPart(em, job, number, part, progress));
        return undefined;
      });
      return { result: unpackResult(result) };
    } catch (fault) {
      if (lease.signal.aborted || !isJobFault(fault)) throw fault;
      if (!isRetryable(fault) || attempt === batchAttempts) {
        const failure = { type: failureType(fault), message: messageOf(fault), retryable: isRetryable(fault), attempts: attempt };
        return { result: { items: [], failures: items.map(({ path }) => ({ path, ...failure })) }, fault };
      }
      await pause(250 * 2 ** attempt, undefined, { signal: lease.signal });
    }
  }
}

/** From a folder into a folder it costs more time than it saves: two cores compress less than they seal. */
function compresses(job: Job, store: StoreOptions): boolean {
  const { compression = "auto" } = job.options;
  return compression === "on" || (compression === "auto" && (job.source!.host !== "" || !store.url.startsWith("file:")));
}
