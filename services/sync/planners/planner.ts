import type { Lease } from "../../../mixins/actor.ts";
import type { Em } from "../../../mixins/database.ts";
import type { Job, Workshop } from "../load.ts";
import type { Decision, GoneDecision, PlanSummary } from "../plan.ts";

/** How a kind of job finds out what is to be done. */
export interface Planner {
  /** Decisions from both sides as they are now, in byte order of the path. Nothing is written. */
  decide(workshop: Workshop, lease: Lease, job: Job): AsyncGenerator<Decision[], PlanSummary>;
  /** Stores what is gone as changes that wait. */
  writeGone(em: Em, job: Job, gone: GoneDecision[]): Promise<void>;
  /** Of the listing, for the report. */
  guarantee(job: Job): string;
  /** Whether what is gone is left alone. */
  keepsGone(job: Job): boolean;
  /** How an item that has moved is known from the listing; none where moves are not looked for. */
  moves?(job: Job): { tagOf: (fingerprint: string, path: string) => string | null; unique: boolean };
}
