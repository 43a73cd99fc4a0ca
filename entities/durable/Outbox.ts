import { defineEntity, p } from "@mikro-orm/core";
import type { SchemaName } from "../../config/names.ts";
import { tenantPolicy } from "../tenancy.ts";

/** What has been committed and is still to be published to JetStream; the relay deletes a row once JetStream has acknowledged it. */
export const outboxTable = (schema: SchemaName) =>
  defineEntity({
    name: `${schema}.Outbox`,
    tableName: "outbox",
    schema,
    properties: {
      id: p.bigint().primary().generated("identity"),
      tenantId: p.uuid(),
      /** Subject below the namespace, e.g. "ev.<tenant>.sync.job.created". */
      subject: p.text(),
      messageId: p.text(),
      payload: p.json().nullable(),
      createdAt: p.datetime().defaultRaw("now()"),
    },
    policies: tenantPolicy(),
    triggers: [
      {
        name: `${schema}_outbox_wakes_relay`,
        timing: "after",
        events: ["insert"],
        forEach: "statement",
        body: `perform pg_notify('${schema}_outbox', ''); return null;`,
      },
    ],
  });
