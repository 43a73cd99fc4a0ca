import { createHash } from "node:crypto";
import type { Lease } from "../../mixins/actor.ts";
import { bulk, rows, type Em } from "../../mixins/database.ts";
import { knownAssets } from "./catalogue.ts";
import { countChanges, forgetGone, writeGone, writeTouches } from "./changes.ts";
import { failedPaths, onlyPaths } from "./failed.ts";
import { filterOf } from "./filters.ts";
import type { Job, Workshop } from "./load.ts";
import { findMoves } from "./moves.ts";
import { batches, plan, type Batch, type Decision, type GoneDecision, type PlanSummary, type TouchDecision } from "./plan.ts";
import { recordFailures } from "./record.ts";
import { kindOf } from "./sources/kinds.ts";
import { announce } from "./state.ts";
import { doubtsOf } from "./thresholds.ts";

/** Batches written per transaction while planning. */
const batchesPerWrite = 20;

/** Decisions of a job's plan, made from the source and the catalogue as they are now. Nothing is written. */
function decide({ database, threads }: Workshop, lease: Lease, job: Job) {
  const { contentTag } = kindOf(job.source!);
  const listing = threads.list(job.source!, lease.signal);
  const rules = { mode: job.mode, filter: filterOf(job.options.filters), contentTag };
  if (!job.retryOf) return plan(listing, knownAssets(database, job.tenantId, job.sourceId), rules);
  // Of the items that failed, only those that are still there; what else has changed is another run's business.
  return plan(onlyPaths(listing, failedPaths(database, job.tenantId, job.retryOf)), [], { ...rules, mode: "full" });
}

/** Digest over what a plan would do, in its order. */
function digesting() {
  const sha256 = createHash("sha256");
  return {
    add(decisions: Decision[]) {
      for (const decision of decisions)
        sha256.update(`${decision.kind} ${decision.path}\0${"fingerprint" in decision ? decision.fingerprint : ""}\0`);
    },
    end: () => sha256.digest("hex"),
  };
}

/** The digest of the plan that would be made now: the same as the stored plan's while neither source nor catalogue has moved on. */
export async function digestNow(workshop: Workshop, lease: Lease, job: Job): Promise<string> {
  const digest = digesting();
  for await (const decisions of decide(workshop, lease, job)) digest.add(decisions);
  return digest.end();
}

/**
 * Lists the source beside the catalogue and stores what is to be done: what is to be fetched as batches, the rest as changes. Nothing of it has
 * run when this ends, and a plan that was cut off is made anew. A plan that is a dry run or looks like an accident is parked.
 * @returns whether the plan may be carried out now
 */
export async function planJob(workshop: Workshop, lease: Lease, job: Job): Promise<boolean> {
  await lease.commit((em) => startAnew(em, job.id));
  const { moveTag, contentTag, guarantee } = kindOf(job.source!);
  const contentMoves = job.options.moves === "content";
  const tagOf = (fingerprint: string, path: string) => (contentMoves ? contentTag(fingerprint) : moveTag(fingerprint, path));

  const grouping = batches();
  const digest = digesting();
  let ready: Batch[] = [];
  let count = 0;
  const write = async () => {
    const chunk = ready.map((batch) => ({ number: ++count, items: batch.items, count: batch.items.length, bytes: batch.bytes }));
    ready = [];
    if (chunk.length) await lease.commit((em) => writeBatches(em, job, chunk));
  };
  const decisions = decide(workshop, lease, job);
  let step = await decisions.next();
  for (; !step.done; step = await decisions.next()) {
    if (!step.value.length) continue;
    digest.add(step.value);
    const gone: GoneDecision[] = [];
    const touches: TouchDecision[] = [];
    const problems: { path: string; type: string; message: string; attempts: number }[] = [];
    for (const decision of step.value) {
      if (decision.kind === "fetch") ready.push(...grouping.add(decision));
      else if (decision.kind === "gone") gone.push(decision);
      else if (decision.kind === "touch") touches.push(decision);
      else problems.push({ path: decision.path, type: decision.type, message: decision.message, attempts: 1 });
    }
    if (gone.length || touches.length || problems.length)
      await lease.commit(async (em) => {
        await writeGone(em, job, gone, tagOf);
        await writeTouches(em, job, touches);
        await recordFailures(em, job, problems);
      });
    if (ready.length >= batchesPerWrite) await write();
  }
  ready.push(...grouping.end());
  await write();

  const summary = step.value;
  // After an incomplete listing nothing is retired or taken for moved: what was not listed may still be there.
  const keeps = !summary.complete || job.options.deletions === "keep";
  const moved = { items: 0, bytes: 0 };
  if (summary.gone && keeps) await lease.commit((em) => forgetGone(em, job.id));
  else if (summary.gone) {
    for (const number of await batchNumbers(workshop, job)) {
      const found = await lease.commit((em) => findMoves(em, job, number, tagOf, !contentTagged(contentTag)));
      moved.items += found.items;
      moved.bytes += found.bytes;
    }
  }
  return await lease.commit((em) => settle(em, job, summary, moved, digest.end(), { guarantee, keeps }));
}

/** Whether a kind knows contents by its listing: then several assets of one tag are copies, and any may be the one that moved. */
const contentTagged = (contentTag: (fingerprint: string) => string | null) => contentTag("0.0.x") !== null;

async function startAnew(em: Em, jobId: string): Promise<void> {
  for (const table of ["batches", "changes", "failures"]) await em.execute(`delete from sync.${table} where job_id = ?`, [jobId], "run");
  await em.execute(`update sync.sync_jobs set status = 'planning', started_at = coalesce(started_at, now()) where id = ?`, [jobId], "run");
}

const batchNumbers = async ({ database }: Workshop, job: Job): Promise<number[]> =>
  (
    await database.tenant(job.tenantId, (em) =>
      rows<{ number: number }>(em, `select number from sync.batches where job_id = ? order by number`, [job.id]),
    )
  ).map(({ number }) => number);

async function writeBatches(
  em: Em,
  job: Job,
  chunk: (Omit<Batch, "items"> & { number: number; items: object[]; count: number })[],
): Promise<void> {
  await bulk(
    em,
    `insert into sync.batches (job_id, number, tenant_id, items, item_count, bytes)
     select $1::uuid, number, $2::uuid, items, count, bytes from json_to_recordset($3::json) as b(number int, items jsonb, count int, bytes bigint)`,
    [job.id, job.tenantId, JSON.stringify(chunk)],
  );
}

async function settle(
  em: Em,
  job: Job,
  summary: PlanSummary,
  moved: { items: number; bytes: number },
  digest: string,
  { guarantee, keeps }: { guarantee: string; keeps: boolean },
): Promise<boolean> {
  const waiting = await countChanges(em, job.id);
  const doubts = job.approved ? [] : doubtsOf(summary, waiting.retire, job.options, job.options.dryRun === true);
  const { complete, listed, known, filtered, changed, collisions } = summary;
  const report = {
    listingComplete: complete,
    listed,
    known,
    filtered,
    changed,
    guarantee,
    plan: {
      fetch: { items: summary.fetch.items - moved.items, bytes: summary.fetch.bytes - moved.bytes },
      move: waiting.move,
      touch: waiting.touch,
      retire: waiting.retire,
      problems: summary.problems,
    },
    ...(summary.gone && keeps && { notRetired: summary.gone }),
    ...(collisions.length && { collisions }),
  };
  await em.execute(
    `update sync.sync_jobs set status = 'running', planned_at = now(), items_total = ?, items_unchanged = ?, items_failed = ?, bytes_total = ?,
            plan_digest = ?, result = ?::jsonb where id = ?`,
    [
      summary.fetch.items + summary.unchanged + summary.touched + summary.problems,
      summary.unchanged + summary.touched,
      summary.problems,
      summary.fetch.bytes - moved.bytes,
      digest,
      JSON.stringify(report),
      job.id,
    ],
    "run",
  );
  await announce(em, job, doubts.length ? "parked" : "planned", doubts.length ? { approval: doubts } : {});
  return !doubts.length;
}
