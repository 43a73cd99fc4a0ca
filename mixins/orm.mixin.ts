import type { SchemaName } from "../config/names.ts";
import { env } from "../config/env.ts";
import { serviceUrl } from "../config/orm.ts";
import { mixin, type Host } from "../config/service.ts";
import { Database } from "./database.ts";

export interface WithDatabase {
  db: Database;
}

/** Databases of a broker by schema: several services of one schema on a node share one pool. */
const opened = new WeakMap<object, Map<SchemaName, { database: Promise<Database>; users: number }>>();

export const urlOf = (schema: SchemaName) =>
  serviceUrl(schema, env[`${schema.toUpperCase() as Uppercase<SchemaName>}_DATABASE_URL`], env.DATABASE_URL, env.CLUSTER_SECRET);

/** Gives a service `this.db`: its schema, with its own role and pool. */
export const ormMixin = (schema: SchemaName) =>
  mixin<Host<WithDatabase>>()({
    async started() {
      const databases = opened.get(this.broker) ?? new Map<SchemaName, { database: Promise<Database>; users: number }>();
      opened.set(this.broker, databases);
      const entry = databases.get(schema) ?? { database: Database.open(schema, urlOf(schema), env.DATABASE_POOL), users: 0 };
      databases.set(schema, entry);
      entry.users++;
      this.db = await entry.database;
      await this.db.ping();
    },
    async stopped() {
      const entry = opened.get(this.broker)?.get(schema);
      if (!entry || --entry.users > 0) return;
      opened.get(this.broker)?.delete(schema);
      await (await entry.database).close();
    },
  });
