import type { EventMap } from "../../../config/events.ts";
import type { Em } from "../../../mixins/database.ts";
import { appendEvent } from "../../../mixins/events.ts";
import type { Job } from "../load.ts";
import { lockTenantKeys } from "../tenantkey.ts";

/** Tells the world of the vault's state, in the stream that its keys' events stand in too. */
export async function tellOfVault<T extends "vault.damaged" | "vault.repaired">(
  em: Em,
  job: Job,
  type: T,
  data: EventMap[T],
): Promise<void> {
  // Writers of one stream have to come one after the other.
  await lockTenantKeys(em, job.tenantId);
  await appendEvent(em, "sync", { tenantId: job.tenantId, type, stream: `vault:${job.tenantId}`, data });
}
