import type { Runner } from "../load.ts";
import { packsToRekey, rekeyTenant, type Rekeyed, type Rekeying } from "../rekey.ts";
import { announce } from "../state.ts";
import { progressOf } from "../tally.ts";
import { beginUpkeep, mustLeave, savePlace } from "../vault/place.ts";

/** Brings a vault under its current key; see `rekeyTenant`. */
export const rekeyRun: Runner = async ({ database, keyring }, lease, job) => {
  if (!job.planned) {
    const items = await database.tenant(job.tenantId, (em) => packsToRekey(em, job.tenantId));
    await lease.commit((em) => beginUpkeep(em, job, { items, bytes: 0 }, { packs: 0, secrets: 0, unusable: [] } satisfies Rekeyed));
  }
  const progress = progressOf(job);
  const rekeying: Rekeying = {
    database,
    keyring,
    commit: (work) => lease.commit(work),
    leave: () => mustLeave(lease),
    signal: lease.signal,
  };
  const done = await rekeyTenant(rekeying, job.tenantId, job.checkpoint as Rekeyed | null, async (em, sum, packs) => {
    await savePlace(em, job, sum);
    await progress.add(em, { stored: packs });
  });
  if (!done) return undefined;
  return (em) => announce(em, job, done.unusable.length ? "completed_with_errors" : "completed", { result: { ...done } });
};
