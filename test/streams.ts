import { connect } from "nats";
import { subjects } from "../config/events.ts";
import { readEnv } from "../config/env.ts";
import { natsOptions } from "../config/nats.ts";

/** Removes a namespace's streams. Each reserves its room on the server: left behind, a few of them would leave no room for other suites. */
export async function deleteStreams(namespace: string): Promise<void> {
  const connection = await connect(natsOptions(readEnv(process.env), `${namespace} clean-up`));
  try {
    const jsm = await connection.jetstreamManager();
    const { eventStream, bellStream, actStream, checkpointStream } = subjects(namespace);
    await Promise.all(
      [eventStream, bellStream, actStream, checkpointStream].map((stream) => jsm.streams.delete(stream).catch(() => false)),
    );
  } finally {
    await connection.close();
  }
}
