import { defineEntity, p } from "@mikro-orm/core";
import type { SchemaName } from "../../config/names.ts";
import { tenantPolicy } from "../tenancy.ts";

/** Acts of a service that the audit log does not have yet, written with what was done; the row goes when the log has confirmed it. */
export const actTable = (schema: SchemaName) =>
  defineEntity({
    name: `${schema}.Act`,
    tableName: "acts",
    schema,
    properties: {
      /** A UUIDv7: in order of time. */
      id: p.uuid().primary(),
      tenantId: p.uuid(),
      act: p.json(),
      createdAt: p.datetime().defaultRaw("now()"),
    },
    policies: tenantPolicy(),
  });
