import { Migration } from '@mikro-orm/migrations';

export class Migration20261127131500_audit extends Migration {

  override name = 'Migration20261127131500_audit';

  override up(): void | Promise<void> {
    this.addSql(`create table "auth"."audit_chains" ("tenant_id" uuid not null, "position" bigint not null default '0', "hash" bytea not null, "recorded_at" timestamptz null, "checkpointed" bigint not null default '0', primary key ("tenant_id"));`);
    this.addSql(`create index "audit_chains_uncovered" on "auth"."audit_chains" ("tenant_id") where checkpointed < position;`);
    this.addSql(`create table "auth"."audit_checkpoints" ("number" bigint not null, "text" text not null, "created_at" timestamptz not null default now(), "published_at" timestamptz null, primary key ("number"));`);
    this.addSql(`create index "audit_checkpoints_unpublished" on "auth"."audit_checkpoints" ("number") where published_at is null;`);
    this.addSql(`create table "auth"."audit" ("recorded_at" timestamptz not null, "tenant_id" uuid not null, "position" bigint not null, "id" uuid not null, "at" timestamptz not null, "actor" text null, "user_id" uuid null, "action" text not null, "object" text null, "outcome" text not null, "code" text null, "call" text null, "request_id" text null, "node" text null, "service" text not null, "details" jsonb null, "origin_hash" bytea null, "origin" jsonb null, "previous" bytea not null, "hash" bytea not null, primary key ("recorded_at", "tenant_id", "position")) partition by range ("recorded_at");`);
    this.addSql(`create or replace function "auth"."audit_audit_append_only_fn"() returns trigger as $$ begin if tg_op = 'UPDATE' and new.origin is null and to_jsonb(new) - 'origin' = to_jsonb(old) - 'origin' then return new; end if; raise exception 'the audit log is append-only' using errcode = 'restrict_violation'; end; $$ language plpgsql;`);
    this.addSql(`create trigger "audit_append_only" BEFORE UPDATE OR DELETE on "auth"."audit" for each ROW execute function "auth"."audit_audit_append_only_fn"();`);
    this.addSql(`create table "auth"."audit_keys" ("id" text not null, "master_key_id" text not null, "sealed_key" bytea not null, "created_at" timestamptz not null default now(), primary key ("id"));`);
    this.addSql(`alter table "auth"."audit_chains" enable row level security;`);
    this.addSql(`create policy "tenant_isolation" on "auth"."audit_chains" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');`);
    this.addSql(`alter table "auth"."audit_checkpoints" enable row level security;`);
    this.addSql(`create policy "system_only" on "auth"."audit_checkpoints" using ((select current_setting('legendo.scope', true)) = 'system') with check ((select current_setting('legendo.scope', true)) = 'system');`);
    this.addSql(`alter table "auth"."audit" enable row level security;`);
    this.addSql(`create policy "tenant_isolation" on "auth"."audit" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');`);
    this.addSql(`alter table "auth"."audit_keys" enable row level security;`);
    this.addSql(`create policy "system_only" on "auth"."audit_keys" using ((select current_setting('legendo.scope', true)) = 'system') with check ((select current_setting('legendo.scope', true)) = 'system');`);
  }

  override down(): void | Promise<void> {
    for (const table of ["audit", "audit_chains", "audit_checkpoints", "audit_keys"]) this.addSql(`drop table if exists "auth"."${table}" cascade;`);
    this.addSql(`drop function if exists "auth"."audit_audit_append_only_fn"();`);
  }

}
