import type { ConsumerMessages, JsMsg, NatsConnection } from "nats";
import { subjects } from "../../../config/events.ts";
import { messageOf } from "../../../config/errors.ts";
import type { Database } from "../../../mixins/database.ts";
import type { Log } from "../../../mixins/relay.ts";
import { durableConsumer } from "../../../mixins/stream.ts";
import { actFrom } from "./arrival.ts";
import { append, type Arrived } from "./chain.ts";
import type { AuditKeys } from "./keys.ts";

const ackWaitMs = 30_000;
const maxAckPending = 2_000;
/** Records of one transaction. */
const batch = 200;
/** Chains that one node appends to at the same time: the service's other work needs connections too. */
const width = 3;
/** Acts of so long are appended together: each transaction waits for its chain, and one of many costs little more than one of one. */
const gatherMs = 20;
const againMs = [500, 2_000, 10_000, 60_000];

interface Waiting extends Arrived {
  message: JsMsg;
}

/**
 * Takes acts from JetStream into the tenants' chains. A tenant's acts are appended one batch after the other, different tenants' beside each other.
 * Acknowledged after the commit; what fails comes again, for ever: nothing is given up.
 */
export class Collector {
  private readonly db: Database;
  private readonly keys: AuditKeys;
  private readonly log: Log;
  private readonly recorded: (service: string, ids: string[]) => void;
  /** By tenant, those first whose acts have waited longest. */
  private readonly waiting = new Map<string, { since: number; acts: Waiting[] }>();
  private readonly lanes = new Map<string, Promise<void>>();
  private gathering: NodeJS.Timeout | undefined;
  private messages: ConsumerMessages | undefined;
  private loop: Promise<void> | undefined;

  /** @param recorded is told which acts of a service the log has now, so that the service need not keep them */
  constructor(db: Database, keys: AuditKeys, log: Log, recorded: (service: string, ids: string[]) => void) {
    this.db = db;
    this.keys = keys;
    this.log = log;
    this.recorded = recorded;
  }

  async start(connection: NatsConnection, namespace: string): Promise<void> {
    const { actStream, allActs } = subjects(namespace);
    const consumer = await durableConsumer(connection, actStream, "auth-audit", allActs, { ackWaitMs, maxAckPending });
    this.messages = await consumer.consume({ max_messages: 500 });
    this.loop = this.run(this.messages);
  }

  async stop(): Promise<void> {
    this.messages?.stop();
    await this.loop;
    clearTimeout(this.gathering);
    // What waits was not acknowledged: it goes to another node.
    this.waiting.clear();
    await Promise.allSettled(this.lanes.values());
  }

  private async run(messages: ConsumerMessages): Promise<void> {
    for await (const message of messages) {
      const service = message.subject.slice(message.subject.lastIndexOf(".") + 1);
      try {
        const act = actFrom(message.string());
        const queue = this.waiting.get(act.tenantId);
        if (queue) queue.acts.push({ message, service, act });
        else this.waiting.set(act.tenantId, { since: performance.now(), acts: [{ message, service, act }] });
        this.gather();
      } catch (error) {
        this.log.error(`what came on ${message.subject} is no act: ${messageOf(error)}`);
        message.term();
      }
    }
  }

  private gather(): void {
    this.gathering ??= setTimeout(() => {
      this.gathering = undefined;
      this.fillLanes();
    }, gatherMs);
  }

  /** Lets the tenants that have waited the longest have the free lanes. */
  private fillLanes(): void {
    for (const [tenantId, { since, acts }] of this.waiting) {
      if (this.lanes.size >= width) return;
      if (performance.now() - since < gatherMs) return this.gather();
      if (this.lanes.has(tenantId)) continue;
      const taken = acts.splice(0, batch);
      this.waiting.delete(tenantId);
      if (acts.length) this.waiting.set(tenantId, { since, acts });
      const lane = this.record(tenantId, taken).finally(() => {
        this.lanes.delete(tenantId);
        this.fillLanes();
      });
      this.lanes.set(tenantId, lane);
    }
  }

  private async record(tenantId: string, taken: Waiting[]): Promise<void> {
    try {
      await append(this.db, this.keys, tenantId, taken);
    } catch (error) {
      this.log.warn(`${taken.length} acts of ${tenantId} were not appended, trying again: ${messageOf(error)}`);
      for (const { message } of taken) message.nak(againMs[Math.min(message.info.deliveryCount, againMs.length) - 1]);
      return;
    }
    for (const { message } of taken) message.ack();
    for (const service of new Set(taken.map(({ service }) => service)))
      this.recorded(
        service,
        taken.filter((one) => one.service === service).map(({ act }) => act.id),
      );
  }
}
