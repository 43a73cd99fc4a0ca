import type { Store, StoredObject, StoreOptions } from "../../../mixins/vault/store.ts";
import type { Work } from "./work.ts";

export interface SweepRequest {
  store: StoreOptions;
  prefix: string;
}

/** Lists storage below a prefix, hands the objects on page by page, and removes those that the answer names. */
const sweep: Work<SweepRequest, void, StoredObject[], string[]> = async ({ store: options, prefix }, door) => {
  const store = await door.store(options);
  for await (const page of store.list(prefix)) {
    door.signal.throwIfAborted();
    if (page.length) await removeAll(store, await door.ask(page), door.signal);
  }
};
export default sweep;

const width = 8;

/** Removes objects, several at a time. */
export async function removeAll(store: Store, keys: string[], signal: AbortSignal): Promise<void> {
  for (let at = 0; at < keys.length; at += width) {
    signal.throwIfAborted();
    await Promise.all(keys.slice(at, at + width).map((key) => store.remove(key)));
  }
}
