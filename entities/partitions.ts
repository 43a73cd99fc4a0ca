import type { SchemaName } from "../config/contracts.ts";

/** Tables that are cut into months, and by which column. The ORM does not know of it: `schemaSql` adds it, `makeEventPartitions` makes the months. */
export const partitionedTables = [{ table: "events", column: "created_at" }] as const;

/** Where the months of a schema's events go that are not wanted among them any more. */
export const archiveOf = (schema: SchemaName) => `${schema}_archive`;

/**
 * Makes the months of events from this one to so many ahead (24 at most), where they are missing. Runs as the tables' owner, since a service's
 * role makes no tables; all it can be used for is to make such months. An index of each month refuses a second event of a stream's version.
 */
const makeEventPartitions = (schema: SchemaName) => `
create or replace function ${schema}.make_event_partitions(ahead int) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp set timezone = 'UTC' set lock_timeout = '5s' as $$
declare
  month timestamptz;
  name text;
begin
  for i in 0 .. least(ahead, 24) loop
    month := date_trunc('month', now()) + i * interval '1 month';
    name := 'events_' || to_char(month, 'YYYY_MM');
    continue when exists (select 1 from pg_tables where schemaname = '${schema}' and tablename = name);
    -- Another node may be making it. Asked of the table, not of to_regclass, which may remember that there was none.
    perform pg_advisory_xact_lock(hashtext('${schema} event partitions'));
    continue when exists (select 1 from pg_tables where schemaname = '${schema}' and tablename = name);
    -- Attached rather than made in place: that waits for nobody who reads or writes events.
    execute format('create table ${schema}.%I (like ${schema}.events including defaults)', name);
    execute format('create unique index %I on ${schema}.%I (tenant_id, stream, version)', name || '_stream', name);
    execute format('alter table ${schema}.%I enable row level security', name);
    execute format('alter table ${schema}.events attach partition ${schema}.%I for values from (%L) to (%L)', name, month, month + interval '1 month');
  end loop;
end $$;
revoke all on function ${schema}.make_event_partitions(int) from public;`;

/**
 * Takes months of events that ended more than so many months ago (3 at least) out of the table, into the archive's schema, whole and as they
 * are. @returns their names
 */
const archiveEventPartitions = (schema: SchemaName) => `
create or replace function ${schema}.archive_event_partitions(keep int) returns setof text
language plpgsql security definer set search_path = pg_catalog, pg_temp set timezone = 'UTC' set lock_timeout = '5s' as $$
declare
  name text;
begin
  if keep < 3 then raise exception 'at least 3 months of events are kept, not %', keep using errcode = 'invalid_parameter_value'; end if;
  for name in
    select c.relname from pg_inherits i join pg_class c on c.oid = i.inhrelid
    where i.inhparent = '${schema}.events'::regclass and c.relname < 'events_' || to_char(date_trunc('month', now()) - keep * interval '1 month', 'YYYY_MM')
    order by 1
  loop
    execute format('alter table ${schema}.events detach partition ${schema}.%I', name);
    execute format('alter table ${schema}.%I set schema ${archiveOf(schema)}', name);
    return next name;
  end loop;
end $$;
revoke all on function ${schema}.archive_event_partitions(int) from public;`;

export const partitionFunctions = (schema: SchemaName): string[] => [makeEventPartitions(schema), archiveEventPartitions(schema)];
