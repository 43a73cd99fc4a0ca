import { setTimeout as sleep } from "node:timers/promises";
import { messageOf } from "../../config/errors.ts";
import type { Database } from "../../mixins/database.ts";
import { Listener } from "../../mixins/listener.ts";
import type { Log } from "../../mixins/relay.ts";
import type { KeyManager } from "../../mixins/vault/keys.ts";
import { claimDue, record, release, type Claimed } from "./deliveries.ts";
import type { Outcome, Sender } from "./deliver.ts";
import { openSecret } from "./endpoints.ts";
import { dueChannel } from "./fanout.ts";
import type { Schedule } from "./schedule.ts";

/** Messages in flight on one node, and of one endpoint among them. */
const slots = 32;
const perEndpoint = 4;
/** Longer than an attempt can last; a killed node's messages are taken over after this. */
const claimMs = 30_000;
const pollMs = 1_000;
/** How long a stopping node lets attempts end by themselves. */
const graceMs = 3_000;

export interface Dispatching {
  database: Database;
  /** Where PostgreSQL says at once that something is due; the poll would find it within a second. */
  listenUrl: string;
  keys: KeyManager;
  sender: Sender;
  schedule: Schedule;
  log: Log;
}

/**
 * Attempts what is due, on every node of the service. PostgreSQL says what is due and who has claimed it; attempts are made outside any
 * transaction. A node that dies in between leaves a claim that runs out, and the message is sent again under the same id: at least once.
 */
export class Dispatcher {
  private readonly with: Dispatching;
  private readonly active = new Map<Promise<void>, string>();
  private readonly stopper = new AbortController();
  private readonly listener: Listener;
  private timer: NodeJS.Timeout | undefined;
  private pumping: Promise<void> | undefined;
  private again = false;
  private stopping = false;

  constructor(dispatching: Dispatching) {
    this.with = dispatching;
    this.listener = new Listener(dispatching.listenUrl, dueChannel, () => this.wake());
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
      .catch((error: unknown) => this.with.log.warn(`due webhooks could not be claimed, trying again: ${messageOf(error)}`))
      .finally(() => {
        this.pumping = undefined;
        // A call that came after its last look.
        if (this.again && this.active.size < slots) this.wake();
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
    while (this.again && !this.stopping && this.active.size < slots) {
      this.again = false;
      const free = slots - this.active.size;
      const claimed = await this.with.database.system((em) => claimDue(em, free, perEndpoint, this.busy(), claimMs));
      for (const delivery of claimed) {
        const task: Promise<void> = this.deliver(delivery).finally(() => {
          this.active.delete(task);
          // An endpoint at its limit may have more that is due.
          this.wake();
        });
        this.active.set(task, delivery.endpoint_id);
      }
    }
  }

  private busy(): Map<string, number> {
    const counts = new Map<string, number>();
    for (const endpoint of this.active.values()) counts.set(endpoint, (counts.get(endpoint) ?? 0) + 1);
    return counts;
  }

  private async deliver(claimed: Claimed): Promise<void> {
    const { database, schedule, log } = this.with;
    try {
      const outcome = await this.attempt(claimed);
      const givenUp = !outcome.ok && this.stopper.signal.aborted;
      await database.tenant(claimed.tenant_id, (em) => (givenUp ? release(em, claimed) : record(em, claimed, outcome, schedule)));
    } catch (error) {
      log.warn(`how webhook delivery ${claimed.id} ended was not recorded, it will be sent again: ${messageOf(error)}`);
    }
  }

  private async attempt(claimed: Claimed): Promise<Outcome> {
    const failed = (error: string): Outcome => ({ ok: false, status: null, retryAfterMs: null, error });
    if (!claimed.enabled) return failed("The webhook is turned off since its receiver answered 410 Gone.");
    let key: Buffer;
    try {
      key = await openSecret(this.with.keys, claimed);
    } catch (error) {
      this.with.log.error(`the secret of webhook ${claimed.endpoint_id} can't be opened: ${messageOf(error)}`);
      return failed("The webhook's secret can't be opened now.");
    }
    const message = { url: claimed.url, eventId: claimed.event_id, body: claimed.body, keys: [key] };
    return await this.with.sender.send(message, this.stopper.signal);
  }
}
