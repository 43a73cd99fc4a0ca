import { connect, type NatsConnection } from "nats";
import type { SchemaName } from "../config/names.ts";
import { env } from "../config/env.ts";
import { errors } from "../config/errors.ts";
import { natsOptions } from "../config/nats.ts";
import { mixin, type Host } from "../config/service.ts";
import { ActKeeper, actsRecorded } from "./acts.ts";
import type { ActorKind } from "./actor.ts";
import { Chores } from "./chores.ts";
import { EventConsumer, type Subscription } from "./consumer.ts";
import { row } from "./database.ts";
import { deadLetterActions } from "./deadletters.ts";
import { urlOf, type WithDatabase } from "./orm.mixin.ts";
import { Relay } from "./relay.ts";
import { ActorRunner } from "./runner.ts";
import { ensureStreams } from "./stream.ts";
import type { DomainEvent } from "../config/events.ts";

export interface WithJobs extends WithDatabase {
  jobs: Jobs;
}

interface Work {
  subscriptions?: Subscription[];
  actors?: ActorKind[];
}

/** Durable work of one service on one node: the relay of its outbox, its consumers, its actors and the chores of its tables. */
class Jobs {
  readonly connection: NatsConnection;
  private readonly relay: Relay;
  private readonly chores: Chores;
  readonly acts: ActKeeper;
  private readonly consumers = new Map<string, EventConsumer>();
  private readonly runners: ActorRunner[] = [];
  private readonly host: Host<WithDatabase>;
  private stopping: Promise<void> | undefined;

  constructor(host: Host<WithDatabase>, connection: NatsConnection) {
    this.host = host;
    this.connection = connection;
    this.relay = new Relay(host.db, connection.jetstream(), host.broker.namespace, urlOf(host.db.schema), host.logger);
    this.chores = new Chores(host.db, { events: env.EVENT_MONTHS, audit: env.AUDIT_MONTHS }, host.logger);
    this.acts = new ActKeeper(host.db, host.logger);
  }

  async start(): Promise<void> {
    await ensureStreams(this.connection, this.host.broker.namespace);
    await this.chores.start();
    await this.relay.start();
    this.acts.start();
  }

  /** Begins to take events and bells; call it at the end of `started`, when the handlers have all they need. */
  async work({ subscriptions = [], actors = [] }: Work): Promise<void> {
    const { db, broker, logger } = this.host;
    for (const subscription of subscriptions) {
      const consumer = new EventConsumer(db, subscription, logger);
      this.consumers.set(subscription.name, consumer);
      await consumer.start(this.connection, broker.namespace);
    }
    for (const kind of actors) {
      const runner = new ActorRunner(db, kind, broker.nodeID, logger);
      this.runners.push(runner);
      await runner.start(this.connection, broker.namespace);
    }
  }

  /** Handles a dead letter again, now. @throws what the handler throws; the letter then stays. */
  async replay(tenantId: string, deadLetterId: string): Promise<void> {
    const { db } = this.host;
    const letter = await db.tenant(tenantId, (em) =>
      row<{ consumer: string; event: DomainEvent }>(
        em,
        `select consumer, event from ${db.schema}.dead_letters where id = ? and replayed_at is null`,
        [deadLetterId],
      ),
    );
    const consumer = letter && this.consumers.get(letter.consumer);
    if (!letter || !consumer) throw errors.notFound("There is no such dead letter waiting here.", { id: deadLetterId });
    await consumer.handle(letter.event);
    await db.tenant(tenantId, (em) =>
      em.execute(`update ${db.schema}.dead_letters set replayed_at = now() where id = ?`, [deadLetterId], "run"),
    );
  }

  /** Ends consumers, actors, relay, chores and connection, in this order. A second call waits for the first. */
  stop(): Promise<void> {
    this.stopping ??= this.end();
    return this.stopping;
  }

  private async end(): Promise<void> {
    await Promise.all([...this.consumers.values()].map((consumer) => consumer.stop()));
    await Promise.all(this.runners.map((runner) => runner.stop()));
    await this.acts.stop();
    await this.relay.stop();
    await this.chores.stop();
    await this.connection.close();
  }
}
export type { Jobs };

/** Gives a service `this.jobs`. List it before ormMixin of the same schema: the last mixin starts first and stops last. */
export const jobsMixin = (schema: SchemaName) =>
  mixin<Host<WithJobs>>()({
    actions: deadLetterActions,
    events: {
      async [actsRecorded(schema)]({ params }: { params: { ids: string[] } }) {
        await this.jobs?.acts.confirm(params.ids);
      },
    },
    async started() {
      const connection = await connect(natsOptions(env, `${this.broker.nodeID} ${schema}`));
      this.jobs = new Jobs(this, connection);
      await this.jobs.start();
    },
    async stopped() {
      await this.jobs?.stop();
    },
  });
