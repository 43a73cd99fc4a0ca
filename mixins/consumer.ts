import type { ConsumerMessages, JsMsg, NatsConnection } from "nats";
import type { DomainEvent, EventType } from "../config/events.ts";
import { subjects } from "../config/events.ts";
import { failureType, messageOf } from "../config/errors.ts";
import { row, type Database, type Em } from "./database.ts";
import type { Log } from "./relay.ts";
import { durableConsumer } from "./stream.ts";

const usualBackoffMs = [1_000, 5_000, 30_000, 120_000, 600_000];
const ackWaitMs = 30_000;

export interface WorkTools {
  signal: AbortSignal;
}

/**
 * What a service does with one type of event. `work` is the slow part, outside any transaction; `commit` writes its result in the
 * tenant's transaction that also records the event as taken. Either may be left out.
 */
export interface Subscription<T extends EventType = EventType, Result = unknown> {
  /** Durable name, unique within the service; nodes of the service share its events. */
  name: string;
  /** One type, or "*" for all. */
  type: T | "*";
  /** Events taken at the same time by one node. */
  concurrency?: number;
  /** Waits between the attempts at one event, milliseconds; what still fails after the last becomes a dead letter. */
  backoffMs?: readonly number[];
  work?(event: DomainEvent<T>, tools: WorkTools): Promise<Result>;
  commit?(em: Em, event: DomainEvent<T>, result: Result): Promise<void>;
}

/** Takes events from JetStream: acknowledged after the commit, redelivered after a crash, harmless the second time. */
export class EventConsumer {
  private readonly database: Database;
  private readonly subscription: Subscription;
  private readonly log: Log;
  private readonly stopper = new AbortController();
  private messages: ConsumerMessages | undefined;
  private readonly active = new Set<Promise<void>>();
  private loop: Promise<void> | undefined;

  constructor(database: Database, subscription: Subscription, log: Log) {
    this.database = database;
    this.subscription = subscription;
    this.log = log;
  }

  async start(connection: NatsConnection, namespace: string): Promise<void> {
    const names = subjects(namespace);
    const concurrency = this.subscription.concurrency ?? 1;
    const durable = `${this.database.schema}-${this.subscription.name}`;
    const subject = this.subscription.type === "*" ? names.allEvents : names.eventsOfType(this.subscription.type);
    const consumer = await durableConsumer(connection, names.eventStream, durable, subject, { ackWaitMs, maxAckPending: 1000 });
    this.messages = await consumer.consume({ max_messages: concurrency });
    this.loop = this.run(this.messages, concurrency);
  }

  async stop(): Promise<void> {
    this.stopper.abort();
    this.messages?.stop();
    await this.loop;
    await Promise.allSettled(this.active);
  }

  private async run(messages: ConsumerMessages, concurrency: number): Promise<void> {
    for await (const message of messages) {
      const task: Promise<void> = this.take(message).finally(() => this.active.delete(task));
      this.active.add(task);
      if (this.active.size >= concurrency) await Promise.race(this.active);
    }
  }

  private async take(message: JsMsg): Promise<void> {
    const working = setInterval(() => message.working(), ackWaitMs / 3);
    const attempt = message.info.deliveryCount;
    let event: DomainEvent | undefined;
    try {
      event = message.json<DomainEvent>();
      await this.handle(event);
      message.ack();
    } catch (error) {
      if (this.stopper.signal.aborted) message.nak(100);
      else await this.fail(message, event, attempt, error);
    } finally {
      clearInterval(working);
    }
  }

  /** Also the way a dead letter is replayed. */
  async handle(event: DomainEvent): Promise<void> {
    const { subscription } = this;
    const { name } = subscription;
    const schema = this.database.schema;
    // Spares the work of a second time; where there is none, the commit finds out by itself.
    if (subscription.work) {
      const seen = await this.database.tenant(event.tenantId, (em) =>
        row(em, `select 1 from ${schema}.inbox where consumer = ? and event_id = ?`, [name, event.id]),
      );
      if (seen) return;
    }
    const result = await subscription.work?.(event, { signal: this.stopper.signal });
    await this.database.tenant(event.tenantId, async (em) => {
      // Two deliveries at once: the second waits here for the first to commit, and then finds the row taken.
      const fresh = await row(
        em,
        `insert into ${schema}.inbox (consumer, event_id, tenant_id) values (?, ?, ?) on conflict do nothing returning 1`,
        [name, event.id, event.tenantId],
      );
      if (fresh) await subscription.commit?.(em, event, result);
    });
  }

  private async fail(message: JsMsg, event: DomainEvent | undefined, attempt: number, error: unknown): Promise<void> {
    const { name, backoffMs = usualBackoffMs } = this.subscription;
    const delay = backoffMs[attempt - 1];
    if (event && delay !== undefined) {
      this.log.warn(`${name} failed on ${event.type} ${event.id}, attempt ${attempt}, again in ${delay} ms: ${messageOf(error)}`);
      // A bare nak() would use up every delivery within milliseconds, whatever the consumer's back-off says.
      message.nak(delay);
      return;
    }
    this.log.error(`${name} gave up after ${attempt} attempts: ${messageOf(error)}`);
    try {
      if (event) await this.bury(event, attempt, error);
      message.term();
    } catch {
      message.nak(5_000);
    }
  }

  private async bury(event: DomainEvent, attempts: number, error: unknown): Promise<void> {
    await this.database.tenant(event.tenantId, (em) =>
      em.execute(
        `insert into ${this.database.schema}.dead_letters (tenant_id, consumer, event, attempts, error_type, error_message) values (?, ?, ?::jsonb, ?, ?, ?)`,
        [event.tenantId, this.subscription.name, JSON.stringify(event), attempts, failureType(error), messageOf(error)],
        "run",
      ),
    );
  }
}
