import { DeliverPolicy, type ConsumerMessages, type NatsConnection } from "nats";
import { subjects } from "../../../config/events.ts";
import { errors, failureType, messageOf } from "../../../config/errors.ts";
import { ensureStreams } from "../../../mixins/stream.ts";
import type { EdgeResponse } from "../exchange.ts";
import { Reader, type ReaderOptions, type StreamEvent } from "./reader.ts";
import { replay, streamEvent, type Origin } from "./replay.ts";

interface Log {
  warn(...args: unknown[]): void;
}

export interface HubLimits {
  perTenant: number;
  perNode: number;
  heartbeatMs: number;
}

export type Wanted = Omit<ReaderOptions, "subject" | "prefix"> & {
  /** Family of types, e.g. "sync.job"; all when left out. */ family?: string;
};

/** More at once would make JetStream scan for all of them when a node's clients come back after a restart. */
const replaysAtOnce = 16;

/**
 * Live events for every open stream of this node. One ordered consumer brings the events of all tenants once, and they are handed out here: a
 * thousand clients are a thousand sockets and no load on NATS. Only a client that resumes gets a consumer of its own, for as long as it catches
 * up; what it sends is bounded by what its client reads.
 */
export class EventHub {
  private readonly namespace: string;
  private readonly limits: HubLimits;
  private readonly log: Log;
  private readonly readers = new Map<string, Set<Reader>>();
  private readonly waiting: (() => void)[] = [];
  private replaying = 0;
  private count = 0;
  private connection: NatsConnection | undefined;
  private messages: ConsumerMessages | undefined;
  private pulse: NodeJS.Timeout | undefined;

  constructor(namespace: string, limits: HubLimits, log: Log) {
    this.namespace = namespace;
    this.limits = limits;
    this.log = log;
  }

  async start(connection: NatsConnection): Promise<void> {
    this.connection = connection;
    await ensureStreams(connection, this.namespace);
    const { eventStream } = subjects(this.namespace);
    const { state } = await (await connection.jetstreamManager()).streams.info(eventStream);
    // An ordered consumer told "new" would begin at "new" once more if it is lost before its first event.
    const consumer = await connection.jetstream().consumers.get(eventStream, {
      deliver_policy: DeliverPolicy.StartSequence,
      opt_start_seq: state.last_seq + 1,
    });
    const tenantAt = `${this.namespace}.ev.`.length;
    this.messages = await consumer.consume({
      max_messages: 500,
      callback: (message) => {
        const tenantId = message.subject.slice(tenantAt, message.subject.indexOf(".", tenantAt));
        const readers = this.readers.get(tenantId);
        if (!readers) return;
        const event = streamEvent(message);
        for (const reader of readers) reader.offer(event);
      },
    });
    this.pulse = setInterval(() => this.beat(), this.limits.heartbeatMs);
  }

  /** Its own connection to NATS, once it is there. */
  get link(): NatsConnection | undefined {
    return this.connection;
  }

  /**
   * Opens a stream on a response.
   * @param origin where to resume; only what comes from now on when left out
   * @throws STREAM_LIMIT, before anything is sent
   */
  open(res: EdgeResponse, wanted: Wanted, origin?: Origin): void {
    const { tenantId, family, ...options } = wanted;
    const readers = this.readers.get(tenantId) ?? new Set();
    if (readers.size >= this.limits.perTenant || this.count >= this.limits.perNode) {
      throw errors.streamLimit(`At most ${this.limits.perTenant} event streams of one organisation can be open on a node.`);
    }
    const all = `${this.namespace}.ev.${tenantId}.`;
    const prefix = family ? `${all}${family}.` : all;
    const reader = new Reader(res, all.length, { ...options, tenantId, prefix, subject: `${prefix}>` });
    this.readers.set(tenantId, readers.add(reader));
    this.count++;
    res.once("close", () => {
      this.count--;
      readers.delete(reader);
      if (!readers.size && this.readers.get(tenantId) === readers) this.readers.delete(tenantId);
    });
    if (origin) void this.catchUp(reader, origin);
    else reader.live = true;
  }

  /** The event at a place of the stream, unless it is no longer kept. */
  async at(seq: number): Promise<StreamEvent | undefined> {
    const jsm = await this.connection!.jetstreamManager();
    return await jsm.streams.getMessage(subjects(this.namespace).eventStream, { seq }).then(streamEvent, () => undefined);
  }

  /** Ends the streams whose credential is gone. */
  async recheck(): Promise<void> {
    await Promise.all(
      this.all().map(async (reader) => {
        try {
          await reader.options.check();
        } catch (error) {
          // An auth service that is away for a moment is no reason to throw everybody out.
          if (["UNAUTHENTICATED", "FORBIDDEN"].includes(failureType(error))) reader.end();
        }
      }),
    );
  }

  /** Ends every stream; clients come back, to another node, within a few seconds and not all at once. */
  async stop(): Promise<void> {
    clearInterval(this.pulse);
    for (const reader of this.all()) reader.end(Math.round(500 + Math.random() * 3_000));
    // Not close(): that asks NATS to remove the consumer and waits for the answer, which a node that leaves can't afford.
    this.messages?.stop();
    await this.connection?.close();
  }

  private beat(): void {
    for (const reader of this.all()) if (reader.live) reader.comment("heartbeat");
    void this.recheck();
  }

  private all(): Reader[] {
    return [...this.readers.values()].flatMap((readers) => [...readers]);
  }

  private async catchUp(reader: Reader, origin: Origin): Promise<void> {
    // Whoever ends a replay hands its place over.
    if (this.replaying >= replaysAtOnce) await new Promise<void>((resolve) => this.waiting.push(resolve));
    else this.replaying++;
    try {
      await replay(this.connection!, subjects(this.namespace).eventStream, reader, origin);
    } catch (error) {
      this.log.warn(`An event stream could not be resumed and is cut, so that its client asks again: ${messageOf(error)}`);
      reader.cut();
    } finally {
      const next = this.waiting.shift();
      if (next) next();
      else this.replaying--;
    }
  }
}
