import { createHash } from "node:crypto";
import { errors } from "../../config/errors.ts";
import type { Lease } from "../../mixins/actor.ts";
import { bulk, row, type Em } from "../../mixins/database.ts";
import { countChanges, forgetGone, writeTouches } from "./changes.ts";
import type { Job, Workshop } from "./load.ts";
import { findMoves } from "./moves.ts";
import { batches, type Batch, type Decision, type GoneDecision, type PlanSummary, type TouchDecision } from "./plan.ts";
import { planners } from "./planners/kinds.ts";
import type { Planner } from "./planners/planner.ts";
import { recordFailures } from "./record.ts";
import { announce } from "./state.ts";
import { doubtsOf } from "./thresholds.ts";

/** Batches written per transaction while planning. */
const batchesPerWrite = 20;

const plannerOf = (job: Job): Planner => {
  const planner = planners[job.kind];
  if (!planner) throw errors.internal(`Jobs of kind ${job.kind} have no plan.`);
  return planner;
};

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

/**
 * Whether a plan that was approved is still the one that would be made.
 * @throws PLAN_STALE when the source or the catalogue has moved on; nothing has been written then
 */
export async function confirmPlan(workshop: Workshop, lease: Lease, job: Job): Promise<void> {
  const stored = await workshop.database.tenant(job.tenantId, (em) =>
    row<{ digest: string }>(em, `select plan_digest as digest from sync.sync_jobs where id = ?`, [job.id]),
  );
  if (stored?.digest !== (await digestNow(workshop, lease, job)))
    throw errors.planStale("The source or the catalogue has changed since the plan was made; nothing was written. Make a new plan.");
}

async function digestNow(workshop: Workshop, lease: Lease, job: Job): Promise<string> {
  const digest = digesting();
  for await (const decisions of plannerOf(job).decide(workshop, lease, job)) digest.add(decisions);
  return digest.end();
}

/**
 * Lists the source beside the catalogue and stores what is to be done: what is to be fetched as batches, the rest as changes. Nothing of it has
 * run when this ends, and a plan that was cut off is made anew. A plan that is a dry run or looks like an accident is parked.
 * @returns whether the plan may be carried out now
 */
export async function planJob(workshop: Workshop, lease: Lease, job: Job): Promise<boolean> {
  await lease.commit((em) => startAnew(em, job.id));
  const planner = plannerOf(job);
  const grouping = batches();
  const digest = digesting();
  let ready: Batch[] = [];
  let count = 0;
  const write = async () => {
    const chunk = ready.map((batch) => ({ number: ++count, items: batch.items, count: batch.items.length, bytes: batch.bytes }));
    ready = [];
    if (chunk.length) await lease.commit((em) => writeBatches(em, job, chunk));
  };
  const decisions = planner.decide(workshop, lease, job);
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
        await planner.writeGone(em, job, gone);
        await writeTouches(em, job, touches);
        await recordFailures(em, job, problems);
      });
    if (ready.length >= batchesPerWrite) await write();
  }
  ready.push(...grouping.end());
  await write();

  const summary = step.value;
  // After an incomplete listing nothing is retired or taken for moved: what was not listed may still be there.
  const keeps = !summary.complete || planner.keepsGone(job);
  const moves = planner.moves?.(job);
  const moved = { items: 0, bytes: 0 };
  if (summary.gone && keeps) await lease.commit((em) => forgetGone(em, job.id));
  else if (summary.gone && moves) {
    for (const number of await batchNumbers(workshop, job)) {
      const found = await lease.commit((em) => findMoves(em, job, number, moves.tagOf, moves.unique));
      moved.items += found.items;
      moved.bytes += found.bytes;
    }
  }
  return await lease.commit((em) => settle(em, job, summary, moved, digest.end(), { guarantee: planner.guarantee(job), keeps }));
}

async function startAnew(em: Em, jobId: string): Promise<void> {
  for (const table of ["batches", "changes", "failures"]) await em.execute(`delete from sync.${table} where job_id = ?`, [jobId], "run");
  await em.execute(`update sync.sync_jobs set status = 'planning', started_at = coalesce(started_at, now()) where id = ?`, [jobId], "run");
}

/** Numbers of all batches, in order: as one value, for there may be millions. */
async function batchNumbers({ database }: Workshop, job: Job): Promise<number[]> {
  const found = await database.tenant(job.tenantId, (em) =>
    row<{ numbers: number[] | null }>(em, `select array_agg(number order by number) as numbers from sync.batches where job_id = ?`, [
      job.id,
    ]),
  );
  return found?.numbers ?? [];
}

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
