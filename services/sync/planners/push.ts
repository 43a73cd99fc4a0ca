import { errors } from "../../../config/errors.ts";
import { bulk, type Em } from "../../../mixins/database.ts";
import type { JobRef } from "../changes.ts";
import { assetPages } from "../contents.ts";
import type { ExistingPolicy } from "../existing.ts";
import { filterOf, type Filter } from "../filters.ts";
import type { Job } from "../load.ts";
import { writtenItems } from "../mirror.ts";
import { emptySummary, plan, type Decision, type GoneDecision, type Known, type PlanSummary } from "../plan.ts";
import { comparePaths } from "../sources/order.ts";
import type { Entry } from "../sources/source.ts";
import type { Planner } from "./planner.ts";

/** What a mirror or a restore is asked to bring out. */
export interface PushOptions {
  /** Only paths that start with this. */
  prefix?: string;
  /** As it was at this time, ISO 8601; as it is now when left out. */
  at?: string;
  /** Only this asset. */
  assetId?: string;
  /** Of a restore: what is done with files that are there already. */
  existing?: ExistingPolicy;
}

export const pushOptions = (job: Job): PushOptions => job.options["push"] ?? {};

/** A mirror makes its target what the source is. */
export const existingOf = (job: Job): ExistingPolicy => (job.kind === "mirror" ? "overwrite" : (pushOptions(job).existing ?? "refuse"));

/** The catalogue beside what was written to the target and is still there as it was written. */
export const mirrorPlanner: Planner = {
  decide(workshop, lease, job) {
    const { database, threads } = workshop;
    const assets = assetPages(database, job, pushOptions(job));
    const there = threads.list(job.target!, lease.signal);
    return plan(assets, stillThere(writtenItems(database, job), there), { mode: job.mode, filter: filterOf(job.options.filters) });
  },
  writeGone: writeWritten,
  guarantee: () => "exact",
  keepsGone: (job) => job.options.deletions === "keep",
};

/** Everything that is asked for: what stands at the target is looked at file by file, when it is written. */
export const restorePlanner: Planner = {
  decide: ({ database }, _lease, job) => fetchAll(assetPages(database, job, pushOptions(job)), filterOf(job.options.filters)),
  writeGone: () => Promise.resolve(),
  guarantee: () => "exact",
  keepsGone: () => true,
};

/** A plan without another side: it need not be in order, which a moment of the past is not. */
async function* fetchAll(pages: AsyncIterable<Entry[]>, filter: Filter | undefined): AsyncGenerator<Decision[], PlanSummary> {
  const summary = emptySummary();
  for await (const page of pages) {
    summary.listed += page.length;
    const wanted = filter ? page.filter(filter) : page;
    summary.filtered += page.length - wanted.length;
    summary.fetch.items += wanted.length;
    for (const { size } of wanted) summary.fetch.bytes += size;
    yield wanted.map(({ path, size, modifiedAt, fingerprint }) => ({ kind: "fetch", reason: "full", path, size, modifiedAt, fingerprint }));
  }
  return summary;
}

/**
 * What was written, with the content as fingerprint where the target lists it unchanged. What is missing or another there now is to be
 * written again. What the target holds beside it is none of our business.
 * @throws SOURCE_UNREACHABLE when a part of the target can't be listed: what is there could not be told from what is not
 */
async function* stillThere(
  written: AsyncIterable<{ path: string; contentId: string; fingerprint: string }[]>,
  listing: AsyncIterable<Entry[]>,
): AsyncGenerator<Known[]> {
  const entries = listing[Symbol.asyncIterator]();
  let page: Entry[] = [];
  let at = 0;
  const find = async (path: string): Promise<Entry | undefined> => {
    for (;;) {
      for (; at < page.length; at++) {
        const entry = page[at]!;
        if (entry.problem?.hides !== undefined)
          throw errors.sourceUnreachable(`The destination can't be listed at ${entry.path}: ${entry.problem.message}`);
        const order = comparePaths(entry.path, path);
        if (order === 0) return entry;
        if (order > 0) return undefined;
      }
      const step = await entries.next();
      if (step.done) return undefined;
      page = step.value;
      at = 0;
    }
  };
  try {
    for await (const items of written) {
      const known: Known[] = [];
      for (const { path, contentId, fingerprint } of items) {
        const entry = await find(path);
        known.push({ assetId: path, path, fingerprint: entry?.fingerprint === fingerprint ? contentId : "", gone: false });
      }
      yield known;
    }
  } finally {
    await entries.return?.();
  }
}

/** What was written and is to be removed: the asset is the target itself, for there may be none any more. */
async function writeWritten(em: Em, job: Job & JobRef, gone: GoneDecision[]): Promise<void> {
  if (!gone.length) return;
  await bulk(
    em,
    `insert into sync.changes (job_id, tenant_id, path, action, asset_id, size, content_id)
     select $1::uuid, $2::uuid, m.path, 'retire', m.target_id, m.size, m.content_id
     from sync.mirror_items m where m.target_id = $3::uuid and m.path in (select value from json_array_elements_text($4::json))
     on conflict do nothing`,
    [job.id, job.tenantId, job.targetId, JSON.stringify(gone.map(({ path }) => path))],
  );
}
