import { MikroORM } from "@mikro-orm/postgresql";
import { schemas, type SchemaName } from "../config/names.ts";
import { ormOptions } from "../config/orm.ts";

/**
 * Writes a migration for what the entities have and the database at DATABASE_URL (migrated, admin credentials) has not:
 * `node scripts/migration.ts SERVICE name_in_snake_case`.
 */
const [service, name] = process.argv.slice(2);
const url = process.env["DATABASE_URL"];
if (!schemas.includes(service as SchemaName) || !name || !url) {
  console.error(`Usage: DATABASE_URL=… node scripts/migration.ts ${schemas.join("|")} name_in_snake_case`);
  process.exit(2);
}
const orm = await MikroORM.init(ormOptions(service as SchemaName, url));
const { fileName, diff } = await orm.migrator.create(undefined, false, false, name);
console.log(diff.up.length ? `wrote ${fileName}` : "nothing to migrate");
await orm.close();
