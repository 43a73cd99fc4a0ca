import { defineEntity, p } from "@mikro-orm/core";
import type { SchemaName } from "../../config/names.ts";
import { tenantPolicy } from "../tenancy.ts";

/** The last version of each event stream. Its row gives out the next one: no two events have the same, in whatever month they are written. */
export const streamTable = (schema: SchemaName) =>
  defineEntity({
    name: `${schema}.Stream`,
    tableName: "streams",
    schema,
    properties: {
      tenantId: p.uuid().primary(),
      stream: p.text().primary(),
      version: p.integer(),
    },
    policies: tenantPolicy(),
  });
