import { AckPolicy, DeliverPolicy, nanos, ReplayPolicy, type JsMsg, type NatsConnection, type StoredMsg } from "nats";
import type { Reader, StreamEvent } from "./reader.ts";

/** Where a replay begins: after a place in the stream, or at a time. */
export type Origin = { after: number } | { time: string };

const batchSize = 200;

export const streamEvent = (message: JsMsg | StoredMsg): StreamEvent => ({
  seq: message.seq,
  subject: message.subject,
  text: message.string(),
});

/**
 * Sends what the stream holds from `origin` on, as fast as the client takes it, and lets the reader go live when nothing is missing
 * in between. The consumer lives for this replay only.
 */
export async function replay(connection: NatsConnection, stream: string, reader: Reader, origin: Origin): Promise<void> {
  const jsm = await connection.jetstreamManager();
  const start =
    "after" in origin ? await placeAfter(origin.after) : { deliver_policy: DeliverPolicy.StartTime, opt_start_time: origin.time };
  const { name } = await jsm.consumers.add(stream, {
    ...start,
    filter_subject: reader.options.subject,
    ack_policy: AckPolicy.None,
    replay_policy: ReplayPolicy.Instant,
    mem_storage: true,
    num_replicas: 1,
    inactive_threshold: nanos(150_000),
  });
  try {
    const consumer = await connection.jetstream().consumers.get(stream, name);
    while (reader.open) {
      // From here on the reader notes what comes by; what came before is in the stream and thus among the pending.
      reader.missed = false;
      const { num_pending: pending } = await consumer.info();
      if (!pending && !reader.missed) {
        reader.live = true;
        return;
      }
      if (!pending) continue;
      const messages = await consumer.fetch({ max_messages: Math.min(pending, batchSize), expires: 2_000 });
      for await (const message of messages) await reader.replayed(streamEvent(message));
    }
  } finally {
    await jsm.consumers.delete(stream, name).catch(() => false);
  }

  async function placeAfter(after: number) {
    const { state } = await jsm.streams.info(stream);
    // A place beyond the end is one of an earlier stream of that name: everything here is new to the client.
    const next = after > state.last_seq ? 1 : after + 1;
    if (next < state.first_seq || after > state.last_seq) reader.gap(after, state.first_seq);
    return { deliver_policy: DeliverPolicy.StartSequence, opt_start_seq: Math.max(next, state.first_seq, 1) };
  }
}
