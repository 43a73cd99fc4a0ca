import { defineEntity, p } from "@mikro-orm/core";
import type { SchemaName } from "../../config/names.ts";
import { tenantPolicy } from "../tenancy.ts";

/** Which consumer has already taken which event: the second delivery finds its row and changes nothing. */
export const inboxTable = (schema: SchemaName) =>
  defineEntity({
    name: `${schema}.Inbox`,
    tableName: "inbox",
    schema,
    properties: {
      consumer: p.text().primary(),
      eventId: p.uuid().primary(),
      tenantId: p.uuid(),
      createdAt: p.datetime().defaultRaw("now()"),
    },
    indexes: [{ properties: ["createdAt"] }],
    policies: tenantPolicy(),
  });
