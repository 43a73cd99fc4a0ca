import { LRUCache } from "lru-cache";
import { errors } from "../../config/errors.ts";

export interface CrowdLimits {
  /** Requests that are worked on at the same time. A quarter of the places is kept for those who are known. */
  atOnce: number;
  /** … of one network. */
  each: number;
  /** … that wait for a place. */
  waiting: number;
}

/** Networks from which somebody was recognised a while ago: who is known goes first. */
export class Acquaintances {
  private readonly networks = new LRUCache<string, true>({ max: 20_000, ttl: 24 * 3_600_000 });

  add(network: string | undefined): void {
    if (network !== undefined) this.networks.set(network, true);
  }

  has(network: string | undefined): boolean {
    return network !== undefined && this.networks.has(network);
  }
}

interface Waiter {
  network: string;
  known: boolean;
  enter(): void;
  refuse(): void;
}

/** Gives a place back; once is enough, more do nothing. */
export type Leave = () => void;

/**
 * Bounds what strangers have done for them at the same time: who waits is let in by fair shares of networks, those that are known first, and
 * what does not fit is refused at once. So a flood costs as much as its refusals, and keeps neither the acquainted out nor, for longer than it
 * lasts, anybody.
 */
export class Crowd {
  private running = 0;
  private readonly places = new Map<string, number>();
  private waiters: Waiter[] = [];
  private readonly limits: CrowdLimits;
  private readonly acquaintances: Acquaintances;

  constructor(limits: CrowdLimits, acquaintances: Acquaintances) {
    this.limits = limits;
    this.acquaintances = acquaintances;
  }

  /** Whether somebody would be refused now: asked before a body is read. @throws TOO_MANY_AT_ONCE */
  check(network: string): void {
    const known = this.acquaintances.has(network);
    if (!this.fits(network, known) && this.waiters.length >= this.limits.waiting && !this.victimOf(network, known)) throw tooMany();
  }

  /**
   * Waits for a place.
   * @param left aborts when who waits has gone
   * @throws TOO_MANY_AT_ONCE, also later, when there are too many and others have more who wait
   */
  async enter(network: string, left: AbortSignal): Promise<Leave> {
    const known = this.acquaintances.has(network);
    if (!this.fits(network, known)) await this.wait(network, known, left);
    else this.take(network);
    let here = true;
    return () => {
      if (!here) return;
      here = false;
      this.give(network);
    };
  }

  private wait(network: string, known: boolean, left: AbortSignal): Promise<void> {
    if (left.aborted) throw tooMany();
    if (this.waiters.length >= this.limits.waiting) {
      const victim = this.victimOf(network, known);
      if (!victim) throw tooMany();
      this.remove(victim);
      victim.refuse();
    }
    return new Promise((resolve, reject) => {
      const end = () => {
        this.remove(waiter);
        reject(tooMany());
      };
      const waiter: Waiter = {
        network,
        known,
        enter() {
          left.removeEventListener("abort", end);
          resolve();
        },
        refuse() {
          left.removeEventListener("abort", end);
          reject(tooMany());
        },
      };
      left.addEventListener("abort", end);
      this.waiters.push(waiter);
    });
  }

  private take(network: string): void {
    this.running++;
    this.places.set(network, this.ofNetwork(network) + 1);
  }

  private give(network: string): void {
    this.running--;
    const rest = this.ofNetwork(network) - 1;
    if (rest) this.places.set(network, rest);
    else this.places.delete(network);
    for (let next = this.next(); next; next = this.next()) {
      this.remove(next);
      this.take(next.network);
      next.enter();
    }
  }

  /** Whose turn it is: the known before strangers, then of the network that has the fewest places, then who came first. */
  private next(): Waiter | undefined {
    let best: Waiter | undefined;
    for (const waiter of this.waiters) {
      if (!this.fits(waiter.network, waiter.known)) continue;
      const before = best && (best.known === waiter.known ? this.ofNetwork(best.network) <= this.ofNetwork(waiter.network) : best.known);
      if (!before) best = waiter;
    }
    return best;
  }

  /** Who has to make room in a full line: a stranger for one who is known, else the last of a network that has more in it than the newcomer's. */
  private victimOf(network: string, known: boolean): Waiter | undefined {
    const counts = new Map<string, number>();
    for (const waiter of this.waiters) counts.set(waiter.network, (counts.get(waiter.network) ?? 0) + 1);
    const mine = (counts.get(network) ?? 0) + 1;
    const yields = (waiter: Waiter) => (known === waiter.known ? counts.get(waiter.network)! > mine : known);
    // Strangers before the known, then of the network with the most, then who came last.
    return this.waiters.filter(yields).reduce<Waiter | undefined>((victim, waiter) => {
      if (!victim) return waiter;
      if (victim.known !== waiter.known) return victim.known ? waiter : victim;
      return counts.get(waiter.network)! >= counts.get(victim.network)! ? waiter : victim;
    }, undefined);
  }

  private fits(network: string, known: boolean): boolean {
    const { atOnce, each } = this.limits;
    return this.running < (known ? atOnce : Math.ceil(atOnce * 0.75)) && this.ofNetwork(network) < each;
  }

  private ofNetwork(network: string): number {
    return this.places.get(network) ?? 0;
  }

  private remove(waiter: Waiter): void {
    this.waiters = this.waiters.filter((other) => other !== waiter);
  }
}

const tooMany = () => errors.tooMany("Too many ask for this at this moment; try again in a few seconds.", { retryAfter: 3 });
