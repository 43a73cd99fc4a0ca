import { bulk, type Em } from "../../../mixins/database.ts";
import type { Collecting } from "./collecting.ts";
import { packsById } from "./packs.ts";
import { inLanes, insisting } from "./place.ts";
import { stretchesOf, sweepStretch } from "./storage.ts";
import { nothingFound, recordVerdicts } from "./verdicts.ts";

/** Objects that a thread copies at once. */
const copiedAtOnce = 16;

/** Step of a collection: brings a stretch of the second copy up to date. Every sound pack in use is there afterwards, whole. */
export async function copyStretch(collecting: Collecting): Promise<boolean> {
  const { workshop, lease, job, done, at, commit, shredded } = collecting;
  const { database, threads, keyring, store, copy } = workshop;
  if (!copy) return true;
  const stretches = await database.tenant(job.tenantId, (em) => stretchesOf(em, job.tenantId));
  const stretch = stretches[Number(at ?? 0)];
  if (stretch === undefined) return true;
  const { named } = await sweepStretch(workshop, lease, copy, stretch, true);
  const wanted = shredded ? [] : await database.tenant(job.tenantId, (em) => soundPacks(em, job.tenantId, stretch));
  const missing = wanted.filter(({ id, sealed }) => named.get(id) !== sealed).map(({ id }) => id);
  const batches = Array.from({ length: Math.ceil(missing.length / copiedAtOnce) }, (_, i) =>
    missing.slice(i * copiedAtOnce, (i + 1) * copiedAtOnce),
  );
  const left = await inLanes(lease, batches, workshop.window, async (ids) => {
    const packs = (await database.tenant(job.tenantId, (em) => packsById(em, ids))).map(({ blobs: _blobs, ...pack }) => pack);
    const request = { from: store, to: copy, tenantId: job.tenantId, keys: await keyring.all(job.tenantId), packs };
    const verdicts = await insisting(lease.signal, () => threads.work("copy", request, lease.signal));
    const damaged = verdicts.filter(({ damage }) => damage);
    if (damaged.length) await lease.commit((em) => recordVerdicts(em, job, damaged, nothingFound()));
    done.damaged += damaged.length;
    done.copied.objects += verdicts.length - damaged.length;
    for (const { damage, read } of verdicts) done.copied.bytes += damage ? 0 : read;
  });
  if (!left) await commit(String(Number(at ?? 0) + 1), () => Promise.resolve());
  return false;
}

/** Packs of a stretch (the first digits of the id) that are in use and not known to be damaged. */
async function soundPacks(em: Em, tenantId: string, stretch: string): Promise<{ id: string; sealed: number }[]> {
  return await bulk(
    em,
    `select id, sealed_size::float8 as sealed from sync.packs
     where tenant_id = $1::uuid and doomed_at is null and damaged_at is null
       and id between (rpad($2, 8, '0') || '-0000-0000-0000-000000000000')::uuid and (rpad($2, 8, 'f') || '-ffff-ffff-ffff-ffffffffffff')::uuid`,
    [tenantId, stretch],
  );
}
