import { expirePage, expireReports, type Expired } from "../expire.ts";
import type { Runner } from "../load.ts";
import { announce } from "../state.ts";
import { beginUpkeep, mustLeave, savePlace } from "../vault/place.ts";

interface Place {
  /** Id of the last asset that was looked at; null when all have been. */
  after: string | null;
  done: Expired;
}

/** Removes versions, assets and reports whose retention is over, page by page. */
export const expireRun: Runner = async (_workshop, lease, job) => {
  const place = (job.checkpoint as Place | null) ?? { after: "", done: { versions: 0, assets: 0, reports: 0 } };
  if (!job.planned) await lease.commit((em) => beginUpkeep(em, job, { items: 0, bytes: 0 }, place));
  while (place.after !== null) {
    if (await mustLeave(lease)) return undefined;
    const after = place.after;
    await lease.commit(async (em) => {
      const { expired, next } = await expirePage(em, job.tenantId, after);
      place.done = { ...place.done, versions: place.done.versions + expired.versions, assets: place.done.assets + expired.assets };
      place.after = next;
      await savePlace(em, job, place);
    });
  }
  for (let jobs = -1; jobs !== 0; place.done.reports += jobs) {
    if (await mustLeave(lease)) return undefined;
    jobs = await lease.commit((em) => expireReports(em, job.tenantId));
  }
  return (em) => announce(em, job, "completed", { result: { ...place.done } });
};
