import type { NatsConnection } from "nats";
import { subjects } from "../../../config/events.ts";
import type { Store } from "../../../mixins/vault/store.ts";
import type { Outlet } from "./checkpoint.ts";

/** Checkpoints as a place has them: number → text. */
export type Found = Map<number, string>;

const folderOf = (cluster: string) => cluster.replaceAll("_", "-");
const keyOf = (cluster: string, number: number) => `${folderOf(cluster)}/${String(number).padStart(10, "0")}`;

/** A folder or a bucket: an object per checkpoint, `<cluster>/<number of ten digits>`. */
export const storeOutlet = (store: Store, cluster: string): Outlet => ({
  async put(number, text) {
    const upload = await store.create(keyOf(cluster, number));
    await upload.write([Buffer.from(text)]);
    await upload.commit();
  },
});

/** The stream of checkpoints, which NATS lets nobody delete from. */
export const streamOutlet = (connection: NatsConnection, cluster: string): Outlet => ({
  async put(number, text) {
    await connection.jetstream().publish(subjects(cluster).checkpoint, text, { msgID: String(number), timeout: 5_000 });
  },
});

/** At the same time. */
const width = 16;

export async function readStore(store: Store, cluster: string): Promise<Found> {
  const found: Found = new Map();
  for await (const page of store.list(`${folderOf(cluster)}/`)) {
    const queue = page.values();
    const lane = async () => {
      for (const { key, size } of queue) {
        const number = Number(key.slice(key.lastIndexOf("/") + 1));
        if (!Number.isSafeInteger(number)) continue;
        const bytes = Buffer.alloc(size);
        await store.fill(key, bytes);
        found.set(number, bytes.toString());
      }
    };
    await Promise.all(Array.from({ length: width }, lane));
  }
  return found;
}

/** @returns what the stream still has: it is bounded, and begins with the oldest that found room. A number that came twice counts as it came first. */
export async function readStream(connection: NatsConnection, cluster: string): Promise<Found> {
  const { checkpointStream } = subjects(cluster);
  const found: Found = new Map();
  const jsm = await connection.jetstreamManager();
  const { state } = await jsm.streams.info(checkpointStream);
  const texts = new Map<number, string>();
  let next = state.first_seq;
  const lane = async () => {
    for (let seq = next++; seq <= state.last_seq; seq = next++) {
      const message = await jsm.streams.getMessage(checkpointStream, { seq }).catch(() => undefined);
      if (message) texts.set(seq, message.string());
    }
  };
  await Promise.all(Array.from({ length: width }, lane));
  for (const [, text] of [...texts].sort(([a], [b]) => a - b)) {
    const number = numberIn(text);
    if (number !== undefined && !found.has(number)) found.set(number, text);
  }
  return found;
}

function numberIn(text: string): number | undefined {
  try {
    const { number } = JSON.parse(text) as { number?: unknown };
    return typeof number === "number" ? number : undefined;
  } catch {
    return undefined;
  }
}
