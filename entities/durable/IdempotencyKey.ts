import { defineEntity, p } from "@mikro-orm/core";
import type { SchemaName } from "../../config/names.ts";
import { tenantPolicy } from "../tenancy.ts";

/** One answer per (tenant, action, key), written in the transaction that did the work. */
export const idempotencyKeyTable = (schema: SchemaName) =>
  defineEntity({
    name: `${schema}.IdempotencyKey`,
    tableName: "idempotency_keys",
    schema,
    properties: {
      tenantId: p.uuid().primary(),
      action: p.text().primary(),
      key: p.text().primary(),
      requestHash: p.text(),
      response: p.json().nullable(),
      createdAt: p.datetime().defaultRaw("now()"),
    },
    indexes: [{ properties: ["createdAt"] }],
    policies: tenantPolicy(),
  });
