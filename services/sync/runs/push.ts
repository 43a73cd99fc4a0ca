import { failureType, messageOf } from "../../../config/errors.ts";
import type { Lease } from "../../../mixins/actor.ts";
import { bulk, rows, type Em } from "../../../mixins/database.ts";
import { waitingTypes } from "../../../mixins/mailbox.ts";
import type { PlannedBatch } from "../batches.ts";
import { isJobFault } from "../faults.ts";
import { jobById } from "../job.ts";
import { inLanes } from "../lanes.ts";
import { interrupts, type Job, type Runner, type Workshop } from "../load.ts";
import { recordWritten } from "../mirror.ts";
import { planJob } from "../planning.ts";
import { existingOf } from "../planners/push.ts";
import { recordFailures } from "../record.ts";
import type { OutcomeLetter } from "../report.ts";
import { announce } from "../state.ts";
import { progressOf, type Progress } from "../tally.ts";
import { contentTickets } from "../tickets.ts";
import { insisting } from "../vault/place.ts";
import type { PushResult } from "../work/push.ts";

/** A mirror or a restore: assets of the vault to a destination, then away with what is no more. */
export const pushRun: Runner = async (workshop, lease, job) => {
  if (!job.planned) {
    await workshop.threads.work("check", { place: job.target!, purpose: "write" }, lease.signal);
    if (!(await planJob(workshop, lease, job))) return undefined;
  }
  const progress = progressOf(job);
  const stopped =
    (await inLanes(workshop, lease, job, (batch) => pushBatch(workshop, lease, job, batch, progress))) ||
    (await removeGone(workshop, lease, job));
  return stopped ? undefined : (em) => finish(em, job);
};

async function pushBatch(
  workshop: Workshop,
  lease: Lease,
  job: Job,
  { number, items: planned }: PlannedBatch,
  progress: Progress,
): Promise<string[]> {
  const { database, threads, keyring, store } = workshop;
  const items = planned.map(({ path, size, modifiedAt, fingerprint }) => {
    return { path, size, modifiedAt, contentId: fingerprint };
  });
  const tickets = await database.tenant(job.tenantId, (em) =>
    contentTickets(
      em,
      job.tenantId,
      items.map(({ contentId }) => contentId),
    ),
  );
  const request = { target: job.target!, store, keys: await keyring.all(job.tenantId), items, existing: existingOf(job) };
  let result: PushResult;
  try {
    result = await insisting(lease.signal, () =>
      threads.work("push", request, lease.signal, async ({ contentId, from }) => {
        const first = tickets.get(contentId);
        if (from === 0 && first) return first;
        return (await database.tenant(job.tenantId, (em) => contentTickets(em, job.tenantId, [contentId], from))).get(contentId);
      }),
    );
  } catch (error) {
    if (lease.signal.aborted || !isJobFault(error)) throw error;
    const failure = { type: failureType(error), message: messageOf(error), retryable: false, attempts: 1 };
    result = { written: [], left: [], failures: items.map(({ path }) => ({ path, ...failure })) };
  }
  return await lease.commit(async (em) => {
    await recordPushed(em, job, number, items, result, progress);
    return await waitingTypes(em, "sync", job.id, lease.messageId);
  });
}

async function recordPushed(
  em: Em,
  job: Job,
  number: number,
  items: { path: string; size: number; contentId: string }[],
  { written, left, failures }: PushResult,
  progress: Progress,
): Promise<void> {
  const open = await rows(em, `select 1 from sync.batches where job_id = ? and number = ? and done_at is null for update`, [
    job.id,
    number,
  ]);
  if (!open.length) return;
  const prints = new Map(written.map(({ path, fingerprint }) => [path, fingerprint]));
  // Only a mirror goes on from what it has written, and removes it one day.
  if (job.kind === "mirror") {
    const there = items.flatMap(({ path, size, contentId }) => {
      const fingerprint = prints.get(path);
      return fingerprint === undefined ? [] : [{ path, size, contentId, fingerprint }];
    });
    await recordWritten(em, job, there);
  }
  await recordFailures(em, job, failures);
  const letters = new Map<string, OutcomeLetter>([
    ...written.map(({ path, to }) => [path, to === undefined ? "s" : "b"] as const),
    ...left.map(({ path, why }) => [path, why === "kept" ? "k" : "u"] as const),
  ]);
  const outcomes = items.map(({ path }) => letters.get(path) ?? "f").join("");
  await bulk(em, `update sync.batches set done_at = now(), outcomes = $3 where job_id = $1::uuid and number = $2`, [
    job.id,
    number,
    outcomes,
  ]);
  await progress.add(em, {
    stored: written.length,
    unchanged: left.length,
    failed: failures.length,
    bytes: items.reduce((sum, { size }) => sum + size, 0),
  });
}

const removedAtOnce = 500;

/** Removes what the plan says is gone, page by page. Returns true when it stopped for a waiting letter. */
async function removeGone({ database, threads }: Workshop, lease: Lease, job: Job): Promise<boolean> {
  for (;;) {
    if (interrupts(await lease.waiting())) return true;
    const page = await database.tenant(job.tenantId, (em) =>
      rows<{ path: string }>(
        em,
        `select path from sync.changes where job_id = ? and action = 'retire' and done_at is null order by path limit ${removedAtOnce}`,
        [job.id],
      ),
    );
    if (!page.length) return false;
    const { removed, failures } = await threads.work("remove", { target: job.target!, paths: page.map(({ path }) => path) }, lease.signal);
    await lease.commit(async (em) => {
      await bulk(
        em,
        `delete from sync.mirror_items where target_id = $1::uuid and path in (select value from json_array_elements_text($2::json))`,
        [job.targetId, JSON.stringify(removed)],
      );
      await recordFailures(em, job, failures);
      const paths = JSON.stringify(page.map(({ path }) => path));
      await bulk(
        em,
        `update sync.changes set done_at = now() where job_id = $1::uuid and path in (select value from json_array_elements_text($2::json))`,
        [job.id, paths],
      );
      await em.execute(
        `update sync.sync_jobs set items_gone = items_gone + ?, items_failed = items_failed + ? where id = ?`,
        [removed.length, failures.length, job.id],
        "run",
      );
    });
  }
}

async function finish(em: Em, job: Job): Promise<void> {
  const view = await jobById(em, job.id);
  await announce(em, job, view.items.failed ? "completed_with_errors" : "completed", { result: { ...view.result } });
}
