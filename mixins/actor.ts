import type { ConsumerMessages, JsMsg, NatsConnection } from "nats";
import { subjects } from "../config/contracts.ts";
import { errors, failureType, messageOf } from "../config/errors.ts";
import type { Database, Em } from "./database.ts";
import * as mailbox from "./mailbox.ts";
import type { Message } from "./mailbox.ts";
import type { Log } from "./relay.ts";
import { durableConsumer } from "./stream.ts";

/** How long an owner that says nothing keeps an actor: the longest gap after a node was killed. */
export const leaseMs = 3_000;
/** Starts without any progress after which a message is given up. */
const maxAttempts = 12;
/** Pause after a start that failed. */
const retryMs = 1_000;
const sweepMs = 1_000;

/** What an actor's handler holds while it works. */
export interface Lease {
  key: string;
  /** The letter that is being handled. */
  messageId: string;
  tenantId: string;
  /** Aborted when the lease is lost or the node stops: leave without committing. */
  signal: AbortSignal;
  /** One transaction in the tenant's scope that also renews the lease and fails with LEASE_LOST when another node has taken over. */
  commit<T>(work: (em: Em) => Promise<T>): Promise<T>;
  /** Types of the letters that wait behind the current one: how a long run hears of "pause" and "cancel". */
  waiting(): Promise<string[]>;
}

/** A kind of actor: its letters are handled one at a time per key, on any node. */
export interface ActorKind {
  kind: string;
  /** Actors one node works on at the same time. */
  slots: number;
  /** Does the work of a letter; what it returns runs in the transaction that takes the letter out of the mailbox. */
  receive(message: Message, lease: Lease): Promise<((em: Em) => Promise<void>) | void>;
  /** The letter was started too often without progress; leave the aggregate in a final state. */
  giveUp(message: Message, error: unknown, tenantId: string, key: string, em: Em): Promise<void>;
}

/**
 * Runs actors: PostgreSQL holds mailbox and lease, JetStream is the bell. An effect, the mailbox's progress and the lease commit together
 * under the epoch, so that an owner that was paused or cut off and wakes up later can change nothing. A bell only saves time: one that is
 * lost, or delivered again and again to a node that is frozen, is made up for by the sweepers of the others.
 */
export class ActorRunner {
  private readonly database: Database;
  private readonly kind: ActorKind;
  private readonly owner: string;
  private readonly log: Log;
  private readonly active = new Map<Promise<void>, AbortController>();
  private messages: ConsumerMessages | undefined;
  private loop: Promise<void> | undefined;
  private sweeper: NodeJS.Timeout | undefined;
  private stopping = false;

  constructor(database: Database, kind: ActorKind, owner: string, log: Log) {
    this.database = database;
    this.kind = kind;
    this.owner = owner;
    this.log = log;
  }

  async start(connection: NatsConnection, namespace: string): Promise<void> {
    const names = subjects(namespace);
    const schema = this.database.schema;
    const consumer = await durableConsumer(
      connection,
      names.bellStream,
      `${schema}-${this.kind.kind}`,
      names.bellsOfKind(schema, this.kind.kind),
      {
        ackWaitMs: leaseMs,
        maxAckPending: 1000,
      },
    );
    this.messages = await consumer.consume({ max_messages: this.kind.slots });
    this.loop = this.run(this.messages);
    this.sweeper = setInterval(() => void this.sweep().catch(() => {}), sweepMs);
  }

  /** Stops taking bells, makes running handlers leave, and hands their actors over at once. */
  async stop(): Promise<void> {
    this.stopping = true;
    clearInterval(this.sweeper);
    this.messages?.stop();
    for (const controller of this.active.values()) controller.abort(new Error("the node stops"));
    await this.loop;
    await Promise.allSettled(this.active.keys());
  }

  private async run(messages: ConsumerMessages): Promise<void> {
    for await (const bell of messages) {
      this.begin(bell.subject.slice(bell.subject.lastIndexOf(".") + 1), bell);
      if (this.active.size >= this.kind.slots) await Promise.race(this.active.keys());
    }
  }

  private begin(key: string, bell?: JsMsg): void {
    const controller = new AbortController();
    if (this.stopping) controller.abort(new Error("the node stops"));
    const task: Promise<void> = this.answer(key, controller, bell)
      .catch((error: unknown) => {
        this.log.error(`${this.kind.kind} ${key} failed: ${messageOf(error)}`);
        bell?.nak(retryMs);
      })
      .finally(() => this.active.delete(task));
    this.active.set(task, controller);
  }

  private async answer(key: string, controller: AbortController, bell: JsMsg | undefined): Promise<void> {
    const { schema } = this.database;
    if (controller.signal.aborted) return bell?.nak();
    const claimed = await this.database.system((em) => mailbox.claim(em, schema, key, this.owner, leaseMs));
    if (!claimed) {
      // Held by another: a first bell may go, but a redelivered one may be the holder's own unacknowledged bell,
      // the trigger of the take-over. It must outlive the lease.
      const left = bell?.redelivered ? await this.database.system((em) => mailbox.leaseLeft(em, schema, key)) : undefined;
      if (left === undefined) bell?.ack();
      else bell?.nak(Math.ceil(left) + 50);
      return;
    }
    const heartbeat = this.keepAlive(bell, key, claimed.epoch, controller);
    try {
      await this.drain(key, claimed, controller.signal);
      bell?.ack();
    } catch (error) {
      const lost = failureType(error) === "LEASE_LOST";
      const pauseMs = this.stopping ? 0 : retryMs;
      await this.database.system((em) => mailbox.release(em, schema, key, claimed.epoch, pauseMs)).catch(() => {});
      if (lost) bell?.ack();
      else bell?.nak(pauseMs);
      if (!lost && !this.stopping) this.log.warn(`${this.kind.kind} ${key} interrupted, starting again: ${messageOf(error)}`);
    } finally {
      clearInterval(heartbeat);
    }
  }

  /** Renews lease and bell. When the database can't be asked until the lease has run out, the lease counts as lost. */
  private keepAlive(bell: JsMsg | undefined, key: string, epoch: number, controller: AbortController): NodeJS.Timeout {
    let held = Date.now();
    return setInterval(() => {
      bell?.working();
      const asked = Date.now();
      this.database
        .system((em) => mailbox.renew(em, this.database.schema, key, epoch, leaseMs))
        .then((mine) => {
          if (mine) held = asked;
          else controller.abort(errors.fenced("Another node has taken over."));
        })
        .catch(() => {
          if (Date.now() - held > leaseMs) controller.abort(errors.fenced("The lease could not be renewed in time."));
        });
    }, leaseMs / 3);
  }

  private async drain(key: string, claimed: mailbox.Claim, signal: AbortSignal): Promise<void> {
    const { schema } = this.database;
    for (;;) {
      signal.throwIfAborted();
      const message = await this.guarded(key, claimed, signal, (em) => mailbox.nextMessage(em, schema, key));
      if (message) await this.handle(message, key, claimed, signal);
      else if (await this.database.system((em) => mailbox.releaseIdle(em, schema, key, claimed.epoch))) return;
    }
  }

  private async handle(message: Message, key: string, claimed: mailbox.Claim, signal: AbortSignal): Promise<void> {
    const { schema } = this.database;
    const commit = <T>(work: (em: Em) => Promise<T>) => this.guarded(key, claimed, signal, work);
    let committed = false;
    const lease: Lease = {
      key,
      messageId: message.id,
      tenantId: claimed.tenantId,
      signal,
      commit: (work) =>
        commit(async (em) => {
          if (!committed) await mailbox.forgiveAttempts(em, schema, message.id);
          committed = true;
          return await work(em);
        }),
      waiting: () => this.database.tenant(claimed.tenantId, (em) => mailbox.waitingTypes(em, schema, key, message.id)),
    };
    try {
      const effect = await this.kind.receive(message, lease);
      await commit(async (em) => {
        await effect?.(em);
        await mailbox.finish(em, schema, key, message.id);
      });
    } catch (error) {
      if (signal.aborted || failureType(error) === "LEASE_LOST" || message.attempts < maxAttempts) throw error;
      this.log.error(
        `${this.kind.kind} ${key}: gave up on "${message.type}" after ${message.attempts} starts without progress: ${messageOf(error)}`,
      );
      await commit(async (em) => {
        await this.kind.giveUp(message, error, claimed.tenantId, key, em);
        await mailbox.finish(em, schema, key, message.id);
      });
    }
  }

  private guarded<T>(key: string, claimed: mailbox.Claim, signal: AbortSignal, work: (em: Em) => Promise<T>): Promise<T> {
    return this.database.tenant(claimed.tenantId, async (em) => {
      signal.throwIfAborted();
      const result = await work(em);
      // The fence comes last: it locks the actor's row until the commit, and an actor that works in several lanes would do all its work
      // behind that lock. A fenced owner's work is rolled back just the same.
      if (!(await mailbox.renew(em, this.database.schema, key, claimed.epoch, leaseMs)))
        throw errors.fenced("Another node has taken over.");
      return result;
    });
  }

  /** Takes actors that have mail and nobody at work, as far as there is room. */
  private async sweep(): Promise<void> {
    const room = this.kind.slots - this.active.size;
    if (room <= 0) return;
    const keys = await this.database.system((em) => mailbox.forgotten(em, this.database.schema, this.kind.kind, room));
    for (const key of keys) if (this.active.size < this.kind.slots) this.begin(key);
  }
}
