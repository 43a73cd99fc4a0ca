import { Migration } from '@mikro-orm/migrations';

export class Migration20261122182736_first_tables extends Migration {

  override name = 'Migration20261122182736_first_tables';

  override up(): void | Promise<void> {
    this.addSql(`create schema if not exists "sync";`);
    this.addSql(`create table "sync"."assets" ("id" uuid not null default gen_random_uuid(), "tenant_id" uuid not null, "source_id" uuid not null, "path" text collate "C" not null, "name" text not null, "version" int not null default 1, "content_id" bytea not null, "size" bigint not null, "fingerprint" text not null, "modified_at" timestamptz null, "media_type" text null, "category" text null, "duplicate_of" uuid null, "created_at" timestamptz not null default now(), "updated_at" timestamptz not null default now(), "gone_at" timestamptz null, primary key ("id"));`);
    this.addSql(`create index "assets_tenant_id_created_at_id_index" on "sync"."assets" ("tenant_id", "created_at", "id");`);
    this.addSql(`create index "assets_tenant_id_category_created_at_index" on "sync"."assets" ("tenant_id", "category", "created_at");`);
    this.addSql(`create index "assets_tenant_id_content_id_index" on "sync"."assets" ("tenant_id", "content_id");`);
    this.addSql(`alter table "sync"."assets" add constraint "assets_tenant_id_source_id_path_unique" unique ("tenant_id", "source_id", "path");`);

    this.addSql(`create table "sync"."asset_versions" ("asset_id" uuid not null, "version" int not null, "tenant_id" uuid not null, "content_id" bytea not null, "masked_checksum" bytea not null, "size" bigint not null, "modified_at" timestamptz null, "job_id" uuid not null, "created_at" timestamptz not null default now(), primary key ("asset_id", "version"));`);

    this.addSql(`create table "sync"."blobs" ("tenant_id" uuid not null, "content_id" bytea not null, "pack_id" uuid not null, "position" bigint not null, "size" bigint not null, primary key ("tenant_id", "content_id"));`);
    this.addSql(`create index "blobs_pack_id_index" on "sync"."blobs" ("pack_id");`);

    this.addSql(`create table "sync"."packs" ("id" uuid not null, "tenant_id" uuid not null, "storage_key" text not null, "chunk_size" int not null, "plain_size" bigint not null, "sealed_size" bigint not null, "tenant_key_id" uuid not null, "wrapped_key" bytea not null, "created_at" timestamptz not null default now(), primary key ("id"));`);
    this.addSql(`create index "packs_tenant_id_index" on "sync"."packs" ("tenant_id");`);

    this.addSql(`create table "sync"."actors" ("key" text not null, "tenant_id" uuid not null, "kind" text not null, "owner" text null, "epoch" bigint not null default '0', "lease_until" timestamptz null, "pending" int not null default 0, primary key ("key"));`);
    this.addSql(`create index "sync_actors_waiting" on "sync"."actors" ("kind", "lease_until") where pending > 0;`);

    this.addSql(`create table "sync"."actor_messages" ("id" bigint generated always as identity not null primary key, "key" text not null, "tenant_id" uuid not null, "message_id" text not null, "type" text not null, "body" jsonb not null, "attempts" int not null default 0, "created_at" timestamptz not null default now(), "done_at" timestamptz null);`);
    this.addSql(`alter table "sync"."actor_messages" add constraint "actor_messages_message_id_unique" unique ("message_id");`);
    this.addSql(`create index "sync_actor_messages_waiting" on "sync"."actor_messages" ("key", "id") where done_at is null;`);

    this.addSql(`create table "sync"."dead_letters" ("id" uuid not null default gen_random_uuid(), "tenant_id" uuid not null, "consumer" text not null, "event" jsonb not null, "attempts" int not null, "error_type" text not null, "error_message" text not null, "created_at" timestamptz not null default now(), "replayed_at" timestamptz null, primary key ("id"));`);
    this.addSql(`create index "dead_letters_tenant_id_created_at_index" on "sync"."dead_letters" ("tenant_id", "created_at");`);

    this.addSql(`create table "sync"."events" ("position" bigint generated always as identity not null primary key, "transaction" xid8 not null default pg_current_xact_id(), "id" uuid not null, "tenant_id" uuid not null, "stream" text not null, "version" int not null, "type" text not null, "data" jsonb not null, "actor" text null, "created_at" timestamptz not null default now());`);
    this.addSql(`alter table "sync"."events" add constraint "events_id_unique" unique ("id");`);
    this.addSql(`create index "events_transaction_position_index" on "sync"."events" ("transaction", "position");`);
    this.addSql(`create index "events_tenant_id_created_at_index" on "sync"."events" ("tenant_id", "created_at");`);
    this.addSql(`alter table "sync"."events" add constraint "events_tenant_id_stream_version_unique" unique ("tenant_id", "stream", "version");`);

    this.addSql(`create table "sync"."idempotency_keys" ("tenant_id" uuid not null, "action" text not null, "key" text not null, "request_hash" text not null, "response" jsonb null, "created_at" timestamptz not null default now(), primary key ("tenant_id", "action", "key"));`);
    this.addSql(`create index "idempotency_keys_created_at_index" on "sync"."idempotency_keys" ("created_at");`);

    this.addSql(`create table "sync"."inbox" ("consumer" text not null, "event_id" uuid not null, "tenant_id" uuid not null, "created_at" timestamptz not null default now(), primary key ("consumer", "event_id"));`);
    this.addSql(`create index "inbox_created_at_index" on "sync"."inbox" ("created_at");`);

    this.addSql(`create table "sync"."outbox" ("id" bigint generated always as identity not null primary key, "tenant_id" uuid not null, "subject" text not null, "message_id" text not null, "payload" jsonb null, "created_at" timestamptz not null default now());`);

    this.addSql(`create table "sync"."batches" ("job_id" uuid not null, "number" int not null, "tenant_id" uuid not null, "items" jsonb null, "item_count" int not null, "bytes" bigint not null, "done_at" timestamptz null, primary key ("job_id", "number"));`);
    this.addSql(`create index "batches_waiting" on "sync"."batches" ("job_id", "number") where done_at is null;`);

    this.addSql(`create table "sync"."failures" ("job_id" uuid not null, "path" text collate "C" not null, "tenant_id" uuid not null, "type" text not null, "message" text not null, "attempts" int not null default 1, "created_at" timestamptz not null default now(), primary key ("job_id", "path"));`);

    this.addSql(`create table "sync"."sync_jobs" ("id" uuid not null default gen_random_uuid(), "tenant_id" uuid not null, "user_id" uuid null, "source_id" uuid not null, "input" text not null, "mode" text not null default 'incremental', "status" text not null default 'queued', "progress" int not null default 0, "options" jsonb not null, "sealed_credentials" bytea null, "result" jsonb null, "error_type" text null, "error_message" text null, "items_total" int not null default 0, "items_stored" int not null default 0, "items_unchanged" int not null default 0, "items_deduplicated" int not null default 0, "items_failed" int not null default 0, "items_gone" int not null default 0, "bytes_total" bigint not null default '0', "bytes_done" bigint not null default '0', "version" int not null default 0, "created_at" timestamptz not null default now(), "planned_at" timestamptz null, "started_at" timestamptz null, "completed_at" timestamptz null, primary key ("id"));`);
    this.addSql(`create index "sync_jobs_user_id_index" on "sync"."sync_jobs" ("user_id");`);
    this.addSql(`create index "sync_jobs_tenant_id_created_at_id_index" on "sync"."sync_jobs" ("tenant_id", "created_at", "id");`);
    this.addSql(`create index "sync_jobs_tenant_id_status_created_at_index" on "sync"."sync_jobs" ("tenant_id", "status", "created_at");`);
    this.addSql(`create index "sync_jobs_status_index" on "sync"."sync_jobs" ("status");`);
    this.addSql(`create index "sync_jobs_created_at_index" on "sync"."sync_jobs" ("created_at");`);

    this.addSql(`create table "sync"."sources" ("id" uuid not null default gen_random_uuid(), "tenant_id" uuid not null, "kind" text not null, "uri" text not null, "created_at" timestamptz not null default now(), primary key ("id"));`);
    this.addSql(`alter table "sync"."sources" add constraint "sources_tenant_id_uri_unique" unique ("tenant_id", "uri");`);

    this.addSql(`create table "sync"."tenant_keys" ("id" uuid not null, "tenant_id" uuid not null, "master_key_id" text not null, "wrapped_key" bytea not null, "created_at" timestamptz not null default now(), primary key ("id"));`);
    this.addSql(`alter table "sync"."tenant_keys" add constraint "tenant_keys_tenant_id_unique" unique ("tenant_id");`);

    this.addSql(`alter table "sync"."assets" enable row level security;`);
    this.addSql(`create policy "tenant_isolation" on "sync"."assets" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');`);

    this.addSql(`alter table "sync"."asset_versions" enable row level security;`);
    this.addSql(`create policy "tenant_isolation" on "sync"."asset_versions" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');`);

    this.addSql(`alter table "sync"."blobs" enable row level security;`);
    this.addSql(`create policy "tenant_isolation" on "sync"."blobs" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');`);

    this.addSql(`alter table "sync"."packs" enable row level security;`);
    this.addSql(`create policy "tenant_isolation" on "sync"."packs" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');`);

    this.addSql(`alter table "sync"."actors" enable row level security;`);
    this.addSql(`create policy "tenant_isolation" on "sync"."actors" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');`);

    this.addSql(`alter table "sync"."actor_messages" enable row level security;`);
    this.addSql(`create policy "tenant_isolation" on "sync"."actor_messages" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');`);

    this.addSql(`alter table "sync"."dead_letters" enable row level security;`);
    this.addSql(`create policy "tenant_isolation" on "sync"."dead_letters" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');`);

    this.addSql(`create or replace function "sync"."events_sync_events_append_only_fn"() returns trigger as \$\$ begin raise exception 'events are append-only' using errcode = 'restrict_violation'; return null; end; \$\$ language plpgsql;`);
    this.addSql(`create trigger "sync_events_append_only" BEFORE UPDATE OR DELETE on "sync"."events" for each ROW execute function "sync"."events_sync_events_append_only_fn"();`);
    this.addSql(`alter table "sync"."events" enable row level security;`);
    this.addSql(`create policy "tenant_isolation" on "sync"."events" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');`);

    this.addSql(`alter table "sync"."idempotency_keys" enable row level security;`);
    this.addSql(`create policy "tenant_isolation" on "sync"."idempotency_keys" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');`);

    this.addSql(`alter table "sync"."inbox" enable row level security;`);
    this.addSql(`create policy "tenant_isolation" on "sync"."inbox" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');`);

    this.addSql(`create or replace function "sync"."outbox_sync_outbox_wakes_relay_fn"() returns trigger as \$\$ begin perform pg_notify('sync_outbox', ''); return null; end; \$\$ language plpgsql;`);
    this.addSql(`create trigger "sync_outbox_wakes_relay" AFTER INSERT on "sync"."outbox" for each STATEMENT execute function "sync"."outbox_sync_outbox_wakes_relay_fn"();`);
    this.addSql(`alter table "sync"."outbox" enable row level security;`);
    this.addSql(`create policy "tenant_isolation" on "sync"."outbox" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');`);

    this.addSql(`alter table "sync"."batches" enable row level security;`);
    this.addSql(`create policy "tenant_isolation" on "sync"."batches" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');`);

    this.addSql(`alter table "sync"."failures" enable row level security;`);
    this.addSql(`create policy "tenant_isolation" on "sync"."failures" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');`);

    this.addSql(`alter table "sync"."sync_jobs" add constraint "sync_jobs_progress_percent" check (progress >= 0 and progress <= 100);`);
    this.addSql(`alter table "sync"."sync_jobs" add constraint "sync_jobs_mode_check" check ("mode" in ('incremental', 'full'));`);
    this.addSql(`alter table "sync"."sync_jobs" add constraint "sync_jobs_status_check" check ("status" in ('queued', 'planning', 'running', 'paused', 'completed', 'completed_with_errors', 'failed', 'cancelled'));`);
    this.addSql(`alter table "sync"."sync_jobs" enable row level security;`);
    this.addSql(`create policy "tenant_isolation" on "sync"."sync_jobs" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');`);

    this.addSql(`alter table "sync"."sources" enable row level security;`);
    this.addSql(`create policy "tenant_isolation" on "sync"."sources" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');`);

    this.addSql(`alter table "sync"."tenant_keys" enable row level security;`);
    this.addSql(`create policy "tenant_isolation" on "sync"."tenant_keys" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');`);
  }

  override down(): void | Promise<void> {
    this.addSql(`drop table if exists "sync"."assets" cascade;`);
    this.addSql(`drop table if exists "sync"."asset_versions" cascade;`);
    this.addSql(`drop table if exists "sync"."blobs" cascade;`);
    this.addSql(`drop table if exists "sync"."packs" cascade;`);
    this.addSql(`drop table if exists "sync"."actors" cascade;`);
    this.addSql(`drop table if exists "sync"."actor_messages" cascade;`);
    this.addSql(`drop table if exists "sync"."dead_letters" cascade;`);
    this.addSql(`drop trigger if exists "sync_events_append_only" on "sync"."events";`);
    this.addSql(`drop function if exists "sync"."events_sync_events_append_only_fn"();`);
    this.addSql(`drop table if exists "sync"."events" cascade;`);
    this.addSql(`drop table if exists "sync"."idempotency_keys" cascade;`);
    this.addSql(`drop table if exists "sync"."inbox" cascade;`);
    this.addSql(`drop trigger if exists "sync_outbox_wakes_relay" on "sync"."outbox";`);
    this.addSql(`drop function if exists "sync"."outbox_sync_outbox_wakes_relay_fn"();`);
    this.addSql(`drop table if exists "sync"."outbox" cascade;`);
    this.addSql(`drop table if exists "sync"."batches" cascade;`);
    this.addSql(`drop table if exists "sync"."failures" cascade;`);
    this.addSql(`drop table if exists "sync"."sync_jobs" cascade;`);
    this.addSql(`drop table if exists "sync"."sources" cascade;`);
    this.addSql(`drop table if exists "sync"."tenant_keys" cascade;`);

    this.addSql(`drop schema if exists "sync";`);
  }

}
