import { defineEntity, p } from "@mikro-orm/core";
import type { SchemaName } from "../../config/names.ts";
import { tenantPolicy } from "../tenancy.ts";

/**
 * The append-only record of what happened. `transaction` with `position` is the cursor of projections: positions alone are handed
 * out before commit, so a reader that only remembers the last position loses rows that commit late.
 * Partitioned by month of `createdAt` (entities/partitions.ts), hence the primary key; see docs/decisions/0011-partitions.md.
 */
export const eventTable = (schema: SchemaName) =>
  defineEntity({
    name: `${schema}.Event`,
    tableName: "events",
    schema,
    properties: {
      createdAt: p.datetime().primary().defaultRaw("now()"),
      /** A UUIDv7: unique by itself, and within its month by the database. */
      id: p.uuid().primary(),
      position: p.bigint().columnType("bigint").autoincrement().generated("identity"),
      transaction: p.string().columnType("xid8").defaultRaw("pg_current_xact_id()"),
      tenantId: p.uuid(),
      stream: p.text(),
      /** From the stream's row in `streams`, without gaps. */
      version: p.integer(),
      type: p.text(),
      data: p.json(),
      actor: p.text().nullable(),
    },
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
