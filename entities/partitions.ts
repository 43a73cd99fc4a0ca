import type { SchemaName } from "../config/names.ts";

/** A table that is cut into months. The ORM does not know of it: `schemaSql` adds it, `makePartitions` makes the months. */
interface Partitioned {
  table: string;
  /** By whose months. */
  column: string;
  /** What an index of each month allows once, and how that is named. */
  unique: string;
  index: string;
}

const events: Partitioned = { table: "events", column: "created_at", unique: "tenant_id, stream, version", index: "stream" };
const audit: Partitioned = { table: "audit", column: "recorded_at", unique: "tenant_id, position", index: "position" };

export const partitionedTables = (schema: SchemaName): readonly Partitioned[] => (schema === "auth" ? [events, audit] : [events]);

/** Where the months of a schema's events go that are not wanted among them any more. */
export const archiveOf = (schema: SchemaName) => `${schema}_archive`;

/** Makes one table's month where it is missing; in the body of `makePartitions`. */
const makeMonth = (schema: SchemaName, { table, unique, index }: Partitioned) => `
    name := '${table}_' || to_char(month, 'YYYY_MM');
    if not exists (select 1 from pg_tables where schemaname = '${schema}' and tablename = name) then
      -- Another node may be making it. Asked of the table, not of to_regclass, which may remember that there was none.
      perform pg_advisory_xact_lock(hashtext('${schema} event partitions'));
      if not exists (select 1 from pg_tables where schemaname = '${schema}' and tablename = name) then
        -- Attached rather than made in place: that waits for nobody who reads or writes the table.
        execute format('create table ${schema}.%I (like ${schema}.${table} including defaults)', name);
        execute format('create unique index %I on ${schema}.%I (${unique})', name || '_${index}', name);
        execute format('alter table ${schema}.%I enable row level security', name);
        execute format('alter table ${schema}.${table} attach partition ${schema}.%I for values from (%L) to (%L)', name, month, month + interval '1 month');
      end if;
    end if;`;

/**
 * Makes the months of a schema's partitioned tables from this one to so many ahead (24 at most), where they are missing. Runs as the tables'
 * owner, since a service's role makes no tables; all it can be used for is to make such months. An index of each month refuses a second event of a
 * stream's version.
 */
const makePartitions = (schema: SchemaName) => `
create or replace function ${schema}.make_event_partitions(ahead int) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp set timezone = 'UTC' set lock_timeout = '5s' as $$
declare
  month timestamptz;
  name text;
begin
  for i in 0 .. least(ahead, 24) loop
    month := date_trunc('month', now()) + i * interval '1 month';${partitionedTables(schema)
      .map((table) => makeMonth(schema, table))
      .join("")}
  end loop;
end $$;
revoke all on function ${schema}.make_event_partitions(int) from public;`;

/** The function that takes old months of one of a schema's tables away. */
export const archiveFunction = (schema: SchemaName, table: string) =>
  table === events.table ? `${schema}.archive_event_partitions` : `${schema}.archive_${table}_partitions`;

/**
 * Takes months of a table that ended more than so many months ago (3 at least) out of it, into the archive's schema, whole and as they are.
 * @returns their names
 */
const archivePartitions = (schema: SchemaName, { table }: Partitioned) => `
create or replace function ${archiveFunction(schema, table)}(keep int) returns setof text
language plpgsql security definer set search_path = pg_catalog, pg_temp set timezone = 'UTC' set lock_timeout = '5s' as $$
declare
  name text;
begin
  if keep < 3 then raise exception 'at least 3 months of ${table} are kept, not %', keep using errcode = 'invalid_parameter_value'; end if;
  for name in
    select c.relname from pg_inherits i join pg_class c on c.oid = i.inhrelid
    where i.inhparent = '${schema}.${table}'::regclass and c.relname < '${table}_' || to_char(date_trunc('month', now()) - keep * interval '1 month', 'YYYY_MM')
    order by 1
  loop
    execute format('alter table ${schema}.${table} detach partition ${schema}.%I', name);
    execute format('alter table ${schema}.%I set schema ${archiveOf(schema)}', name);
    return next name;
  end loop;
end $$;
revoke all on function ${archiveFunction(schema, table)}(int) from public;`;

export const partitionFunctions = (schema: SchemaName): string[] => [
  makePartitions(schema),
  ...partitionedTables(schema).map((table) => archivePartitions(schema, table)),
];
