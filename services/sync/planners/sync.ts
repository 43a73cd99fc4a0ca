import { knownAssets } from "../catalogue.ts";
import { writeGone } from "../changes.ts";
import { failedPaths, onlyPaths } from "../failed.ts";
import { filterOf } from "../filters.ts";
import { paceOf, type Job } from "../load.ts";
import { plan } from "../plan.ts";
import { kindOf } from "../sources/kinds.ts";
import type { Planner } from "./planner.ts";

/** A source beside the catalogue. */
export const syncPlanner: Planner = {
  decide(workshop, lease, job) {
    const { database, threads } = workshop;
    const { contentTag } = kindOf(job.source!);
    const listing = threads.list(job.source!, lease.signal, { pace: paceOf(workshop, job) });
    const rules = { mode: job.mode, filter: filterOf(job.options.filters), contentTag };
    if (!job.retryOf) return plan(listing, knownAssets(database, job.tenantId, job.sourceId), rules);
    // Of the items that failed, only those that are still there; what else has changed is another run's business.
    return plan(onlyPaths(listing, failedPaths(database, job.tenantId, job.retryOf)), [], { ...rules, mode: "full" });
  },
  writeGone: (em, job, gone) => writeGone(em, job, gone, tagOf(job)),
  guarantee: (job) => kindOf(job.source!).guarantee,
  keepsGone: (job) => job.options.deletions === "keep",
  // A tag that is not the content's own decides only where one gone asset has it.
  moves: (job) => ({ tagOf: tagOf(job), unique: kindOf(job.source!).guarantee !== "validator" }),
};

const tagOf = (job: Job) => {
  const { moveTag, contentTag } = kindOf(job.source!);
  return (fingerprint: string, path: string) => (job.options.moves === "content" ? contentTag(fingerprint) : moveTag(fingerprint, path));
};
