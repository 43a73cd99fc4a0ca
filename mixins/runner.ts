import { setTimeout as sleep } from "node:timers/promises";
import type { ConsumerMessages, NatsConnection, Subscription } from "nats";
import { subjects } from "../config/events.ts";
import { messageOf } from "../config/errors.ts";
import { leaseMs, type ActorKind, type Queue } from "./actor.ts";
import type { Database, Em } from "./database.ts";
import { claimFirst, nextLapse, unattendedActors, unattendedWith } from "./mailbox.ts";
import { Ownership } from "./ownership.ts";
import type { Log } from "./relay.ts";
import { durableConsumer } from "./stream.ts";

/** Between two looks for work, at most and at least. */
const sweepMs = 1_000;
const restMs = 10;
/** How often it is asked who is to make room; less often where the answer takes long. */
const crowdMs = 250;
const crowdShare = 10;
/** Actors whose quick letters are handled at the same time, beside the slots. */
const besides = 4;

/**
 * Runs the actors of one kind on one node. A bell names an actor but promises it nothing: every node that hears it and has room asks the
 * database who deserves to be worked on first. It only saves time: one that is lost, or heard by a node that is frozen, is made up for by
 * the next look, a second later at most.
 */
export class ActorRunner {
  private readonly database: Database;
  private readonly kind: ActorKind;
  private readonly owner: string;
  private readonly log: Log;
  private readonly working = new Map<Ownership, Promise<void>>();
  private bells: ConsumerMessages | undefined;
  private heard: Subscription | undefined;
  private hearing: Promise<void>[] = [];
  private ring: (key: string) => void = () => {};
  private looking: Promise<void> | undefined;
  private again = false;
  private timer: NodeJS.Timeout | undefined;
  private crowding: NodeJS.Timeout | undefined;
  private stopping = false;

  constructor(database: Database, kind: ActorKind, owner: string, log: Log) {
    this.database = database;
    this.kind = kind;
    this.owner = owner;
    this.log = log;
  }

  async start(connection: NatsConnection, namespace: string): Promise<void> {
    const names = subjects(namespace);
    const { schema } = this.database;
    const { kind, queue } = this.kind;
    const subject = names.bellsOfKind(schema, kind);
    const limits = { ackWaitMs: leaseMs, maxAckPending: 1000 };
    const consumer = await durableConsumer(connection, names.bellStream, `${schema}-${kind}`, subject, limits);
    // JetStream keeps a bell until one node has heard it, and that may be one without room: all of them listen as well.
    this.bells = await consumer.consume({ max_messages: 100 });
    this.heard = connection.subscribe(subject);
    this.hearing = [this.hear(this.bells, (bell) => bell.ack()), this.hear(this.heard)];
    this.ring = (key) => {
      if (!connection.isClosed()) connection.publish(names.bell(schema, kind, key));
    };
    if (queue) this.crowding = setTimeout(() => void this.findCrowded(queue), crowdMs);
    this.wake();
  }

  /** Takes no more actors, makes running handlers leave, and hands their actors over at once. */
  async stop(): Promise<void> {
    this.stopping = true;
    clearTimeout(this.timer);
    clearTimeout(this.crowding);
    this.bells?.stop();
    this.heard?.unsubscribe();
    for (const owned of this.working.keys()) owned.stop();
    await Promise.all(this.hearing);
    await this.looking;
    await Promise.allSettled(this.working.values());
  }

  private async hear<Bell>(bells: AsyncIterable<Bell>, take?: (bell: Bell) => void): Promise<void> {
    try {
      for await (const bell of bells) {
        take?.(bell);
        this.wake();
      }
    } catch (error) {
      // Work is found all the same, a second later at most.
      this.log.error(`${this.kind.kind}: this node hears no bells any more: ${messageOf(error)}`);
    }
  }

  /** Looks for work soon; calls while it looks make it look once more. */
  private wake(): void {
    if (this.stopping) return;
    this.again = true;
    this.looking ??= this.look()
      .catch((error: unknown) => {
        this.log.warn(`${this.kind.kind}: no work could be taken, trying again: ${messageOf(error)}`);
        return sweepMs;
      })
      .then((pauseMs) => {
        this.looking = undefined;
        if (this.stopping) return;
        if (this.again) this.wake();
        else this.timer = setTimeout(() => this.wake(), pauseMs);
      });
  }

  /** Takes what there is room for. @returns milliseconds after which to look again */
  private async look(): Promise<number> {
    clearTimeout(this.timer);
    await sleep(restMs);
    this.again = false;
    const { schema } = this.database;
    const { kind, slots, queue, quick } = this.kind;
    if (quick) await this.take(true, besides, (em) => unattendedWith(em, schema, kind, quick, besides));
    await this.take(false, slots, (em) => (queue ? queue.choose(em) : unattendedActors(em, schema, kind, slots)));
    const lapse = await this.database.system((em) => nextLapse(em, schema, kind));
    return Math.min(sweepMs, lapse ?? sweepMs);
  }

  private async take(beside: boolean, room: number, choose: (em: Em) => Promise<string[]>): Promise<void> {
    const taken = () => [...this.working.keys()].filter((owned) => owned.beside === beside).length;
    while (!this.stopping && taken() < room) {
      const claimed = await this.database.system(async (em) => claimFirst(em, this.database.schema, await choose(em), this.owner, leaseMs));
      if (!claimed) return;
      this.begin(new Ownership(this.database, this.kind, this.log, claimed, beside));
    }
  }

  private begin(owned: Ownership): void {
    if (this.stopping) owned.stop();
    const task = owned
      .work()
      .then((left) => {
        if (left) this.ring(owned.key);
      })
      .catch((error: unknown) => this.log.error(`${this.kind.kind} ${owned.key} failed: ${messageOf(error)}`))
      .finally(() => {
        this.working.delete(owned);
        this.wake();
      });
    this.working.set(owned, task);
  }

  private async findCrowded(queue: Queue): Promise<void> {
    const asked = Date.now();
    const held = [...this.working.keys()].filter((owned) => !owned.beside);
    if (held.length) {
      // Without an answer nobody leaves.
      const crowded = await this.database.system((em) => queue.crowded(em, held)).catch(() => new Set());
      for (const owned of held) owned.crowded = crowded.has(owned.key);
    }
    if (this.stopping) return;
    this.crowding = setTimeout(() => void this.findCrowded(queue), Math.max(crowdMs, crowdShare * (Date.now() - asked)));
  }
}
