import { MikroORM } from "@mikro-orm/postgresql";
import pg from "pg";
import { schemas, type SchemaName } from "./names.ts";
import { functionsOf } from "../entities/functions.ts";
import { archiveOf, partitionedTables } from "../entities/partitions.ts";
import { ormOptions, roleOf, rolePassword } from "./orm.ts";

/**
 * Brings every service's schema up to date: role, schema, migrations, functions, months, grants. Safe to run at every start and from several nodes at once.
 * @param adminUrl a role that may create schemas and roles
 * @param clusterSecret from which the services' role passwords are derived
 * @param report called with a line per step
 */
export async function migrate(adminUrl: string, clusterSecret: string, report: (line: string) => void = () => {}): Promise<void> {
  const client = new pg.Client({ connectionString: adminUrl, application_name: "legendo migrate" });
  await client.connect();
  try {
    // One migrator at a time: a second waits here and then finds nothing to do.
    await client.query("select pg_advisory_lock(hashtext('legendo migrate'))");
    for (const service of schemas) {
      await prepare(client, service, clusterSecret);
      const applied = await run(adminUrl, service);
      for (const sql of functionsOf(service)) await client.query(sql);
      await client.query(`select ${service}.make_event_partitions(3)`);
      await grant(client, service);
      report(applied ? `${service}: ${applied} migration${applied === 1 ? "" : "s"} applied` : `${service}: up to date`);
    }
  } finally {
    await client.end();
  }
}

async function prepare(client: pg.Client, service: SchemaName, clusterSecret: string): Promise<void> {
  const role = client.escapeIdentifier(roleOf(service));
  const password = client.escapeLiteral(rolePassword(clusterSecret, service));
  const { rowCount } = await client.query("select 1 from pg_roles where rolname = $1", [roleOf(service)]);
  await client.query(`${rowCount ? "alter" : "create"} role ${role} login nosuperuser nobypassrls password ${password}`);
  // Compiling a statement takes ten times as long as most of ours run, and is chosen by estimates that are wrong for them.
  await client.query(`alter role ${role} set jit = off`);
  for (const schema of [service, archiveOf(service)]) await client.query(`create schema if not exists ${client.escapeIdentifier(schema)}`);
}

async function run(adminUrl: string, service: SchemaName): Promise<number> {
  const orm = await MikroORM.init(ormOptions(service, adminUrl, 2));
  try {
    return (await orm.migrator.up()).length;
  } finally {
    await orm.close();
  }
}

/** The service's role reads and writes rows of its own schema and nothing else; events, audit log and ledger can't be rewritten. */
async function grant(client: pg.Client, service: SchemaName): Promise<void> {
  const role = client.escapeIdentifier(roleOf(service));
  const schema = client.escapeIdentifier(service);
  await client.query(`grant usage on schema ${schema} to ${role}`);
  await client.query(`grant select, insert, update, delete on all tables in schema ${schema} to ${role}`);
  await client.query(`grant usage on all sequences in schema ${schema} to ${role}`);
  await client.query(`grant execute on all functions in schema ${schema} to ${role}`);
  for (const { table } of partitionedTables(service)) {
    await client.query(`revoke update, delete on ${schema}.${table} from ${role}`);
    // Months are reached through their table alone, whose policies hold for them.
    const { rows } = await client.query<{ month: string }>(
      "select inhrelid::regclass::text as month from pg_inherits where inhparent = $1::regclass",
      [`${service}.${table}`],
    );
    for (const { month } of rows) await client.query(`revoke all on ${month} from ${role}`);
  }
  if (service === "payment") await client.query(`revoke update, delete on payment.ledger_entries, payment.ledger_lines from ${role}`);
  // Addresses can be erased; a trigger lets nothing else be written there.
  if (service === "auth") await client.query(`grant update (origin) on auth.audit to ${role}`);
  await client.query(`revoke insert, update, delete on ${schema}.migrations from ${role}`);
}
