import { Migration } from '@mikro-orm/migrations';

export class Migration20261122182737_first_tables extends Migration {

  override name = 'Migration20261122182737_first_tables';

  override up(): void | Promise<void> {
    this.addSql(`create schema if not exists "ai";`);
    this.addSql(`create table "ai"."actors" ("key" text not null, "tenant_id" uuid not null, "kind" text not null, "owner" text null, "epoch" bigint not null default '0', "lease_until" timestamptz null, "pending" int not null default 0, primary key ("key"));`);
    this.addSql(`create index "ai_actors_waiting" on "ai"."actors" ("kind", "lease_until") where pending > 0;`);

    this.addSql(`create table "ai"."actor_messages" ("id" bigint generated always as identity not null primary key, "key" text not null, "tenant_id" uuid not null, "message_id" text not null, "type" text not null, "body" jsonb not null, "attempts" int not null default 0, "created_at" timestamptz not null default now(), "done_at" timestamptz null);`);
    this.addSql(`alter table "ai"."actor_messages" add constraint "actor_messages_message_id_unique" unique ("message_id");`);
    this.addSql(`create index "ai_actor_messages_waiting" on "ai"."actor_messages" ("key", "id") where done_at is null;`);

    this.addSql(`create table "ai"."dead_letters" ("id" uuid not null default gen_random_uuid(), "tenant_id" uuid not null, "consumer" text not null, "event" jsonb not null, "attempts" int not null, "error_type" text not null, "error_message" text not null, "created_at" timestamptz not null default now(), "replayed_at" timestamptz null, primary key ("id"));`);
    this.addSql(`create index "dead_letters_tenant_id_created_at_index" on "ai"."dead_letters" ("tenant_id", "created_at");`);

    this.addSql(`create table "ai"."events" ("position" bigint generated always as identity not null primary key, "transaction" xid8 not null default pg_current_xact_id(), "id" uuid not null, "tenant_id" uuid not null, "stream" text not null, "version" int not null, "type" text not null, "data" jsonb not null, "actor" text null, "created_at" timestamptz not null default now());`);
    this.addSql(`alter table "ai"."events" add constraint "events_id_unique" unique ("id");`);
    this.addSql(`create index "events_transaction_position_index" on "ai"."events" ("transaction", "position");`);
    this.addSql(`create index "events_tenant_id_created_at_index" on "ai"."events" ("tenant_id", "created_at");`);
    this.addSql(`alter table "ai"."events" add constraint "events_tenant_id_stream_version_unique" unique ("tenant_id", "stream", "version");`);

    this.addSql(`create table "ai"."idempotency_keys" ("tenant_id" uuid not null, "action" text not null, "key" text not null, "request_hash" text not null, "response" jsonb null, "created_at" timestamptz not null default now(), primary key ("tenant_id", "action", "key"));`);
    this.addSql(`create index "idempotency_keys_created_at_index" on "ai"."idempotency_keys" ("created_at");`);

    this.addSql(`create table "ai"."inbox" ("consumer" text not null, "event_id" uuid not null, "tenant_id" uuid not null, "created_at" timestamptz not null default now(), primary key ("consumer", "event_id"));`);
    this.addSql(`create index "inbox_created_at_index" on "ai"."inbox" ("created_at");`);

    this.addSql(`create table "ai"."outbox" ("id" bigint generated always as identity not null primary key, "tenant_id" uuid not null, "subject" text not null, "message_id" text not null, "payload" jsonb null, "created_at" timestamptz not null default now());`);

    this.addSql(`create table "ai"."analyses" ("id" uuid not null default gen_random_uuid(), "tenant_id" uuid not null, "content_id" bytea not null, "analyser" text not null, "asset_id" uuid not null, "status" text not null, "media_type" text not null, "category" text not null, "confidence" real not null, "metadata" jsonb not null, "problem" text null, "duration_ms" int not null, "created_at" timestamptz not null default now(), primary key ("id"));`);
    this.addSql(`alter table "ai"."analyses" add constraint "analyses_tenant_id_content_id_analyser_unique" unique ("tenant_id", "content_id", "analyser");`);

    this.addSql(`create table "ai"."assets" ("tenant_id" uuid not null, "asset_id" uuid not null, "content_id" bytea not null, "name" text not null, "size" bigint not null, "seen_at" timestamptz not null default clock_timestamp(), primary key ("tenant_id", "asset_id"));`);
    this.addSql(`create index "assets_tenant_id_content_id_seen_at_asset_id_index" on "ai"."assets" ("tenant_id", "content_id", "seen_at", "asset_id");`);

    this.addSql(`create table "ai"."thumbnails" ("tenant_id" uuid not null, "content_id" bytea not null, "width" smallint not null, "height" smallint not null, "sealed" bytea not null, "created_at" timestamptz not null default now(), primary key ("tenant_id", "content_id"));`);

    this.addSql(`alter table "ai"."actors" enable row level security;`);
    this.addSql(`create policy "tenant_isolation" on "ai"."actors" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');`);

    this.addSql(`alter table "ai"."actor_messages" enable row level security;`);
    this.addSql(`create policy "tenant_isolation" on "ai"."actor_messages" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');`);

    this.addSql(`alter table "ai"."dead_letters" enable row level security;`);
    this.addSql(`create policy "tenant_isolation" on "ai"."dead_letters" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');`);

    this.addSql(`create or replace function "ai"."events_ai_events_append_only_fn"() returns trigger as \$\$ begin raise exception 'events are append-only' using errcode = 'restrict_violation'; return null; end; \$\$ language plpgsql;`);
    this.addSql(`create trigger "ai_events_append_only" BEFORE UPDATE OR DELETE on "ai"."events" for each ROW execute function "ai"."events_ai_events_append_only_fn"();`);
    this.addSql(`alter table "ai"."events" enable row level security;`);
    this.addSql(`create policy "tenant_isolation" on "ai"."events" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');`);

    this.addSql(`alter table "ai"."idempotency_keys" enable row level security;`);
    this.addSql(`create policy "tenant_isolation" on "ai"."idempotency_keys" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');`);

    this.addSql(`alter table "ai"."inbox" enable row level security;`);
    this.addSql(`create policy "tenant_isolation" on "ai"."inbox" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');`);

    this.addSql(`create or replace function "ai"."outbox_ai_outbox_wakes_relay_fn"() returns trigger as \$\$ begin perform pg_notify('ai_outbox', ''); return null; end; \$\$ language plpgsql;`);
    this.addSql(`create trigger "ai_outbox_wakes_relay" AFTER INSERT on "ai"."outbox" for each STATEMENT execute function "ai"."outbox_ai_outbox_wakes_relay_fn"();`);
    this.addSql(`alter table "ai"."outbox" enable row level security;`);
    this.addSql(`create policy "tenant_isolation" on "ai"."outbox" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');`);

    this.addSql(`alter table "ai"."analyses" add constraint "analyses_status_check" check ("status" in ('complete', 'partial', 'failed'));`);
    this.addSql(`alter table "ai"."analyses" enable row level security;`);
    this.addSql(`create policy "tenant_isolation" on "ai"."analyses" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');`);

    this.addSql(`alter table "ai"."assets" enable row level security;`);
    this.addSql(`create policy "tenant_isolation" on "ai"."assets" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');`);

    this.addSql(`alter table "ai"."thumbnails" enable row level security;`);
    this.addSql(`create policy "tenant_isolation" on "ai"."thumbnails" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');`);
  }

  override down(): void | Promise<void> {
    this.addSql(`drop table if exists "ai"."actors" cascade;`);
    this.addSql(`drop table if exists "ai"."actor_messages" cascade;`);
    this.addSql(`drop table if exists "ai"."dead_letters" cascade;`);
    this.addSql(`drop trigger if exists "ai_events_append_only" on "ai"."events";`);
    this.addSql(`drop function if exists "ai"."events_ai_events_append_only_fn"();`);
    this.addSql(`drop table if exists "ai"."events" cascade;`);
    this.addSql(`drop table if exists "ai"."idempotency_keys" cascade;`);
    this.addSql(`drop table if exists "ai"."inbox" cascade;`);
    this.addSql(`drop trigger if exists "ai_outbox_wakes_relay" on "ai"."outbox";`);
    this.addSql(`drop function if exists "ai"."outbox_ai_outbox_wakes_relay_fn"();`);
    this.addSql(`drop table if exists "ai"."outbox" cascade;`);
    this.addSql(`drop table if exists "ai"."analyses" cascade;`);
    this.addSql(`drop table if exists "ai"."assets" cascade;`);
    this.addSql(`drop table if exists "ai"."thumbnails" cascade;`);

    this.addSql(`drop schema if exists "ai";`);
  }

}
