import { setTimeout as delay } from "node:timers/promises";
import { messageOf } from "../../config/errors.ts";

interface Log {
  warn(...args: unknown[]): void;
}

/** Does a round of work again and again until stopped. Every node may run one: claims on the rows keep them apart. */
export class Sweeper {
  private readonly stopping = new AbortController();
  private readonly running: Promise<void>;

  /**
   * @param what for the log, e.g. "payments"
   * @param everyMs between two rounds, on average
   * @param sweep one round; ends early when its signal says so
   */
  constructor(what: string, everyMs: number, sweep: (signal: AbortSignal) => Promise<unknown>, log: Log) {
    this.running = this.run(what, everyMs, sweep, log);
  }

  /** Waits for the end of the round. */
  async stop(): Promise<void> {
    this.stopping.abort();
    await this.running;
  }

  private async run(what: string, everyMs: number, sweep: (signal: AbortSignal) => Promise<unknown>, log: Log): Promise<void> {
    const { signal } = this.stopping;
    while (!signal.aborted) {
      try {
        // Nodes started together would otherwise look at the same moment for ever.
        await delay(everyMs * (0.75 + Math.random() / 2), undefined, { signal });
        await sweep(signal);
      } catch (error) {
        if (!signal.aborted) log.warn(`A round over ${what} failed: ${messageOf(error)}`);
      }
    }
  }
}
