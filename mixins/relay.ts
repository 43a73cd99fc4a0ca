import { setTimeout as sleep } from "node:timers/promises";
import type { JetStreamClient } from "nats";
import { messageOf } from "../config/errors.ts";
import { rows, type Database } from "./database.ts";
import { Listener } from "./listener.ts";

export interface Log {
  info(...args: unknown[]): void;
  warn(...args: unknown[]): void;
  error(...args: unknown[]): void;
  debug(...args: unknown[]): void;
}

const batch = 200;
/** Backstop for a notification that was lost with its connection. */
const pollMs = 1000;
/** Between two looks, the first of which is at once: what is written meanwhile goes together, for each look is a transaction of five statements. */
const restMs = 5;

interface Ticket {
  id: string;
  subject: string;
  message_id: string;
  payload: unknown;
}

/**
 * Publishes a schema's outbox to JetStream, in order, and deletes what was acknowledged. Every node of the service runs one;
 * an advisory lock lets one work at a time, so that a stream's events keep their order. A crash between publish and delete publishes
 * again under the same message id, which JetStream's window and the consumers' inboxes swallow.
 */
export class Relay {
  private readonly database: Database;
  private readonly jetstream: JetStreamClient;
  private readonly prefix: string;
  private readonly log: Log;
  private readonly listener: Listener;
  private timer: NodeJS.Timeout | undefined;
  private running: Promise<void> | undefined;
  private again = false;
  private stopping = false;

  constructor(database: Database, jetstream: JetStreamClient, namespace: string, listenUrl: string, log: Log) {
    this.database = database;
    this.jetstream = jetstream;
    this.prefix = `${namespace}.`;
    this.log = log;
    this.listener = new Listener(listenUrl, `${database.schema}_outbox`, () => this.wake());
  }

  async start(): Promise<void> {
    await this.listener.ensure();
    this.timer = setInterval(() => {
      void this.listener.ensure();
      this.wake();
    }, pollMs);
    this.wake();
  }

  async stop(): Promise<void> {
    this.stopping = true;
    clearInterval(this.timer);
    await this.running;
    await this.listener.stop();
  }

  /** Drains the outbox soon; calls while it drains make it look once more. */
  wake(): void {
    if (this.stopping) return;
    if (this.running) {
      this.again = true;
      return;
    }
    this.running = this.drain()
      .catch((error: unknown) => this.log.warn(`outbox of ${this.database.schema} not published, trying again: ${messageOf(error)}`))
      .then(() => sleep(restMs))
      .finally(() => {
        this.running = undefined;
        if (this.again) {
          this.again = false;
          this.wake();
        }
      });
  }

  private async drain(): Promise<void> {
    while (!this.stopping && (await this.publishBatch()) === batch);
  }

  private publishBatch(): Promise<number> {
    const schema = this.database.schema;
    return this.database.system(async (em) => {
      const [lock] = await rows<{ mine: boolean }>(em, `select pg_try_advisory_xact_lock(hashtext(?)) as mine`, [`${schema} relay`]);
      if (!lock?.mine) return 0;
      const tickets = await rows<Ticket>(em, `select id, subject, message_id, payload from ${schema}.outbox order by id limit ${batch}`);
      if (!tickets.length) return 0;
      await Promise.all(
        tickets.map((ticket) =>
          this.jetstream.publish(this.prefix + ticket.subject, ticket.payload === null ? "" : JSON.stringify(ticket.payload), {
            msgID: ticket.message_id,
            timeout: 5000,
          }),
        ),
      );
      await em.execute(`delete from ${schema}.outbox where id in (?)`, [tickets.map((ticket) => ticket.id)], "run");
      return tickets.length;
    });
  }
}
