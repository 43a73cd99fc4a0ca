import { defineEntity, p } from "@mikro-orm/core";
import type { SchemaName } from "../../config/names.ts";
import { tenantPolicy } from "../tenancy.ts";

/** An actor's mailbox, worked off in order of id. */
export const actorMessageTable = (schema: SchemaName) =>
  defineEntity({
    name: `${schema}.ActorMessage`,
    tableName: "actor_messages",
    schema,
    properties: {
      id: p.bigint().primary().generated("identity"),
      key: p.text(),
      tenantId: p.uuid(),
      messageId: p.text().unique(),
      type: p.text(),
      body: p.json(),
      /** Starts without progress; too many of them and the message is given up. */
      attempts: p.integer().default(0),
      createdAt: p.datetime().defaultRaw("now()"),
      doneAt: p.datetime().nullable(),
    },
    indexes: [{ name: `${schema}_actor_messages_waiting`, properties: ["key", "id"], where: "done_at is null" }],
    policies: tenantPolicy(),
  });
