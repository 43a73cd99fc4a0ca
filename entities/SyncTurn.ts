import { defineEntity, p } from "@mikro-orm/core";
import { tenantPolicy } from "./tenancy.ts";

/** What a tenant has had of the cluster's slots: who has had least is served next. See services/sync/queue.ts. */
export const SyncTurn = defineEntity({
  name: "SyncTurn",
  tableName: "turns",
  schema: "sync",
  properties: {
    tenantId: p.uuid().primary(),
    /** Seconds of slots it has used while others waited, divided by its weight. */
    used: p.double().default(0),
    /** What the tenant that had used least had used when this one was last served: who comes anew starts there, not at nought. */
    level: p.double().default(0),
  },
  policies: tenantPolicy(),
});
