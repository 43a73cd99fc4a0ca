import type { StoreOptions } from "../../../mixins/vault/store.ts";
import { removeAll } from "./sweep.ts";
import type { Work } from "./work.ts";

export interface PurgeRequest {
  /** All places that the objects may be in. */
  stores: StoreOptions[];
  keys: string[];
}

/** Removes objects from storage; those that are not there count as removed. */
const purge: Work<PurgeRequest, void> = async ({ stores, keys }, door) => {
  for (const options of stores) await removeAll(await door.store(options), keys, door.signal);
};
export default purge;
