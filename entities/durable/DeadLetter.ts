import { defineEntity, p } from "@mikro-orm/core";
import type { SchemaName } from "../../config/names.ts";
import { tenantPolicy } from "../tenancy.ts";

/** Events a consumer gave up on; an operator reads and replays them. */
export const deadLetterTable = (schema: SchemaName) =>
  defineEntity({
    name: `${schema}.DeadLetter`,
    tableName: "dead_letters",
    schema,
    properties: {
      id: p.uuid().primary().defaultRaw("gen_random_uuid()"),
      tenantId: p.uuid(),
      consumer: p.text(),
      event: p.json(),
      attempts: p.integer(),
      errorType: p.text(),
      errorMessage: p.text(),
      createdAt: p.datetime().defaultRaw("now()"),
      replayedAt: p.datetime().nullable(),
    },
    indexes: [{ properties: ["tenantId", "createdAt"] }],
    policies: tenantPolicy(),
  });
