import { setTimeout as delay } from "node:timers/promises";
import { errors } from "../../../config/errors.ts";
import { retryAfter } from "../../../mixins/retryafter.ts";

export interface Rate {
  /** Requests per second in the long run; PayPal publishes no figure, this is against loops that run wild. */
  perSecond: number;
  /** Requests at once. */
  burst: number;
}

/** How long a request waits for its turn, milliseconds. */
const patienceMs = 2_000;
/** After a 429 that does not say how long, and at most. */
const usualPauseMs = 500;
const longestPauseMs = 120_000;

/** Keeps one account from asking more than PayPal bears: a share per second, and silence as long as PayPal asks for it. */
export class RateGuard {
  readonly #intervalMs: number;
  readonly #toleranceMs: number;
  readonly #now: () => number;
  /** When the next request would be due if all came evenly (the generic cell rate algorithm). */
  #due = 0;
  #silentUntil = 0;

  constructor({ perSecond, burst }: Rate = { perSecond: 200, burst: 400 }, now: () => number = Date.now) {
    this.#intervalMs = 1_000 / perSecond;
    this.#toleranceMs = this.#intervalMs * (burst - 1);
    this.#now = now;
  }

  /** Waits for its turn. @throws PAYMENT_GATEWAY_THROTTLED when that would take long: nothing was sent then */
  async pass(): Promise<void> {
    const now = this.#now();
    const due = Math.max(this.#due, now);
    const waitMs = Math.max(due - this.#toleranceMs, this.#silentUntil) - now;
    if (waitMs > patienceMs)
      throw errors.gatewayThrottled(`PayPal is not asked for another ${Math.ceil(waitMs / 1000)} s: it has had too many requests.`);
    this.#due = due + this.#intervalMs;
    if (waitMs > 0) await delay(waitMs);
  }

  /** Takes note of an answer. @param header Retry-After */
  learn(status: number, header: string | undefined): void {
    if (status !== 429) return;
    const pauseMs = Math.min(retryAfter(header, this.#now()) ?? usualPauseMs, longestPauseMs);
    this.#silentUntil = Math.max(this.#silentUntil, this.#now() + pauseMs);
  }
}
