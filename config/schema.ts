import { MikroORM } from "@mikro-orm/postgresql";
import { schemas, type SchemaName } from "./names.ts";
import { functionsOf } from "../entities/functions.ts";
import { partitionedTables } from "../entities/partitions.ts";
import { ormOptions } from "./orm.ts";

/** The DDL of every service's tables as the entities declare them, and of its functions; needs no database. `entities/schema.sql` is its committed copy. */
export async function schemaSql(): Promise<string> {
  const parts: string[] = ["-- Today's tables, written from the entities by `node scripts/schema.ts`. A spec keeps this file honest.\n"];
  for (const service of schemas) {
    const orm = new MikroORM(ormOptions(service, "postgresql://127.0.0.1/none"));
    try {
      parts.push(`\n-- ${service}\n`, partitioned(service, await orm.schema.getCreateSchemaSQL({ wrap: false })), ...functionsOf(service));
    } finally {
      await orm.close();
    }
  }
  return (
    parts
      .join("\n")
      .replace(/\n{3,}/g, "\n\n")
      .trimEnd() + "\n"
  );
}

/** Says which tables are partitioned: the ORM leaves partitioning alone that an entity does not declare, and could only declare fixed months. */
const partitioned = (service: SchemaName, ddl: string): string =>
  partitionedTables(service).reduce(
    (sql, { table, column }) =>
      sql.replace(new RegExp(`^(create table "${service}"\\."${table}" .*);$`, "m"), `$1 partition by range ("${column}");`),
    ddl,
  );
