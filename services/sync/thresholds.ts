import type { JobOptions } from "./options.ts";
import type { PlanSummary } from "./plan.ts";

/** A reason for which a plan waits for a person. */
export interface Doubt {
  reason: "dry_run" | "emptied" | "deletes" | "delete_share" | "change_share";
  message: string;
}

/** With fewer known assets a share says nothing. */
const fewest = 20;

/**
 * What speaks against carrying a plan out unasked: a source that was emptied, unmounted or encrypted by somebody looks like one whose owner
 * deleted or changed everything. Checked before the first write.
 * @param retired assets that would be retired, moves left out
 */
export function doubtsOf(summary: PlanSummary, retired: number, options: JobOptions, dryRun: boolean): Doubt[] {
  const { deletes = 1000, deleteShare = 0.25, changeShare = 0.9, emptied = true } = options.thresholds ?? {};
  const doubts: Doubt[] = [];
  const share = (count: number) => count / Math.max(1, summary.known);
  const percent = (value: number) => `${Math.round(value * 100)} %`;
  if (dryRun)
    doubts.push({ reason: "dry_run", message: "This is a dry run: nothing has been written. Approve it to carry the plan out as it is." });
  if (emptied && summary.known > 0 && summary.listed === 0 && retired > 0)
    doubts.push({ reason: "emptied", message: `The source lists nothing; the catalogue has ${summary.known} assets of it.` });
  if (retired > deletes)
    doubts.push({ reason: "deletes", message: `${retired} assets are gone from the source; up to ${deletes} are accepted unasked.` });
  if (summary.known >= fewest && share(retired) > deleteShare) {
    doubts.push({
      reason: "delete_share",
      message: `${retired} of ${summary.known} assets (${percent(share(retired))}) are gone from the source; up to ${percent(deleteShare)} are accepted unasked.`,
    });
  }
  if (summary.known >= fewest && share(summary.changed) > changeShare) {
    doubts.push({
      reason: "change_share",
      message: `${summary.changed} of ${summary.known} assets (${percent(share(summary.changed))}) have changed; up to ${percent(changeShare)} are accepted unasked.`,
    });
  }
  return doubts;
}
