import type { JobKind } from "../../config/states.ts";
import { errors, failureType, messageOf } from "../../config/errors.ts";
import type { Lease } from "../../mixins/actor.ts";
import { isJobFault } from "./faults.ts";
import { interrupts, load, type Effect, type Runner, type Workshop } from "./load.ts";
import { collectRun } from "./runs/collect.ts";
import { expireRun } from "./runs/expire.ts";
import { pushRun } from "./runs/push.ts";
import { rekeyRun } from "./runs/rekey.ts";
import { repairRun } from "./runs/repair.ts";
import { syncRun } from "./runs/sync.ts";
import { verifyRun } from "./runs/verify.ts";
import { announce } from "./state.ts";

/** Kind of job → its run. */
export const runners: Partial<Record<JobKind, Runner>> = {
  sync: syncRun,
  mirror: pushRun,
  restore: pushRun,
  verify: verifyRun,
  collect: collectRun,
  rekey: rekeyRun,
  expire: expireRun,
  repair: repairRun,
};

/** Starts of a job on one node, when its worker threads die under it. */
const mostStarts = 4;

/**
 * A job from where it stands to its end. Called again on another node after a crash, it goes on from what was recorded.
 * Returns what ends the job, or nothing when it keeps its place: a pause or cancel letter waits, or its plan waits for approval.
 */
export async function runJob(workshop: Workshop, lease: Lease): Promise<Effect | undefined> {
  if (interrupts(await lease.waiting())) return undefined;
  const { key: id, tenantId } = lease;
  for (let start = 1; ; start++) {
    try {
      const job = await load(workshop, lease);
      const run = runners[job.kind];
      if (!run) throw errors.internal(`No run is known for jobs of kind ${job.kind}.`);
      return await run(workshop, lease, job);
    } catch (error) {
      const type = failureType(error);
      // Lost lease, stopping node or a passing fault of our own servers: not the job's fault, it is started again from here.
      if (lease.signal.aborted || type === "LEASE_LOST" || !isJobFault(error)) throw error;
      // A thread that died is like a node that was killed; where each new one dies too, it is the job's fault after all.
      if (type === "WORKER_THREAD_LOST" && start < mostStarts) continue;
      return (em) => announce(em, { id, tenantId }, "failed", { error: { type, message: messageOf(error) } });
    }
  }
}
