import { Migration } from '@mikro-orm/migrations';

export class Migration20261122204750_whole_engine extends Migration {

  override name = 'Migration20261122204750_whole_engine';

  override up(): void | Promise<void> {
    this.addSql(`create table "sync"."mirror_items" ("target_id" uuid not null, "path" text collate "C" not null, "tenant_id" uuid not null, "content_id" bytea not null, "size" bigint not null, "fingerprint" text not null, "written_at" timestamptz not null default now(), primary key ("target_id", "path"));`);

    this.addSql(`create table "sync"."changes" ("job_id" uuid not null, "path" text collate "C" not null, "tenant_id" uuid not null, "action" text not null, "asset_id" uuid not null, "to_path" text collate "C" null, "fingerprint" text null, "modified_at" timestamptz null, "size" bigint not null default '0', "content_id" bytea not null, "move_tag" text null, "done_at" timestamptz null, primary key ("job_id", "path"));`);
    this.addSql(`create index "changes_by_content" on "sync"."changes" ("job_id", "content_id") where action = 'retire';`);
    this.addSql(`create index "changes_by_tag" on "sync"."changes" ("job_id", "move_tag") where action = 'retire' and move_tag is not null;`);

    this.addSql(`create table "sync"."job_needs" ("job_id" uuid not null, "needs_job_id" uuid not null, "tenant_id" uuid not null, primary key ("job_id", "needs_job_id"));`);
    this.addSql(`create index "job_needs_needs_job_id_index" on "sync"."job_needs" ("needs_job_id");`);

    this.addSql(`create table "sync"."tenant_limits" ("tenant_id" uuid not null, "jobs" int null, "weight" int null, "updated_at" timestamptz not null default now(), primary key ("tenant_id"));`);

    this.addSql(`create table "sync"."parts" ("job_id" uuid not null, "batch" int not null, "number" int not null, "tenant_id" uuid not null, "pack_id" uuid not null, "size" bigint not null, "stored_size" bigint not null, "encoding" smallint not null default 0, "fingerprint" text not null, "created_at" timestamptz not null default now(), primary key ("job_id", "batch", "number"));`);

    this.addSql(`create table "sync"."schedules" ("id" uuid not null default gen_random_uuid(), "tenant_id" uuid not null, "user_id" uuid null, "source_id" uuid not null, "name" text not null, "cron" text not null, "time_zone" text not null, "catch_up" text not null default 'once', "mode" text not null default 'incremental', "priority" smallint not null default 1, "options" jsonb not null default '{}', "enabled" boolean not null default true, "next_at" timestamptz null, "last_at" timestamptz null, "last_job_id" uuid null, "skipped" int not null default 0, "created_at" timestamptz not null default now(), primary key ("id"));`);
    this.addSql(`create index "schedules_due" on "sync"."schedules" ("next_at") where enabled;`);
    this.addSql(`alter table "sync"."schedules" add constraint "schedules_tenant_id_name_unique" unique ("tenant_id", "name");`);

    this.addSql(`alter table "sync"."assets" add "removed_at" timestamptz null;`);

    this.addSql(`alter table "sync"."asset_versions" add "change" text not null default 'stored', add "path" text collate "C" not null default '';`);
    this.addSql(`update "sync"."asset_versions" v set "path" = a."path" from "sync"."assets" a where a."id" = v."asset_id";`);
    this.addSql(`create index "asset_versions_moves" on "sync"."asset_versions" ("tenant_id", "path") where change = 'moved';`);
    this.addSql(`alter table "sync"."asset_versions" add constraint "asset_versions_change_check" check ("change" in ('stored', 'moved', 'touched', 'gone', 'returned'));`);

    this.addSql(`alter table "sync"."blobs" drop constraint "blobs_pkey";`);
    this.addSql(`alter table "sync"."blobs" add "part" int not null default 0, add "stored_size" bigint not null default '0', add "encoding" smallint not null default 0;`);
    this.addSql(`update "sync"."blobs" set "stored_size" = "size";`);
    this.addSql(`alter table "sync"."blobs" add primary key ("tenant_id", "content_id", "part");`);

    this.addSql(`alter table "sync"."packs" add "verified_at" timestamptz null, add "damaged_at" timestamptz null, add "damage" text null, add "doomed_at" timestamptz null;`);
    this.addSql(`create index "packs_tenant_id_tenant_key_id_index" on "sync"."packs" ("tenant_id", "tenant_key_id");`);
    this.addSql(`create index "packs_doomed" on "sync"."packs" ("doomed_at") where doomed_at is not null;`);

    this.addSql(`alter table "sync"."batches" add "outcomes" text null;`);
    this.addSql(`update "sync"."batches" set "items" = '[]' where "items" is null;`);
    this.addSql(`alter table "sync"."batches" alter column "items" set not null;`);

    this.addSql(`alter table "sync"."sync_jobs" drop constraint "sync_jobs_status_check";`);
    this.addSql(`alter table "sync"."sync_jobs" add "kind" text not null default 'sync', add "target_id" uuid null, add "priority" smallint not null default 1, add "host" text not null default '', add "approval" jsonb null, add "approved_by" text null, add "plan_digest" text null, add "checkpoint" jsonb null, add "group_id" uuid null, add "schedule_id" uuid null, add "retry_of" uuid null, add "items_moved" int not null default 0, add "packs" int not null default 0, add "bytes_sealed" bigint not null default '0', add "rate_bytes" double precision not null default 0, add "rate_items" double precision not null default 0, add "sampled_at" timestamptz null;`);
    this.addSql(`alter table "sync"."sync_jobs" alter column "source_id" drop not null;`);
    this.addSql(`create index "sync_jobs_source_id_created_at_index" on "sync"."sync_jobs" ("source_id", "created_at");`);
    this.addSql(`create index "sync_jobs_group" on "sync"."sync_jobs" ("group_id") where group_id is not null;`);
    this.addSql(`create index "sync_jobs_schedule" on "sync"."sync_jobs" ("schedule_id", "created_at") where schedule_id is not null;`);
    this.addSql(`alter table "sync"."sync_jobs" add constraint "sync_jobs_kind_check" check ("kind" in ('sync', 'upload', 'mirror', 'restore', 'verify', 'repair', 'collect', 'rekey', 'expire'));`);
    this.addSql(`alter table "sync"."sync_jobs" add constraint "sync_jobs_status_check" check ("status" in ('waiting', 'queued', 'planning', 'awaiting_approval', 'running', 'paused', 'completed', 'completed_with_errors', 'failed', 'cancelled'));`);

    this.addSql(`alter table "sync"."sources" add "name" text null, add "host" text not null default '', add "settings" jsonb not null default '{}', add "sealed_spec" bytea null, add "updated_at" timestamptz not null default now();`);
    this.addSql(`alter table "sync"."sources" add constraint "sources_tenant_id_name_unique" unique ("tenant_id", "name");`);

    this.addSql(`alter table "sync"."tenant_keys" drop constraint "tenant_keys_tenant_id_unique";`);
    this.addSql(`alter table "sync"."tenant_keys" add "state" text not null default 'current', add "sealed_identity" bytea null, add "retired_at" timestamptz null;`);
    this.addSql(`create index "tenant_keys_tenant_id_index" on "sync"."tenant_keys" ("tenant_id");`);
    this.addSql(`create unique index "tenant_keys_current" on "sync"."tenant_keys" ("tenant_id") where state = 'current';`);
    this.addSql(`alter table "sync"."tenant_keys" add constraint "tenant_keys_state_check" check ("state" in ('current', 'retired', 'destroyed'));`);

    this.addSql(`alter table "sync"."mirror_items" enable row level security;`);
    this.addSql(`create policy "tenant_isolation" on "sync"."mirror_items" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');`);

    this.addSql(`alter table "sync"."changes" add constraint "changes_action_check" check ("action" in ('retire', 'move', 'touch'));`);
    this.addSql(`alter table "sync"."changes" enable row level security;`);
    this.addSql(`create policy "tenant_isolation" on "sync"."changes" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');`);

    this.addSql(`alter table "sync"."job_needs" enable row level security;`);
    this.addSql(`create policy "tenant_isolation" on "sync"."job_needs" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');`);

    this.addSql(`alter table "sync"."tenant_limits" enable row level security;`);
    this.addSql(`create policy "tenant_isolation" on "sync"."tenant_limits" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');`);

    this.addSql(`alter table "sync"."parts" enable row level security;`);
    this.addSql(`create policy "tenant_isolation" on "sync"."parts" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');`);

    this.addSql(`alter table "sync"."schedules" add constraint "schedules_catch_up_check" check ("catch_up" in ('once', 'skip'));`);
    this.addSql(`alter table "sync"."schedules" add constraint "schedules_mode_check" check ("mode" in ('incremental', 'full'));`);
    this.addSql(`alter table "sync"."schedules" enable row level security;`);
    this.addSql(`create policy "tenant_isolation" on "sync"."schedules" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');`);
  }

  override down(): void | Promise<void> {
    this.addSql(`drop table if exists "sync"."mirror_items" cascade;`);
    this.addSql(`drop table if exists "sync"."changes" cascade;`);
    this.addSql(`drop table if exists "sync"."job_needs" cascade;`);
    this.addSql(`drop table if exists "sync"."tenant_limits" cascade;`);
    this.addSql(`drop table if exists "sync"."parts" cascade;`);
    this.addSql(`drop table if exists "sync"."schedules" cascade;`);

    this.addSql(`drop index "sync"."asset_versions_moves";`);
    this.addSql(`alter table "sync"."asset_versions" drop constraint "asset_versions_change_check";`);
    this.addSql(`alter table "sync"."asset_versions" drop column "change", drop column "path";`);

    this.addSql(`alter table "sync"."assets" drop column "removed_at";`);

    this.addSql(`alter table "sync"."batches" drop column "outcomes";`);
    this.addSql(`alter table "sync"."batches" alter column "items" drop not null;`);

    this.addSql(`alter table "sync"."blobs" drop constraint "blobs_pkey";`);
    this.addSql(`alter table "sync"."blobs" drop column "part", drop column "stored_size", drop column "encoding";`);
    this.addSql(`alter table "sync"."blobs" add primary key ("tenant_id", "content_id");`);

    this.addSql(`drop index "sync"."packs_tenant_id_tenant_key_id_index";`);
    this.addSql(`drop index "sync"."packs_doomed";`);
    this.addSql(`alter table "sync"."packs" drop column "verified_at", drop column "damaged_at", drop column "damage", drop column "doomed_at";`);

    this.addSql(`alter table "sync"."sources" drop constraint "sources_tenant_id_name_unique";`);
    this.addSql(`alter table "sync"."sources" drop column "name", drop column "host", drop column "settings", drop column "sealed_spec", drop column "updated_at";`);

    this.addSql(`drop index "sync"."sync_jobs_source_id_created_at_index";`);
    this.addSql(`drop index "sync"."sync_jobs_group";`);
    this.addSql(`drop index "sync"."sync_jobs_schedule";`);
    this.addSql(`alter table "sync"."sync_jobs" drop constraint "sync_jobs_kind_check";`);
    this.addSql(`alter table "sync"."sync_jobs" drop constraint "sync_jobs_status_check";`);
    this.addSql(`alter table "sync"."sync_jobs" drop column "kind", drop column "target_id", drop column "priority", drop column "host", drop column "approval", drop column "approved_by", drop column "plan_digest", drop column "checkpoint", drop column "group_id", drop column "schedule_id", drop column "retry_of", drop column "items_moved", drop column "packs", drop column "bytes_sealed", drop column "rate_bytes", drop column "rate_items", drop column "sampled_at";`);
    this.addSql(`alter table "sync"."sync_jobs" alter column "source_id" set not null;`);
    this.addSql(`alter table "sync"."sync_jobs" add constraint "sync_jobs_status_check" check ("status" in ('queued', 'planning', 'running', 'paused', 'completed', 'completed_with_errors', 'failed', 'cancelled'));`);

    this.addSql(`drop index "sync"."tenant_keys_tenant_id_index";`);
    this.addSql(`drop index "sync"."tenant_keys_current";`);
    this.addSql(`alter table "sync"."tenant_keys" drop constraint "tenant_keys_state_check";`);
    this.addSql(`alter table "sync"."tenant_keys" drop column "state", drop column "sealed_identity", drop column "retired_at";`);
    this.addSql(`alter table "sync"."tenant_keys" add constraint "tenant_keys_tenant_id_unique" unique ("tenant_id");`);
  }

}
