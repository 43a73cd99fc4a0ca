import { defineEntity, p } from "@mikro-orm/core";
import type { SchemaName } from "../../config/names.ts";
import { tenantPolicy } from "../tenancy.ts";

/** One actor: who holds its lease, until when, and under which epoch. A higher epoch fences every older owner. */
export const actorTable = (schema: SchemaName) =>
  defineEntity({
    name: `${schema}.Actor`,
    tableName: "actors",
    schema,
    properties: {
      key: p.text().primary(),
      tenantId: p.uuid(),
      kind: p.text(),
      owner: p.text().nullable(),
      epoch: p.bigint("number").default(0),
      leaseUntil: p.datetime().nullable(),
      pending: p.integer().default(0),
    },
    indexes: [{ name: `${schema}_actors_waiting`, properties: ["kind", "leaseUntil"], where: "pending > 0" }],
    policies: tenantPolicy(),
  });
