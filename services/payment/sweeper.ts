import { setTimeout as delay } from "node:timers/promises";
import { messageOf } from "../../config/errors.ts";
import { sweep } from "./orders.ts";
import type { Till } from "./till.ts";

interface Log {
  warn(...args: unknown[]): void;
}

const everyMs = 5_000;

/** Sweeps until stopped. Every node may run one: the claim on each payment keeps them apart. */
export class Sweeper {
  private readonly stopping = new AbortController();
  private readonly running: Promise<void>;

  constructor(till: Till, log: Log) {
    this.running = this.run(till, log);
  }

  /** Waits for the payment that is being settled. */
  async stop(): Promise<void> {
    this.stopping.abort();
    await this.running;
  }

  private async run(till: Till, log: Log): Promise<void> {
    const { signal } = this.stopping;
    while (!signal.aborted) {
      try {
        // Nodes started together would otherwise look at the same moment for ever.
        await delay(everyMs * (0.75 + Math.random() / 2), undefined, { signal });
        await sweep(till, 20, signal);
      } catch (error) {
        if (!signal.aborted) log.warn(`Payments could not be swept: ${messageOf(error)}`);
      }
    }
  }
}
