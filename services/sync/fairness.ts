/**
 * Which of the waiting jobs deserves a slot most, and which of the running ones has to make room. Plain values in, keys out: what they are
 * read from and what comes of them stands in queue.ts.
 */
export interface Contender {
  key: string;
  tenantId: string;
  /** Host of its source; empty when it has none. */
  host: string;
  /** 0 low, 1 normal, 2 high, 3 urgent. */
  priority: number;
}

export interface Waiting extends Contender {
  /** Since it became ready or left its last slot, milliseconds. */
  waitedMs: number;
}

export interface Share {
  /** Of the cluster, beside the other tenants' weights. */
  weight: number;
  /** Jobs that may run at the same time. */
  limit: number;
  /** Seconds of slots that it counts as having used, divided by its weight; who comes anew starts where the least served is. */
  used: number;
}

export interface Contest {
  /** Of each tenant and host the most deserving one is enough. */
  waiting: readonly Waiting[];
  running: readonly Contender[];
  shares: ReadonlyMap<string, Share>;
  /** Jobs of one host that may run at the same time; 0 for any number. */
  hostLimit: number;
}

const urgent = 3;
/** Waiting this long, in seconds, is worth one class of priority: nothing waits for ever. */
export const agingSeconds = 600;
/** A job that has only just become ready is about to be taken: nobody leaves for it yet. */
const patienceMs = 300;
/** Every tenant that waits should have had its turn within this. */
const roundMs = 5_000;
export const shortestTurnMs = 400;
export const longestTurnMs = 2_000;
const classOf = (job: Contender & { waitedMs?: number }) =>
  Math.min(urgent, job.priority + Math.floor((job.waitedMs ?? 0) / (1000 * agingSeconds)));

/** Jobs that run, by tenant and by host. */
class Counts {
  private readonly counts = new Map<string, number>();

  constructor(running: readonly Contender[]) {
    for (const job of running) this.add(job, 1);
  }

  add({ tenantId, host }: Contender, one: 1 | -1): void {
    for (const name of [`tenant ${tenantId}`, `host ${host}`]) this.counts.set(name, (this.counts.get(name) ?? 0) + one);
  }

  ofTenant = (job: Contender) => this.counts.get(`tenant ${job.tenantId}`) ?? 0;
  ofHost = (job: Contender) => this.counts.get(`host ${job.host}`) ?? 0;
}

const unknown: Share = { weight: 1, limit: Infinity, used: 0 };
const shareOf = ({ shares }: Contest, job: Contender) => shares.get(job.tenantId) ?? unknown;

const hasRoom = (contest: Contest, counts: Counts, job: Contender) =>
  counts.ofTenant(job) < shareOf(contest, job).limit && (!job.host || !contest.hostLimit || counts.ofHost(job) < contest.hostLimit);

/** Below zero when `a` deserves a slot more: class, then the tenant's share of what runs now, then of what has run. Zero within a tenant. */
function byMerit(contest: Contest, counts: Counts, a: Contender, b: Contender): number {
  const [ofA, ofB] = [shareOf(contest, a), shareOf(contest, b)];
  return classOf(b) - classOf(a) || counts.ofTenant(a) / ofA.weight - counts.ofTenant(b) / ofB.weight || ofA.used - ofB.used;
}

/** Waiting jobs that may run now, the one that deserves it most first; among equals, who has waited longest. */
export function inOrder(contest: Contest): Waiting[] {
  const counts = new Counts(contest.running);
  return contest.waiting
    .filter((job) => hasRoom(contest, counts, job))
    .sort((a, b) => byMerit(contest, counts, a, b) || b.waitedMs - a.waitedMs || (a.key < b.key ? -1 : 1));
}

/** How long a job keeps its slot at least while others wait, milliseconds: the shorter, the more tenants share the slots. */
export function turnMs({ waiting, running }: Pick<Contest, "waiting" | "running">): number {
  const tenants = new Set([...waiting, ...running].map(({ tenantId }) => tenantId)).size;
  const slots = Math.max(1, running.length);
  return Math.min(longestTurnMs, Math.max(shortestTurnMs, (roundMs * slots) / tenants));
}

/**
 * Running jobs that have to make room, at most one for each that waits: those that would not be chosen again before it. Every node that
 * asks finds the same ones, or two nodes would both make room for one job.
 * @returns their keys; `at once` for those that leave although their turn is not over, since something urgent waits
 */
export function leaving(contest: Contest): Map<string, "at once" | "after its turn"> {
  const counts = new Counts(contest.running);
  const marked = new Map<string, "at once" | "after its turn">();
  const waiting = contest.waiting.toSorted((a, b) => byMerit(contest, counts, a, b) || b.waitedMs - a.waitedMs);
  for (const job of waiting) {
    if (job.waitedMs < patienceMs && job.priority < urgent) continue;
    const loser = contest.running
      .filter(({ key }) => !marked.has(key))
      .sort((a, b) => byMerit(contest, counts, b, a) || (a.key < b.key ? -1 : 1))
      .find((running) => {
        counts.add(running, -1);
        const wins = hasRoom(contest, counts, job) && byMerit(contest, counts, job, running) <= 0;
        if (!wins) counts.add(running, 1);
        return wins;
      });
    if (!loser) continue;
    counts.add(job, 1);
    marked.set(loser.key, job.priority >= urgent && loser.priority < urgent ? "at once" : "after its turn");
  }
  return marked;
}
