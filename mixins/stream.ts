import {
  AckPolicy,
  DeliverPolicy,
  DiscardPolicy,
  nanos,
  RetentionPolicy,
  StorageType,
  type Consumer,
  type JetStreamManager,
  type NatsConnection,
} from "nats";
import { subjects } from "../config/events.ts";

const day = 24 * 3600 * 1000;

/** Makes the cluster's four streams when they are missing. All are bounded: an unbounded stream wedges nats-server when its disk fills up. */
export async function ensureStreams(connection: NatsConnection, namespace: string): Promise<void> {
  const jsm = await connection.jetstreamManager();
  const names = subjects(namespace);
  await ensureStream(jsm, {
    name: names.eventStream,
    subjects: [names.allEvents],
    retention: RetentionPolicy.Limits,
    discard: DiscardPolicy.Old,
    max_age: nanos(7 * day),
    max_bytes: 256 * 1024 * 1024,
  });
  await ensureStream(jsm, {
    name: names.bellStream,
    subjects: [names.allBells],
    retention: RetentionPolicy.Workqueue,
    discard: DiscardPolicy.New,
    max_age: nanos(day),
    max_bytes: 32 * 1024 * 1024,
  });
  // What is pushed out here unread comes again: services keep their acts until the audit log has them.
  await ensureStream(jsm, {
    name: names.actStream,
    subjects: [names.allActs],
    retention: RetentionPolicy.Workqueue,
    discard: DiscardPolicy.Old,
    max_age: nanos(7 * day),
    max_bytes: 16 * 1024 * 1024,
  });
  // Some ten thousands, and those that are older stand where AUDIT_CHECKPOINTS_URL says. What is in it can't be taken out by anybody who only speaks to it.
  await ensureStream(jsm, {
    name: names.checkpointStream,
    subjects: [names.checkpoint],
    retention: RetentionPolicy.Limits,
    discard: DiscardPolicy.Old,
    deny_delete: true,
    deny_purge: true,
    max_bytes: 8 * 1024 * 1024,
  });
}

type StreamSettings = Parameters<JetStreamManager["streams"]["add"]>[0] & { name: string };

async function ensureStream(jsm: JetStreamManager, settings: StreamSettings): Promise<void> {
  try {
    await jsm.streams.add({ storage: StorageType.File, duplicate_window: nanos(120_000), ...settings });
  } catch (error) {
    // Another node made it at the same moment, or it stands there with older limits: bring it to these.
    await jsm.streams.update(settings.name, settings).catch(() => {
      throw error;
    });
  }
}

/** Makes a durable pull consumer of one subject when it is missing, and attaches to it. */
export async function durableConsumer(
  connection: NatsConnection,
  stream: string,
  durable: string,
  subject: string,
  limits: { ackWaitMs: number; maxAckPending: number },
): Promise<Consumer> {
  const jsm = await connection.jetstreamManager();
  await jsm.consumers.add(stream, {
    durable_name: durable,
    filter_subject: subject,
    ack_policy: AckPolicy.Explicit,
    deliver_policy: DeliverPolicy.All,
    ack_wait: nanos(limits.ackWaitMs),
    max_ack_pending: limits.maxAckPending,
  });
  return await connection.jetstream().consumers.get(stream, durable);
}
