import type { SchemaName } from "../../config/names.ts";

const columns = `"position", "transaction", "id", "tenant_id", "stream", "version", "type", "data", "actor", "created_at"`;
const policy = `using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system')`;

/** The triggers and policies that a table of events has in either shape, and its rows from the table that was in its place. */
const refilled = (schema: SchemaName): string[] => [
  `create index "events_transaction_position_index" on "${schema}"."events" ("transaction", "position");`,
  `create index "events_tenant_id_created_at_index" on "${schema}"."events" ("tenant_id", "created_at");`,
  `create trigger "${schema}_events_append_only" BEFORE UPDATE OR DELETE on "${schema}"."events" for each ROW execute function "${schema}"."events_${schema}_events_append_only_fn"();`,
  `alter table "${schema}"."events" enable row level security;`,
  `create policy "tenant_isolation" on "${schema}"."events" ${policy};`,
  `insert into "${schema}"."events" (${columns}) overriding system value select ${columns} from "${schema}"."events_before" order by "position";`,
  `select setval(pg_get_serial_sequence('${schema}.events', 'position'), (select coalesce(max("position"), 0) + 1 from "${schema}"."events_before"), false);`,
  `drop table "${schema}"."events_before";`,
];

/** SQL that cuts a schema's events into months, keeping every row: one migration of each schema. No node may append events meanwhile. */
export const eventsByMonth = (schema: SchemaName): string[] => [
  `create table "${schema}"."streams" ("tenant_id" uuid not null, "stream" text not null, "version" int not null, primary key ("tenant_id", "stream"));`,
  `alter table "${schema}"."streams" enable row level security;`,
  `create policy "tenant_isolation" on "${schema}"."streams" ${policy};`,
  `insert into "${schema}"."streams" select "tenant_id", "stream", max("version") from "${schema}"."events" group by 1, 2;`,
  `alter sequence "${schema}"."events_position_seq" rename to "events_before_position_seq";`,
  `alter table "${schema}"."events" rename to "events_before";`,
  `alter table "${schema}"."events_before" drop constraint "events_pkey", drop constraint "events_id_unique", drop constraint "events_tenant_id_stream_version_unique";`,
  `drop index "${schema}"."events_transaction_position_index";`,
  `drop index "${schema}"."events_tenant_id_created_at_index";`,
  `create table "${schema}"."events" ("created_at" timestamptz not null default now(), "id" uuid not null, "position" bigint generated always as identity not null, "transaction" xid8 not null default pg_current_xact_id(), "tenant_id" uuid not null, "stream" text not null, "version" int not null, "type" text not null, "data" jsonb not null, "actor" text null, primary key ("created_at", "id")) partition by range ("created_at");`,
  // The months that have rows; those of today and to come are made after the migrations.
  `do $$ declare month timestamp; name text; begin
     for month in select distinct date_trunc('month', "created_at" at time zone 'UTC') from "${schema}"."events_before" loop
       name := 'events_' || to_char(month, 'YYYY_MM');
       execute format('create table "${schema}".%I (like "${schema}"."events" including defaults)', name);
       execute format('create unique index %I on "${schema}".%I (tenant_id, stream, version)', name || '_stream', name);
       execute format('alter table "${schema}".%I enable row level security', name);
       execute format('alter table "${schema}"."events" attach partition "${schema}".%I for values from (%L) to (%L)', name, month || '+00', month + interval '1 month' || '+00');
     end loop;
   end $$;`,
  ...refilled(schema),
];

export const eventsInOne = (schema: SchemaName): string[] => [
  `drop table "${schema}"."streams";`,
  `alter sequence "${schema}"."events_position_seq" rename to "events_before_position_seq";`,
  `alter table "${schema}"."events" rename to "events_before";`,
  `alter table "${schema}"."events_before" drop constraint "events_pkey";`,
  `drop index "${schema}"."events_transaction_position_index";`,
  `drop index "${schema}"."events_tenant_id_created_at_index";`,
  `create table "${schema}"."events" ("position" bigint generated always as identity not null primary key, "transaction" xid8 not null default pg_current_xact_id(), "id" uuid not null, "tenant_id" uuid not null, "stream" text not null, "version" int not null, "type" text not null, "data" jsonb not null, "actor" text null, "created_at" timestamptz not null default now());`,
  `alter table "${schema}"."events" add constraint "events_id_unique" unique ("id");`,
  `alter table "${schema}"."events" add constraint "events_tenant_id_stream_version_unique" unique ("tenant_id", "stream", "version");`,
  ...refilled(schema),
];
