import type { Lease } from "../../../mixins/actor.ts";
import { row } from "../../../mixins/database.ts";
import type { Job, Runner, Workshop } from "../load.ts";
import { recordPack } from "../record.ts";
import { announce } from "../state.ts";
import { progressOf, type Progress } from "../tally.ts";
import { assetsWith, clearDamage, damagedContents, damagedPacks, originsOf, partsOf } from "../vault/damaged.ts";
import { doomEmptied, packsById, switchBlobs } from "../vault/packs.ts";
import { beginUpkeep, inLanes, insisting, mustLeave, savePlace } from "../vault/place.ts";
import { tellOfVault } from "../vault/telling.ts";
import { reportDamage } from "../vault/verdicts.ts";

/** What repair has done so far. */
interface Repaired {
  /** Packs that are damaged no more: mended, or found sound. */
  packs: number;
  /** Blobs by where they came from: the damaged pack itself, its second copy, a source. */
  blobs: { pack: number; copy: number; sources: number };
  /** Assets whose content had to be fetched from elsewhere. */
  assets: number;
  /** Packs that could not be mended, or not wholly. */
  lost: number;
}

interface Place {
  /** Packs first, then the contents that lie in several of them. */
  step: "packs" | "contents";
  at: string | null;
  done: Repaired;
}

const packsAtOnce = 50;
const contentsAtOnce = 20;

/** Mends what is known to be damaged: from the second copy, else from the sources. What can't be had from anywhere stays damaged and is reported. */
export const repairRun: Runner = async (workshop, lease, job) => {
  const { database } = workshop;
  const { tenantId } = job;
  const place = (job.checkpoint as Place | null) ?? { step: "packs", at: null, done: nothingDone() };
  if (!job.planned) {
    const items = await database.tenant(tenantId, async (em) =>
      row<{ count: number }>(
        em,
        `select count(*)::int as count from sync.packs where tenant_id = ? and damaged_at is not null and doomed_at is null`,
        [tenantId],
      ),
    );
    await lease.commit((em) => beginUpkeep(em, job, { items: items!.count, bytes: 0 }, place));
  }
  const repair = { workshop, lease, job, done: place.done, progress: progressOf(job) };
  const keep = (step: Place["step"], at: string | null) => lease.commit((em) => savePlace(em, job, Object.assign(place, { step, at })));

  while (place.step === "packs") {
    if (await mustLeave(lease)) return undefined;
    const page = await database.tenant(tenantId, (em) => damagedPacks(em, tenantId, place.at, packsAtOnce));
    const single = page.filter(({ large }) => !large).map(({ id }) => id);
    if (await inLanes(lease, single, workshop.window, (id) => mendPack(repair, id))) return undefined;
    if (page.length < packsAtOnce) await keep("contents", "");
    else await keep("packs", page.at(-1)!.id);
  }
  for (let more = true; more;) {
    if (await mustLeave(lease)) return undefined;
    const page = await database.tenant(tenantId, (em) => damagedContents(em, tenantId, place.at!, contentsAtOnce));
    for (const content of page) {
      await mendContent(repair, content);
      await keep("contents", content);
      if (await mustLeave(lease)) return undefined;
    }
    more = page.length === contentsAtOnce;
  }
  const { done } = place;
  return async (em) => {
    const left = await row<{ count: number }>(
      em,
      `select count(*)::int as count from sync.packs where tenant_id = ? and damaged_at is not null and doomed_at is null`,
      [tenantId],
    );
    done.lost = left!.count;
    await announce(em, job, done.lost ? "completed_with_errors" : "completed", { result: { ...done } });
    if (done.packs) await tellOfVault(em, job, "vault.repaired", { jobId: job.id, packs: done.packs, assets: done.assets });
  };
};

const nothingDone = (): Repaired => ({ packs: 0, blobs: { pack: 0, copy: 0, sources: 0 }, assets: 0, lost: 0 });

interface Repair {
  workshop: Workshop;
  lease: Lease;
  job: Job;
  done: Repaired;
  progress: Progress;
}

async function mendPack({ workshop, lease, job, done, progress }: Repair, id: string): Promise<void> {
  const { database, threads, keyring, store, copy } = workshop;
  const { tenantId } = job;
  const [pack] = await database.tenant(tenantId, (em) => packsById(em, [id]));
  if (!pack) return;
  const request = { store, ...(copy && { copy }), keys: await keyring.all(tenantId), seal: await keyring.of(tenantId), pack };
  const mended = await insisting(lease.signal, () =>
    threads.work("mend", request, lease.signal, (contentIds) => originsOf(workshop, lease, contentIds)),
  );
  const { verdict, tried, moved, from } = mended;
  const large = new Set(pack.blobs.filter(({ several }) => several).map(({ contentId }) => contentId));
  await lease.commit(async (em) => {
    let whole = !verdict.damage;
    if (whole) await clearDamage(em, id, !large.size);
    if (mended.pack) {
      await recordPack(em, tenantId, { ...mended.pack, wrappedDataKey: Buffer.from(mended.pack.wrappedDataKey) });
      await switchBlobs(em, tenantId, mended.pack.id, moved);
      await doomEmptied(em, [mended.pack.id]);
    }
    // Nothing of it is wanted any more, or nothing ever was.
    if (!whole) whole = (await doomEmptied(em, [id])) > 0;
    done.packs += whole ? 1 : 0;
    for (const place of ["pack", "copy", "sources"] as const) done.blobs[place] += from[place];
    // What was sound in the pack itself came first.
    const fetched = moved.slice(from.pack).map(({ contentId }) => contentId);
    // Not `+= await`: several packs are mended at the same time, and each would add to what it read before it waited.
    const assets = fetched.length ? await assetsWith(em, tenantId, fetched) : 0;
    done.assets += assets;
    const lost = verdict.lost.filter(({ contentId }) => !large.has(contentId));
    if (lost.length) await reportDamage(em, job, [{ ...verdict, lost }], triedText(tried));
    await progress.add(em, whole ? { stored: 1 } : lost.length ? { failed: 1 } : {});
  });
}

async function mendContent({ workshop, lease, job, done, progress }: Repair, content: string): Promise<void> {
  const { database, threads, keyring, store } = workshop;
  const { tenantId } = job;
  const parts = await database.tenant(tenantId, (em) => partsOf(em, tenantId, content));
  const damaged = parts.flatMap(({ wanted }) => (wanted === null ? [] : [wanted]));
  const [places] = await originsOf(workshop, lease, [content]);
  const request = { store, seal: await keyring.of(tenantId), content, parts, origins: places!.origins };
  const { parts: fetched, tried } = await insisting(lease.signal, () => threads.work("refetch", request, lease.signal));
  await lease.commit(async (em) => {
    for (const { pack, moved } of fetched) {
      await recordPack(em, tenantId, { ...pack, wrappedDataKey: Buffer.from(pack.wrappedDataKey) });
      await switchBlobs(em, tenantId, pack.id, [moved]);
      await doomEmptied(em, [pack.id]);
    }
    if (fetched.length) {
      const mended = await doomEmptied(em, damaged);
      done.packs += mended;
      done.blobs.sources += fetched.length;
      const assets = await assetsWith(em, tenantId, [content]);
      done.assets += assets;
      await progress.add(em, { stored: mended });
      return;
    }
    const verdicts = parts.flatMap(({ wanted, damage }, part) =>
      wanted === null ? [] : [{ packId: wanted, read: 0, damage, lost: [{ contentId: content, part }] }],
    );
    await reportDamage(em, job, verdicts, triedText(tried));
    await progress.add(em, { failed: verdicts.length });
  });
}

const triedText = (tried: string[]): string =>
  tried.length ? ` Tried: ${[...new Set(tried)].slice(0, 5).join("; ")}` : " No second copy and no source has it.";
