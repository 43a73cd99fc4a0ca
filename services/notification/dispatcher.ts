import { setTimeout as sleep } from "node:timers/promises";
import { messageOf } from "../../config/errors.ts";
import { Listener } from "../../mixins/listener.ts";
import type { Log } from "../../mixins/relay.ts";

const pollMs = 1_000;
/** How long a stopping node lets attempts end by themselves. */
const graceMs = 3_000;

/** What one kind of message is and how it is sent. */
export interface Dispatching<Claimed> {
  /** In the plural, for the log: "webhooks". */
  what: string;
  /** Where PostgreSQL says at once that something is due, and by which channel; the poll would find it within a second. */
  listenUrl: string;
  channel: string;
  /** Messages in flight on one node. */
  slots: number;
  /** Takes up to so many due messages for this node, until their claim runs out. @param active those it has in flight */
  claim(free: number, active: Iterable<Claimed>): Promise<Claimed[]>;
  /** Attempts one and records how that ended; gives it back when the signal ends the attempt. Never throws. */
  deliver(claimed: Claimed, signal: AbortSignal): Promise<void>;
  log: Log;
}

/**
 * Attempts what is due, on every node of the service. PostgreSQL says what is due and who has claimed it; attempts are made outside any
 * transaction. A node that dies in between leaves a claim that runs out, and the message is sent again under the same id: at least once.
 */
export class Dispatcher<Claimed> {
  private readonly with: Dispatching<Claimed>;
  private readonly active = new Map<Promise<void>, Claimed>();
  private readonly stopper = new AbortController();
  private readonly listener: Listener;
  private timer: NodeJS.Timeout | undefined;
  private pumping: Promise<void> | undefined;
  private again = false;
  private stopping = false;

  constructor(dispatching: Dispatching<Claimed>) {
    this.with = dispatching;
    this.listener = new Listener(dispatching.listenUrl, dispatching.channel, () => this.wake());
  }

  async start(): Promise<void> {
    this.timer = setInterval(() => {
      void this.listener.ensure();
      this.wake();
    }, pollMs);
    await this.listener.ensure();
    this.wake();
  }

  /** Looks for due messages now; a call while it looks makes it look once more. */
  wake(): void {
    if (this.stopping) return;
    this.again = true;
    this.pumping ??= this.pump()
      .catch((error: unknown) => this.with.log.warn(`due ${this.with.what} could not be claimed, trying again: ${messageOf(error)}`))
      .finally(() => {
        this.pumping = undefined;
        // A call that came after its last look.
        if (this.again && this.active.size < this.with.slots) this.wake();
      });
  }

  /** Takes nothing new, lets attempts end for a moment, gives the rest back. */
  async stop(): Promise<void> {
    this.stopping = true;
    clearInterval(this.timer);
    await this.listener.stop();
    await this.pumping;
    const done = new AbortController();
    const ended = Promise.all(this.active.keys()).finally(() => done.abort());
    await Promise.race([ended, sleep(graceMs, undefined, { signal: done.signal }).catch(() => {})]);
    this.stopper.abort();
    await ended;
  }

  private async pump(): Promise<void> {
    const { slots } = this.with;
    while (this.again && !this.stopping && this.active.size < slots) {
      this.again = false;
      for (const claimed of await this.with.claim(slots - this.active.size, this.active.values())) {
        const task: Promise<void> = this.with.deliver(claimed, this.stopper.signal).finally(() => {
          this.active.delete(task);
          // What was held back by a limit may be due.
          this.wake();
        });
        this.active.set(task, claimed);
      }
    }
  }
}
