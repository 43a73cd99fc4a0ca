import { createHmac } from "node:crypto";
import { defineConfig, type MikroORM, type Options } from "@mikro-orm/postgresql";
import { Migrator } from "@mikro-orm/migrations";
import { schemas, type SchemaName } from "./names.ts";
import { reclaimLost } from "./pool.ts";
import { archiveOf } from "../entities/partitions.ts";
import { entitiesOf } from "../entities/registry.ts";

/** Login role of a service. */
export const roleOf = (service: SchemaName) => `legendo_${service}`;

/** Password of a service's role where its URL is not configured: every node can work it out, nobody without the cluster secret can. */
export const rolePassword = (clusterSecret: string, service: SchemaName) =>
  createHmac("sha256", clusterSecret).update(`database role ${service}`).digest("base64url");

/** Connection URL of a service: its own one when configured, else the shared database with the service's role. */
export function serviceUrl(service: SchemaName, configured: string | undefined, shared: string, clusterSecret: string): string {
  if (configured) return configured;
  const url = new URL(shared);
  url.username = roleOf(service);
  url.password = rolePassword(clusterSecret, service);
  return url.href;
}

/** Connection URL of a service's replica: with the user and password of the service's own URL, unless it names a user itself. */
export function replicaUrl(configured: string, own: string): string {
  const url = new URL(configured);
  if (!url.username) ({ username: url.username, password: url.password } = new URL(own));
  return url.href;
}

/** ORM options of one service's schema, shared by the mixin, the migrations and the tests. */
export const ormOptions = (service: SchemaName, clientUrl: string, pool = 8): Options =>
  defineConfig({
    clientUrl,
    entities: entitiesOf(service),
    extensions: [Migrator],
    schema: service,
    discovery: { warnWhenNoEntities: false },
    // Each service's tables are compared on their own: the other services' schemas are none of its business.
    // PostgreSQL rewrites a policy's expression, so the comparison would never find it unchanged; new tables still get theirs.
    // Functions are made anew at every migrate (entities/functions.ts).
    schemaGenerator: {
      ignoreSchema: [...schemas.filter((other) => other !== service), ...schemas.map(archiveOf)],
      ignorePolicies: true,
      ignoreRoutines: true,
    },
    // A connection costs PostgreSQL and the node some 20 ms each to make; those of a busy minute are kept for the next.
    pool: { min: 0, max: pool, idleTimeoutMillis: 60_000 },
    driverOptions: { application_name: `legendo ${service}`, onPoolCreated: reclaimLost },
    migrations: {
      path: new URL(`../entities/migrations/${service}`, import.meta.url).pathname,
      glob: "!(*.d).{js,ts}",
      emit: "ts",
      tableName: "migrations",
      schema: service,
      snapshot: false,
      allOrNothing: true,
      silent: true,
    },
  } as Options) as Options;

export type Orm = MikroORM;
