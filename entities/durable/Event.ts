import { defineEntity, p } from "@mikro-orm/core";
import type { SchemaName } from "../../config/contracts.ts";
import { tenantPolicy } from "../tenancy.ts";

/**
 * The append-only record of what happened. `transaction` with `position` is the cursor of projections: positions alone are handed
 * out before commit, so a reader that only remembers the last position loses rows that commit late.
 */
export const eventTable = (schema: SchemaName) =>
  defineEntity({
    name: `${schema}.Event`,
    tableName: "events",
    schema,
    properties: {
      position: p.bigint().primary().generated("identity"),
      transaction: p.string().columnType("xid8").defaultRaw("pg_current_xact_id()"),
      id: p.uuid().unique(),
      tenantId: p.uuid(),
      stream: p.text(),
      version: p.integer(),
      type: p.text(),
      data: p.json(),
      actor: p.text().nullable(),
      createdAt: p.datetime().defaultRaw("now()"),
    },
    uniques: [{ properties: ["tenantId", "stream", "version"] }],
    indexes: [{ properties: ["transaction", "position"] }, { properties: ["tenantId", "createdAt"] }],
    policies: tenantPolicy(),
    triggers: [
      {
        name: `${schema}_events_append_only`,
        timing: "before",
        events: ["update", "delete"],
        forEach: "row",
        body: `raise exception 'events are append-only' using errcode = 'restrict_violation'; return null;`,
      },
    ],
  });
