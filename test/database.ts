import { randomBytes } from "node:crypto";
import pg from "pg";
import { schemas, type SchemaName } from "../config/names.ts";
import { migrate } from "../config/migrate.ts";
import { serviceUrl } from "../config/orm.ts";
import { Database } from "../mixins/database.ts";

/** A server's administrator, who may create databases; scripts/test.ts sets it. */
export function adminUrl(): string {
  const url = process.env["TEST_ADMIN_DATABASE_URL"];
  if (!url) throw new Error("Run tests by `npm test -- path/to/file.spec.ts`: it starts the servers they need.");
  return url;
}

const secret = () => process.env["CLUSTER_SECRET"] ?? "";
const template = "legendo_template";

/** A database of one suite, migrated, with every service's role in place. */
export interface TestDatabase {
  /** As an administrator: bypasses row-level security. */
  admin: pg.Client;
  adminUrl: string;
  /** Host, port and database alone, as nodes get it. */
  url: string;
  open(schema: SchemaName): Promise<Database>;
  drop(): Promise<void>;
}

/** Clones the migrated template into a new database; `drop` it when done. */
export async function testDatabase(): Promise<TestDatabase> {
  const name = `legendo_test_${randomBytes(6).toString("hex")}`;
  const server = new pg.Client({ connectionString: adminUrl() });
  await server.connect();
  try {
    await cloneTemplate(server, name);
  } catch (error) {
    await server.end();
    throw error;
  }
  const url = new URL(adminUrl());
  url.pathname = `/${name}`;
  const admin = new pg.Client({ connectionString: url.href });
  await admin.connect();
  const bare = new URL(url);
  bare.username = bare.password = "";
  const opened: Database[] = [];
  return {
    admin,
    adminUrl: url.href,
    url: bare.href,
    async open(schema) {
      const database = await Database.open(schema, serviceUrl(schema, undefined, bare.href, secret()), 8);
      opened.push(database);
      return database;
    },
    async drop() {
      await Promise.all(opened.map((database) => database.close()));
      await admin.end();
      await server.query(`drop database if exists ${name} with (force)`);
      await server.end();
    },
  };
}

/** Migrates the template once per server; suites clone it, which takes a tenth of the time. One suite at a time: a template that is being copied can't be used. */
async function cloneTemplate(server: pg.Client, name: string): Promise<void> {
  await server.query("select pg_advisory_lock(hashtext('legendo template'))");
  try {
    await ensureTemplate(server);
    await server.query(`create database ${name} template ${template}`);
  } finally {
    await server.query("select pg_advisory_unlock(hashtext('legendo template'))");
  }
}

async function ensureTemplate(server: pg.Client): Promise<void> {
  const { rowCount } = await server.query("select 1 from pg_database where datname = $1", [template]);
  if (rowCount) return;
  await server.query(`drop database if exists ${template}_new`);
  await server.query(`create database ${template}_new`);
  const url = new URL(adminUrl());
  url.pathname = `/${template}_new`;
  await migrate(url.href, secret());
  await server.query(`alter database ${template}_new rename to ${template}`);
}

/** Names of all tables with their schema; the months of a partitioned one are part of it. */
export async function tables(admin: pg.Client): Promise<{ schema: SchemaName; table: string }[]> {
  const { rows } = await admin.query<{ schema: SchemaName; table: string }>(
    `select n.nspname as schema, c.relname as table from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where n.nspname = any($1) and c.relkind in ('r', 'p') and not c.relispartition and c.relname <> 'migrations' order by 1, 2`,
    [schemas],
  );
  return rows;
}
