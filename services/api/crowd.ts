import { LRUCache } from "lru-cache";
import { errors } from "../../config/errors.ts";

export interface CrowdLimits {
  /** Requests that are worked on at the same time. A quarter of the places is kept for those who are known, another one for strangers. */
  atOnce: number;
  /** … of one network. */
  each: number;
  /** … that wait for a place. A quarter of the line is kept for strangers. */
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
 * lasts, anybody. Nor can networks that are known keep strangers out, for anybody can become known: it takes an account.
 */
export class Crowd {
  private running = 0;
  /** How many of these came as strangers. */
  private strangers = 0;
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
   * @throws TOO_MANY_AT_ONCE, also later, when there are too many and others need the room more; whoever has gone gets it, too
   */
  async enter(network: string, left: AbortSignal): Promise<Leave> {
    if (left.aborted) throw tooMany();
    const known = this.acquaintances.has(network);
    if (!this.fits(network, known)) await this.wait(network, known, left);
    else this.take(network, known);
    let here = true;
    return () => {
      if (!here) return;
      here = false;
      this.give(network, known);
    };
  }

  private wait(network: string, known: boolean, left: AbortSignal): Promise<void> {
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

  private take(network: string, known: boolean): void {
    this.running++;
    if (!known) this.strangers++;
    this.places.set(network, this.ofNetwork(network) + 1);
  }

  private give(network: string, known: boolean): void {
    this.running--;
    if (!known) this.strangers--;
    const rest = this.ofNetwork(network) - 1;
    if (rest) this.places.set(network, rest);
    else this.places.delete(network);
    for (let next = this.next(); next; next = this.next()) {
      this.remove(next);
      this.take(next.network, next.known);
      next.enter();
    }
  }

  /**
   * Whose turn it is: the known before strangers as long as these have the places that are kept for them, then of the network that has the fewest
   * places, then who came first.
   */
  private next(): Waiter | undefined {
    const knownFirst = this.strangers >= quarter(this.limits.atOnce);
    let best: Waiter | undefined;
    for (const waiter of this.waiters) {
      if (!this.fits(waiter.network, waiter.known)) continue;
      const before =
        best && (best.known === waiter.known ? this.ofNetwork(best.network) <= this.ofNetwork(waiter.network) : best.known === knownFirst);
      if (!before) best = waiter;
    }
    return best;
  }

  /**
   * Who has to make room in a full line: the last of a network that has more in it than the newcomer's. For one who is known, any stranger beyond
   * the room that is kept for strangers; for a stranger, those who are known as long as strangers have less than that.
   */
  private victimOf(network: string, known: boolean): Waiter | undefined {
    const counts = new Map<string, number>();
    for (const waiter of this.waiters) counts.set(waiter.network, (counts.get(waiter.network) ?? 0) + 1);
    const mine = (counts.get(network) ?? 0) + 1;
    const kept = quarter(this.limits.waiting);
    const strangers = this.waiters.filter((waiter) => !waiter.known).length;
    const yields = (waiter: Waiter) => {
      const more = counts.get(waiter.network)! > mine;
      if (known === waiter.known) return more;
      return known ? more || strangers > kept : more && strangers < kept;
    };
    // Strangers before the known when they have more than is kept for them, then of the network with the most, then who came last.
    return this.waiters.filter(yields).reduce<Waiter | undefined>((victim, waiter) => {
      if (!victim) return waiter;
      if (strangers > kept && victim.known !== waiter.known) return victim.known ? waiter : victim;
      return counts.get(waiter.network)! >= counts.get(victim.network)! ? waiter : victim;
    }, undefined);
  }

  private fits(network: string, known: boolean): boolean {
    const { atOnce, each } = this.limits;
    if (this.running >= atOnce || this.ofNetwork(network) >= each) return false;
    return known || this.running < atOnce - quarter(atOnce) || this.strangers < quarter(atOnce);
  }

  private ofNetwork(network: string): number {
    return this.places.get(network) ?? 0;
  }

  private remove(waiter: Waiter): void {
    this.waiters = this.waiters.filter((other) => other !== waiter);
  }
}

const quarter = (of: number) => Math.floor(of / 4);

const tooMany = () => errors.tooMany("Too many ask for this at this moment; try again in a few seconds.", { retryAfter: 3 });
