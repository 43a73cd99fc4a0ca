import type { StoreOptions } from "../../../mixins/vault/store.ts";
import type { Runner } from "../load.ts";
import { announce } from "../state.ts";
import { nothingDone, type Collected, type Collecting } from "../vault/collecting.ts";
import { copyStretch } from "../vault/copying.ts";
import { doomEmpty, dropParts, dropShredded, findGarbage, forgetPacks, removeGarbage, ripePacks } from "../vault/garbage.ts";
import { isShredded } from "../vault/packs.ts";
import { beginUpkeep, insisting, mustLeave, savePlace } from "../vault/place.ts";
import { rewriteSparse } from "../vault/rewriting.ts";
import { stretchesOf, sweepStretch } from "../vault/storage.ts";
import { tellOfVault } from "../vault/telling.ts";

interface Place {
  step: number;
  at: string | null;
  done: Collected;
}

/** In this order: what makes room comes before what needs it. A step is called until it says that it has done all of it. */
const steps = [dropContents, doomPacks, removeDoomed, sweepStorage, rewriteSparse, copyStretch];

/** Removes what nothing refers to any more, rewrites packs that are mostly empty, keeps the second copy up to date. Safe while jobs run. */
export const collectRun: Runner = async (workshop, lease, job) => {
  const place = (job.checkpoint as Place | null) ?? { step: 0, at: null, done: nothingDone() };
  if (!job.planned) await lease.commit((em) => beginUpkeep(em, job, { items: 0, bytes: 0 }, place));
  const shredded = await workshop.database.tenant(job.tenantId, (em) => isShredded(em, job.tenantId));
  const collecting: Collecting = {
    ...{ workshop, lease, job, shredded, done: place.done, at: place.at },
    commit: (at, work) =>
      lease.commit(async (em) => {
        const result = await work(em);
        collecting.at = at;
        await savePlace(em, job, { step: place.step, at, done: collecting.done } satisfies Place);
        return result;
      }),
  };
  for (; place.step < steps.length; place.step++, collecting.at = null) {
    do {
      if (await mustLeave(lease)) return undefined;
    } while (!(await steps[place.step]!(collecting)));
  }
  const { done } = collecting;
  return async (em) => {
    await announce(em, job, done.damaged ? "completed_with_errors" : "completed", { result: { ...done } });
    if (done.damaged) await tellOfVault(em, job, "vault.damaged", { jobId: job.id, packs: done.damaged, assets: 0 });
  };
};

async function dropContents(collecting: Collecting): Promise<boolean> {
  const { workshop, job, shredded, done, at } = collecting;
  if (shredded) return !(await collecting.commit(null, (em) => dropShredded(em, job.tenantId)));
  const { garbage, next } = await workshop.database.tenant(job.tenantId, (em) => findGarbage(em, job.tenantId, at ?? ""));
  await collecting.commit(next, async (em) => {
    if (!garbage.length) return;
    const { contents, bytes } = await removeGarbage(em, job.tenantId, garbage);
    done.contents += contents;
    done.contentBytes += bytes;
  });
  return next === null;
}

async function doomPacks({ job, done, commit }: Collecting): Promise<boolean> {
  return await commit(null, async (em) => {
    const parts = await dropParts(em, job.tenantId);
    done.parts += parts;
    return !(await doomEmpty(em, job.tenantId));
  });
}

/** Packs whose objects are removed between two commits. */
const ripeAtOnce = 500;

async function removeDoomed({ workshop, lease, job, done, commit }: Collecting): Promise<boolean> {
  const { database, threads, store, copy } = workshop;
  const ripe = await database.tenant(job.tenantId, (em) => ripePacks(em, job.tenantId, ripeAtOnce));
  if (!ripe.length) return true;
  // The objects first: a row without an object harms nobody, and the next collection meets it again. The other way round it would be forgotten.
  const keys = ripe.map(({ key }) => key);
  const purge = (from: StoreOptions) => insisting(lease.signal, () => threads.work("purge", { store: from, keys }, lease.signal));
  await purge(store);
  // A second copy that is away must not keep the vault from making room: what no row names there is swept up later.
  if (copy) await purge(copy).catch(() => lease.signal.throwIfAborted());
  await commit(null, async (em) => {
    const { packs, bytes } = await forgetPacks(
      em,
      ripe.map(({ id }) => id),
    );
    done.packsRemoved += packs;
    done.bytesFreed += bytes;
  });
  return ripe.length < ripeAtOnce;
}

async function sweepStorage({ workshop, lease, job, done, at, commit }: Collecting): Promise<boolean> {
  const stretches = await workshop.database.tenant(job.tenantId, (em) => stretchesOf(em, job.tenantId));
  const stretch = stretches[Number(at ?? 0)];
  if (stretch === undefined) return true;
  const { forgotten } = await sweepStretch(workshop, lease, workshop.store, stretch, true);
  done.orphans.objects += forgotten.objects;
  done.orphans.bytes += forgotten.bytes;
  await commit(String(Number(at ?? 0) + 1), () => Promise.resolve());
  return false;
}
