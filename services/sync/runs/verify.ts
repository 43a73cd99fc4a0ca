import type { Lease } from "../../../mixins/actor.ts";
import type { TenantKeys } from "../../../mixins/vault/keys.ts";
import { interrupts, type Job, type Runner, type Workshop } from "../load.ts";
import { announce } from "../state.ts";
import { progressOf } from "../tally.ts";
import { chosenPacks, databaseTime, measureChoice, type Choice, type ChoicePlace } from "../vault/choice.ts";
import type { PackContents, PackVerdict } from "../vault/contents.ts";
import { packsById, packsOfContent } from "../vault/packs.ts";
import { beginUpkeep, inLanes, insisting, mustLeave, savePlace } from "../vault/place.ts";
import { stretchesOf, sweepStretch } from "../vault/storage.ts";
import { tellOfVault } from "../vault/telling.ts";
import { nothingFound, recordVerdicts, type Found } from "../vault/verdicts.ts";

/** Where verification stands. */
interface Place {
  /** Time of the database; what was proven since is not read again. */
  begun: string;
  after: ChoicePlace | null;
  /** Packs that are still to be looked at. */
  left: number;
  found: Found;
  /** Stretches of storage that were listed. */
  listed: number;
  orphans: { objects: number; bytes: number };
}

/** Packs whose names are asked for at once, and those that are read between two commits. */
const pageSize = 2_000;
const sliceSize = 32;
/** Parts of a large content whose places a thread is told at once. */
const partsAtOnce = 100;

/** Reads packs back, those first that were proven longest ago, and reports what is damaged by asset. */
export const verifyRun: Runner = async (workshop, lease, job) => {
  const { database } = workshop;
  const choice = job.options as Choice;
  let place = job.checkpoint as Place | null;
  place ??= await lease.commit(async (em) => {
    const { packs, bytes } = await measureChoice(em, job.tenantId, choice);
    const first: Place = {
      begun: await databaseTime(em),
      after: null,
      left: packs,
      found: nothingFound(),
      listed: 0,
      orphans: { objects: 0, bytes: 0 },
    };
    await beginUpkeep(em, job, { items: packs, bytes }, first);
    return first;
  });
  const progress = progressOf(job);
  while (place.left > 0) {
    const { begun, after, left } = place;
    const page = await database.tenant(job.tenantId, (em) => chosenPacks(em, job.tenantId, choice, begun, after, Math.min(pageSize, left)));
    if (!page.length) break;
    // Of this page: a large content is read for one of its packs and proves the others.
    const done = new Set<string>();
    for (let at = 0; at < page.length; at += sliceSize) {
      if (await mustLeave(lease)) return undefined;
      const slice = page.slice(at, at + sliceSize);
      const waiting = slice.filter(({ id }) => !done.has(id)).map(({ id }) => id);
      const verdicts = await readBack(workshop, lease, job, waiting, done);
      if (!verdicts) return undefined;
      const { provenAt, id } = slice.at(-1)!;
      const damaged = verdicts.filter(({ damage }) => damage).length;
      place = await lease.commit(async (em) => {
        const found = await recordVerdicts(em, job, verdicts, place!.found);
        const next: Place = { ...place!, after: { provenAt, id }, left: place!.left - slice.length, found };
        await savePlace(em, job, next);
        const failed = Math.min(slice.length, damaged);
        const bytes = slice.reduce((sum, { sealed }) => sum + sealed, 0);
        await progress.add(em, { stored: slice.length - failed, failed, bytes });
        return next;
      });
    }
  }
  if (choice.share === undefined && choice.assetId === undefined) {
    const counted = await countOrphans(workshop, lease, job, place);
    if (!counted) return undefined;
    place = counted;
  }
  const { found, orphans } = place;
  return async (em) => {
    await announce(em, job, found.damaged ? "completed_with_errors" : "completed", { result: { ...found, orphans } });
    if (found.damaged) await tellOfVault(em, job, "vault.damaged", { jobId: job.id, packs: found.damaged, assets: found.assets });
  };
};

/** Reads packs by id, several at a time. @returns nothing when it stopped for a waiting letter in the middle of a large content */
async function readBack(workshop: Workshop, lease: Lease, job: Job, ids: string[], done: Set<string>): Promise<PackVerdict[] | undefined> {
  const { database, threads, keyring, store, window } = workshop;
  const packs = await database.tenant(job.tenantId, (em) => packsById(em, ids));
  // Asked for each time: keys come and go.
  const keys: TenantKeys[] = await keyring.all(job.tenantId);
  const large = new Set(packs.flatMap(({ blobs }) => blobs.filter(({ several }) => several).map(({ contentId }) => contentId)));
  const verdicts: PackVerdict[] = [];
  let stopped = false;

  const ofContent = (content: string, from: number) =>
    database.tenant(job.tenantId, (em) => packsOfContent(em, job.tenantId, content, from, partsAtOnce));
  const readLarge = async (content: string) => {
    const read = await insisting(lease.signal, async () => {
      const request = { store, keys, packs: await ofContent(content, 0), content };
      return await threads.work("verify", request, lease.signal, async ({ from }) => {
        if (interrupts(await lease.waiting())) return null;
        return await ofContent(content, from);
      });
    });
    if (read) verdicts.push(...read);
    else stopped = true;
  };
  const readPack = async (pack: PackContents) => {
    // A pack with nothing but parts is read with their contents.
    if (pack.blobs.length && pack.blobs.every(({ several }) => several)) return;
    const read = await insisting(lease.signal, () => threads.work("verify", { store, keys, packs: [pack] }, lease.signal));
    verdicts.push(...read!);
  };
  const works = [...packs.map((pack) => () => readPack(pack)), ...[...large].map((content) => () => readLarge(content))];
  const left = await inLanes(lease, works, window, (work) => work());
  for (const { packId } of verdicts) done.add(packId);
  return stopped || left ? undefined : together(verdicts);
}

/** One verdict per pack: one with a part and something else was read for both. The worse counts. */
function together(verdicts: PackVerdict[]): PackVerdict[] {
  const byPack = new Map<string, PackVerdict>();
  for (const verdict of verdicts) {
    const other = byPack.get(verdict.packId);
    const lost = [...(other?.lost ?? []), ...verdict.lost];
    byPack.set(verdict.packId, { ...verdict, read: verdict.read + (other?.read ?? 0), damage: other?.damage ?? verdict.damage, lost });
  }
  return [...byPack.values()];
}

/** Counts what no row names. @returns nothing when it stopped for a waiting letter */
async function countOrphans(workshop: Workshop, lease: Lease, job: Job, from: Place): Promise<Place | undefined> {
  const stretches = await workshop.database.tenant(job.tenantId, (em) => stretchesOf(em, job.tenantId));
  let place = from;
  for (const stretch of stretches.slice(place.listed)) {
    if (await mustLeave(lease)) return undefined;
    const { forgotten } = await sweepStretch(workshop, lease, workshop.store, stretch, false);
    const { objects, bytes } = place.orphans;
    place = { ...place, listed: place.listed + 1, orphans: { objects: objects + forgotten.objects, bytes: bytes + forgotten.bytes } };
    const next = place;
    await lease.commit((em) => savePlace(em, job, next));
  }
  return place;
}
