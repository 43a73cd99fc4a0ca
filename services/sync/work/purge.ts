import type { StoreOptions } from "../../../mixins/vault/store.ts";
import { removeAll } from "./sweep.ts";
import type { Work } from "./work.ts";

export interface PurgeRequest {
  store: StoreOptions;
  keys: string[];
}

/** Removes objects from storage; those that are not there count as removed. */
const purge: Work<PurgeRequest, void> = async ({ store, keys }, door) => removeAll(await door.store(store), keys, door.signal);
export default purge;
