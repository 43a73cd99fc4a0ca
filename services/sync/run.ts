import { setTimeout as pause } from "node:timers/promises";
import { errors, failureType, isRetryable, messageOf } from "../../config/errors.ts";
import type { Lease } from "../../mixins/actor.ts";
import { bulk, row, rows, type Database, type Em } from "../../mixins/database.ts";
import { waitingTypes } from "../../mixins/mailbox.ts";
import { openSmall, type TenantKeys } from "../../mixins/vault/keys.ts";
import type { StoreOptions } from "../../mixins/vault/store.ts";
import { knownAssets, knownContent } from "./catalogue.ts";
import { jobById, type JobView } from "./job.ts";
import { credentialsPurpose } from "./jobs.ts";
import { batches, plan, type Batch, type FetchItem } from "./plan.ts";
import type { PullResult } from "./pull.ts";
import { recordBatch, recordFailures, type JobKeys } from "./record.ts";
import type { Spec } from "./sources/source.ts";
import { announce } from "./state.ts";
import type { TenantKeyring } from "./tenantkey.ts";
import type { Threads } from "./threads.ts";

/** What a node lends to the jobs it runs. */
export interface Workshop {
  database: Database;
  threads: Threads;
  keyring: TenantKeyring;
  store: StoreOptions;
  /** Batches of one job that are under way at the same time. */
  window: number;
}

interface Job extends JobKeys {
  spec: Spec;
  keys: TenantKeys;
  mode: "incremental" | "full";
  planned: boolean;
}

type Effect = (em: Em) => Promise<void>;

/** Letters that make a run leave its place; they are handled right after it. */
const interrupting = new Set(["pause", "cancel"]);

/**
 * A job from where it stands to its end: plan, pull, finish. Called again on another node after a crash, it goes on from the last batch
 * that was recorded. Returns what ends the job, or nothing when a pause or cancel letter waits.
 */
export async function runJob(workshop: Workshop, lease: Lease): Promise<Effect | undefined> {
  if (interrupted(await lease.waiting())) return undefined;
  const job = await load(workshop, lease);
  try {
    if (!job.planned) await planJob(workshop, lease, job);
    const stopped = await pullBatches(workshop, lease, job);
    return stopped ? undefined : (em) => finish(em, job);
  } catch (error) {
    // Lost lease, stopping node or a passing fault of our own servers: not the job's fault, it is started again from here.
    if (lease.signal.aborted || failureType(error) === "LEASE_LOST" || !isJobFault(error)) throw error;
    return (em) => announce(em, job, "failed", { error: { type: failureType(error), message: messageOf(error) } });
  }
}

/** Faults that a new start would only meet again, or that have been retried already. */
const isJobFault = (error: unknown) => /^(SOURCE|VAULT|VALIDATION|WORKER)_/.test(failureType(error));

async function load({ database, keyring }: Workshop, { key, tenantId }: Lease): Promise<Job> {
  const found = await database.tenant(tenantId, (em) =>
    row<{
      source_id: string;
      mode: "incremental" | "full";
      options: { analyse: boolean };
      planned_at: Date | null;
      sealed_credentials: Buffer;
    }>(em, `select source_id, mode, options, planned_at, sealed_credentials from sync.sync_jobs where id = ?`, [key]),
  );
  if (!found) throw errors.jobNotFound("The job's row is missing.", { id: key });
  const keys = await keyring.of(tenantId);
  const spec = JSON.parse(openSmall(keys, credentialsPurpose(key), found.sealed_credentials).toString()) as Spec;
  return {
    id: key,
    tenantId,
    sourceId: found.source_id,
    analyse: found.options.analyse,
    spec,
    keys,
    mode: found.mode,
    planned: found.planned_at !== null,
  };
}

/** Batches written per transaction while planning. */
const batchesPerWrite = 20;

/** Lists the source beside the catalogue and stores what is to be done as batches. A plan that was cut off is made anew: nothing of it has run. */
async function planJob({ database, threads }: Workshop, lease: Lease, job: Job): Promise<void> {
  await lease.commit(async (em) => {
    await em.execute(`delete from sync.batches where job_id = ?`, [job.id], "run");
    await em.execute(`delete from sync.failures where job_id = ?`, [job.id], "run");
    await em.execute(
      `update sync.sync_jobs set status = 'planning', started_at = coalesce(started_at, now()) where id = ?`,
      [job.id],
      "run",
    );
  });
  await threads.check(job.spec, lease.signal);
  const grouping = batches();
  const gone: string[] = [];
  let ready: Batch[] = [];
  let number = 0;
  const write = async () => {
    const chunk = ready.map((batch) => ({ number: ++number, items: batch.items, count: batch.items.length, bytes: batch.bytes }));
    ready = [];
    if (chunk.length) await lease.commit((em) => writeBatches(em, job, chunk));
  };
  const decisions = plan(threads.list(job.spec, lease.signal), knownAssets(database, job.tenantId, job.sourceId), job.mode);
  let step = await decisions.next();
  for (; !step.done; step = await decisions.next()) {
    const problems: { path: string; type: string; message: string; attempts: number }[] = [];
    for (const decision of step.value) {
      if (decision.kind === "fetch") ready.push(...grouping.add(decision));
      else if (decision.kind === "gone") gone.push(decision.assetId);
      else if (decision.kind === "problem")
        problems.push({ path: decision.path, type: decision.type, message: decision.message, attempts: 1 });
    }
    if (problems.length) await lease.commit((em) => recordFailures(em, job, problems));
    if (ready.length >= batchesPerWrite) await write();
  }
  ready.push(...grouping.end());
  await write();
  const summary = step.value;
  await lease.commit(async (em) => {
    // After an incomplete listing nothing is retired: what was not listed may still be there.
    const retired = summary.complete ? await retire(em, gone) : 0;
    await em.execute(
      `update sync.sync_jobs set status = 'running', planned_at = now(), items_total = ?, items_unchanged = ?, items_failed = ?, items_gone = ?, bytes_total = ?,
              result = jsonb_build_object('listingComplete', ?::boolean) where id = ?`,
      [
        summary.fetch.items + summary.unchanged + summary.problems,
        summary.unchanged,
        summary.problems,
        retired,
        summary.fetch.bytes,
        summary.complete,
        job.id,
      ],
      "run",
    );
    await announce(em, job, "planned");
  });
}

async function writeBatches(
  em: Em,
  job: Job,
  chunk: { number: number; items: FetchItem[]; count: number; bytes: number }[],
): Promise<void> {
  await bulk(
    em,
    `insert into sync.batches (job_id, number, tenant_id, items, item_count, bytes)
     select $1::uuid, number, $2::uuid, items, count, bytes from json_to_recordset($3::json) as b(number int, items jsonb, count int, bytes bigint)`,
    [job.id, job.tenantId, JSON.stringify(chunk)],
  );
}

/** Marks assets that their source has no more; their versions stay. */
async function retire(em: Em, assetIds: string[]): Promise<number> {
  if (!assetIds.length) return 0;
  const retired = await rows(
    em,
    `update sync.assets set gone_at = now(), updated_at = now()
     where gone_at is null and id in (select value::uuid from json_array_elements_text(?::json)) returning 1`,
    [JSON.stringify(assetIds)],
  );
  return retired.length;
}

/** Whole-batch faults in a row after which the job ends: the vault or the source is down, not a file. */
const hopeless = 3;
/** Between two events of progress: each is carried to every consumer, and nobody sees thirty a second. */
const progressMs = 200;

/** Works the waiting batches off, several at a time. Returns true when it stopped for a waiting letter. */
async function pullBatches(workshop: Workshop, lease: Lease, job: Job): Promise<boolean> {
  const waiting = await workshop.database.tenant(job.tenantId, (em) =>
    rows<{ number: number }>(em, `select number from sync.batches where job_id = ? and done_at is null order by number`, [job.id]),
  );
  const queue = waiting.map(({ number }) => number);
  let stopped = interrupted(await lease.waiting());
  let faults = 0;
  let told = 0;
  const lane = async () => {
    for (let number = queue.shift(); number !== undefined && !stopped; number = queue.shift()) {
      const result = await pullBatch(workshop, lease, job, number);
      faults = result.fault ? faults + 1 : 0;
      if (result.fault && faults >= hopeless) throw result.fault as Error;
      const tell = Date.now() - told >= progressMs;
      if (tell) told = Date.now();
      const letters = await lease.commit(async (em) => {
        await recordBatch(em, job, number, result, tell);
        return await waitingTypes(em, "sync", job.id, lease.messageId);
      });
      stopped ||= interrupted(letters);
    }
  };
  // A lane that fails must not leave the others pulling behind its back.
  const lanes = Array.from({ length: workshop.window }, () =>
    lane().catch((error: unknown) => {
      stopped = true;
      throw error;
    }),
  );
  const failed = (await Promise.allSettled(lanes)).find((outcome) => outcome.status === "rejected");
  if (failed) throw failed.reason as Error;
  return stopped;
}

const interrupted = (letters: string[]) => letters.some((type) => interrupting.has(type));

const batchAttempts = 3;

/** Pulls a batch. A fault of the whole batch is retried where that may help, and then becomes the failure of each of its items. */
async function pullBatch(
  { database, threads, store }: Workshop,
  lease: Lease,
  job: Job,
  number: number,
): Promise<PullResult & { fault?: unknown }> {
  const batch = await database.tenant(job.tenantId, (em) =>
    row<{ items: FetchItem[] }>(em, `select items from sync.batches where job_id = ? and number = ? and done_at is null`, [job.id, number]),
  );
  const items = batch?.items ?? [];
  for (let attempt = 1; ; attempt++) {
    try {
      return await threads.pull({ source: job.spec, keys: job.keys, store, items }, knownContent(database, job.tenantId), lease.signal);
    } catch (fault) {
      if (lease.signal.aborted || !isJobFault(fault)) throw fault;
      if (!isRetryable(fault) || attempt === batchAttempts) {
        const failure = { type: failureType(fault), message: messageOf(fault), retryable: isRetryable(fault), attempts: attempt };
        return { items: [], failures: items.map(({ path }) => ({ path, ...failure })), fault };
      }
      await pause(250 * 2 ** attempt, undefined, { signal: lease.signal });
    }
  }
}

async function finish(em: Em, job: Job): Promise<void> {
  const view: JobView = await jobById(em, job.id);
  const sealed = await row<{ packs: number; bytes: number }>(
    em,
    `select count(*)::int as packs, coalesce(sum(sealed_size), 0)::float8 as bytes from sync.packs
     where id in (select b.pack_id from sync.asset_versions v join sync.blobs b using (tenant_id, content_id) where v.job_id = ?)`,
    [job.id],
  );
  await announce(em, job, view.items.failed ? "completed_with_errors" : "completed", {
    result: { ...view.result, packs: sealed?.packs ?? 0, sealedBytes: sealed?.bytes ?? 0 },
  });
}
