import { failureType } from "../../../config/errors.ts";
import { recordPack } from "../record.ts";
import type { Collecting } from "./collecting.ts";
import { doomEmptied, packsById, switchBlobs } from "./packs.ts";
import { inLanes, insisting } from "./place.ts";
import { groups, sparsePacks } from "./sparse.ts";
import { recordVerdicts, nothingFound } from "./verdicts.ts";

/** Packs whose places are asked for at once. */
const pageSize = 500;

/** Step of a collection: writes what is left of packs that are mostly empty into new ones. */
export async function rewriteSparse(collecting: Collecting): Promise<boolean> {
  const { workshop, lease, job, shredded, at } = collecting;
  if (shredded) return true;
  const page = await workshop.database.tenant(job.tenantId, (em) => sparsePacks(em, job.tenantId, at, pageSize));
  if (!page.length) return true;
  try {
    if (await inLanes(lease, groups(page), workshop.window, (ids) => rewrite(collecting, ids))) return false;
  } catch (error) {
    if (failureType(error) !== "VAULT_FULL") throw error;
    // Removing frees room without it; the next collection tries again.
    collecting.done.full = true;
    return true;
  }
  await collecting.commit(page.at(-1)!.id, () => Promise.resolve());
  return page.length < pageSize;
}

async function rewrite({ workshop, lease, job, done }: Collecting, ids: string[]): Promise<void> {
  const { database, threads, keyring, store } = workshop;
  const packs = await database.tenant(job.tenantId, (em) => packsById(em, ids));
  const request = { store, keys: await keyring.all(job.tenantId), seal: await keyring.of(job.tenantId), packs };
  const { pack, moved, verdicts } = await insisting(lease.signal, () => threads.work("repack", request, lease.signal));
  await lease.commit(async (em) => {
    const damaged = verdicts.filter(({ damage }) => damage);
    if (damaged.length) await recordVerdicts(em, job, damaged, nothingFound());
    done.damaged += damaged.length;
    if (!pack) return;
    await recordPack(em, job.tenantId, { ...pack, wrappedDataKey: Buffer.from(pack.wrappedDataKey) });
    await switchBlobs(em, job.tenantId, pack.id, moved);
    const emptied = await doomEmptied(em, ids);
    done.packsRewritten += emptied;
    // What was to be in it may have been collected or moved by another meanwhile.
    await doomEmptied(em, [pack.id]);
    done.bytesRewritten += pack.plainSize;
  });
}
