import type { Lease } from "../../../mixins/actor.ts";
import type { Em } from "../../../mixins/database.ts";
import type { Job, Workshop } from "../load.ts";

/** What a collection has done so far. Sizes are bytes. */
export interface Collected {
  /** Contents that nothing referred to any more, and what they took inside packs. */
  contents: number;
  contentBytes: number;
  /** Parts of large files that no job will go on with. */
  parts: number;
  /** Packs that were mostly empty, and what was left in them. */
  packsRewritten: number;
  bytesRewritten: number;
  /** Whether storage was too full to rewrite all of them. */
  full: boolean;
  /** Objects that were removed, and their size. */
  packsRemoved: number;
  bytesFreed: number;
  /** Objects that no row named. */
  orphans: { objects: number; bytes: number };
  /** Objects that the second copy was lacking. */
  copied: { objects: number; bytes: number };
  /** Packs that were found damaged when they were read. */
  damaged: number;
}

/** A collection at work. */
export interface Collecting {
  workshop: Workshop;
  lease: Lease;
  job: Job;
  shredded: boolean;
  done: Collected;
  /** Where the step stands, its own affair; null at its start. */
  at: string | null;
  /** One transaction that also keeps the place. */
  commit: <T>(at: string | null, work: (em: Em) => Promise<T>) => Promise<T>;
}

export const nothingDone = (): Collected => ({
  ...{
    contents: 0,
    contentBytes: 0,
    parts: 0,
    packsRewritten: 0,
    bytesRewritten: 0,
    full: false,
    packsRemoved: 0,
    bytesFreed: 0,
    damaged: 0,
  },
  orphans: { objects: 0, bytes: 0 },
  copied: { objects: 0, bytes: 0 },
});
