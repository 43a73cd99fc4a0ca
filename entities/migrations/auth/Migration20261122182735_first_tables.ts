import { Migration } from '@mikro-orm/migrations';

export class Migration20261122182735_first_tables extends Migration {

  override name = 'Migration20261122182735_first_tables';

  override up(): void | Promise<void> {
    this.addSql(`create schema if not exists "auth";`);
    this.addSql(`create table "auth"."api_keys" ("id" uuid not null, "tenant_id" uuid not null, "created_by" uuid not null, "name" text not null, "secret_hash" bytea not null, "permissions" text[] not null, "expires_at" timestamptz null, "last_used_at" timestamptz null, "revoked_at" timestamptz null, "created_at" timestamptz not null default now(), primary key ("id"));`);
    this.addSql(`create index "api_keys_tenant_id_created_at_id_index" on "auth"."api_keys" ("tenant_id", "created_at", "id");`);

    this.addSql(`create table "auth"."actors" ("key" text not null, "tenant_id" uuid not null, "kind" text not null, "owner" text null, "epoch" bigint not null default '0', "lease_until" timestamptz null, "pending" int not null default 0, primary key ("key"));`);
    this.addSql(`create index "auth_actors_waiting" on "auth"."actors" ("kind", "lease_until") where pending > 0;`);

    this.addSql(`create table "auth"."actor_messages" ("id" bigint generated always as identity not null primary key, "key" text not null, "tenant_id" uuid not null, "message_id" text not null, "type" text not null, "body" jsonb not null, "attempts" int not null default 0, "created_at" timestamptz not null default now(), "done_at" timestamptz null);`);
    this.addSql(`alter table "auth"."actor_messages" add constraint "actor_messages_message_id_unique" unique ("message_id");`);
    this.addSql(`create index "auth_actor_messages_waiting" on "auth"."actor_messages" ("key", "id") where done_at is null;`);

    this.addSql(`create table "auth"."dead_letters" ("id" uuid not null default gen_random_uuid(), "tenant_id" uuid not null, "consumer" text not null, "event" jsonb not null, "attempts" int not null, "error_type" text not null, "error_message" text not null, "created_at" timestamptz not null default now(), "replayed_at" timestamptz null, primary key ("id"));`);
    this.addSql(`create index "dead_letters_tenant_id_created_at_index" on "auth"."dead_letters" ("tenant_id", "created_at");`);

    this.addSql(`create table "auth"."events" ("position" bigint generated always as identity not null primary key, "transaction" xid8 not null default pg_current_xact_id(), "id" uuid not null, "tenant_id" uuid not null, "stream" text not null, "version" int not null, "type" text not null, "data" jsonb not null, "actor" text null, "created_at" timestamptz not null default now());`);
    this.addSql(`alter table "auth"."events" add constraint "events_id_unique" unique ("id");`);
    this.addSql(`create index "events_transaction_position_index" on "auth"."events" ("transaction", "position");`);
    this.addSql(`create index "events_tenant_id_created_at_index" on "auth"."events" ("tenant_id", "created_at");`);
    this.addSql(`alter table "auth"."events" add constraint "events_tenant_id_stream_version_unique" unique ("tenant_id", "stream", "version");`);

    this.addSql(`create table "auth"."idempotency_keys" ("tenant_id" uuid not null, "action" text not null, "key" text not null, "request_hash" text not null, "response" jsonb null, "created_at" timestamptz not null default now(), primary key ("tenant_id", "action", "key"));`);
    this.addSql(`create index "idempotency_keys_created_at_index" on "auth"."idempotency_keys" ("created_at");`);

    this.addSql(`create table "auth"."inbox" ("consumer" text not null, "event_id" uuid not null, "tenant_id" uuid not null, "created_at" timestamptz not null default now(), primary key ("consumer", "event_id"));`);
    this.addSql(`create index "inbox_created_at_index" on "auth"."inbox" ("created_at");`);

    this.addSql(`create table "auth"."outbox" ("id" bigint generated always as identity not null primary key, "tenant_id" uuid not null, "subject" text not null, "message_id" text not null, "payload" jsonb null, "created_at" timestamptz not null default now());`);

    this.addSql(`create table "auth"."memberships" ("tenant_id" uuid not null, "user_id" uuid not null, "role" text not null, "created_at" timestamptz not null default now(), primary key ("tenant_id", "user_id"));`);
    this.addSql(`create index "memberships_user_id_index" on "auth"."memberships" ("user_id");`);

    this.addSql(`create table "auth"."organisations" ("id" uuid not null default gen_random_uuid(), "name" text not null, "created_at" timestamptz not null default now(), primary key ("id"));`);

    this.addSql(`create table "auth"."signing_keys" ("kid" text not null, "state" text not null, "public_jwk" jsonb not null, "master_key_id" text not null, "sealed_private_jwk" bytea not null, "created_at" timestamptz not null default now(), primary key ("kid"));`);
    this.addSql(`create unique index "signing_keys_one_active" on "auth"."signing_keys" ("state") where state = 'active';`);

    this.addSql(`create table "auth"."users" ("id" uuid not null default gen_random_uuid(), "email" varchar(255) not null, "password_hash" varchar(255) not null, "first_name" varchar(100) null, "last_name" varchar(100) null, "created_at" timestamptz not null default now(), "updated_at" timestamptz not null default now(), "last_login_at" timestamptz null, "is_active" boolean not null default true, primary key ("id"));`);
    this.addSql(`alter table "auth"."users" add constraint "users_email_unique" unique ("email");`);
    this.addSql(`create index "users_created_at_index" on "auth"."users" ("created_at");`);

    this.addSql(`alter table "auth"."api_keys" enable row level security;`);
    this.addSql(`create policy "tenant_isolation" on "auth"."api_keys" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');`);

    this.addSql(`alter table "auth"."actors" enable row level security;`);
    this.addSql(`create policy "tenant_isolation" on "auth"."actors" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');`);

    this.addSql(`alter table "auth"."actor_messages" enable row level security;`);
    this.addSql(`create policy "tenant_isolation" on "auth"."actor_messages" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');`);

    this.addSql(`alter table "auth"."dead_letters" enable row level security;`);
    this.addSql(`create policy "tenant_isolation" on "auth"."dead_letters" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');`);

    this.addSql(`create or replace function "auth"."events_auth_events_append_only_fn"() returns trigger as \$\$ begin raise exception 'events are append-only' using errcode = 'restrict_violation'; return null; end; \$\$ language plpgsql;`);
    this.addSql(`create trigger "auth_events_append_only" BEFORE UPDATE OR DELETE on "auth"."events" for each ROW execute function "auth"."events_auth_events_append_only_fn"();`);
    this.addSql(`alter table "auth"."events" enable row level security;`);
    this.addSql(`create policy "tenant_isolation" on "auth"."events" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');`);

    this.addSql(`alter table "auth"."idempotency_keys" enable row level security;`);
    this.addSql(`create policy "tenant_isolation" on "auth"."idempotency_keys" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');`);

    this.addSql(`alter table "auth"."inbox" enable row level security;`);
    this.addSql(`create policy "tenant_isolation" on "auth"."inbox" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');`);

    this.addSql(`create or replace function "auth"."outbox_auth_outbox_wakes_relay_fn"() returns trigger as \$\$ begin perform pg_notify('auth_outbox', ''); return null; end; \$\$ language plpgsql;`);
    this.addSql(`create trigger "auth_outbox_wakes_relay" AFTER INSERT on "auth"."outbox" for each STATEMENT execute function "auth"."outbox_auth_outbox_wakes_relay_fn"();`);
    this.addSql(`alter table "auth"."outbox" enable row level security;`);
    this.addSql(`create policy "tenant_isolation" on "auth"."outbox" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');`);

    this.addSql(`alter table "auth"."memberships" add constraint "memberships_role_check" check ("role" in ('owner', 'admin', 'member', 'viewer'));`);
    this.addSql(`alter table "auth"."memberships" enable row level security;`);
    this.addSql(`create policy "tenant_isolation" on "auth"."memberships" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');`);

    this.addSql(`alter table "auth"."organisations" enable row level security;`);
    this.addSql(`create policy "tenant_isolation" on "auth"."organisations" using (id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');`);

    this.addSql(`alter table "auth"."signing_keys" add constraint "signing_keys_state_check" check ("state" in ('next', 'active', 'retired'));`);
    this.addSql(`alter table "auth"."signing_keys" enable row level security;`);
    this.addSql(`create policy "system_only" on "auth"."signing_keys" using ((select current_setting('legendo.scope', true)) = 'system') with check ((select current_setting('legendo.scope', true)) = 'system');`);

    this.addSql(`alter table "auth"."users" enable row level security;`);
    this.addSql(`create policy "tenant_isolation" on "auth"."users" using (exists (select 1 from auth.memberships m where m.user_id = users.id and m.tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid)) or (select current_setting('legendo.scope', true)) = 'system') with check ((select current_setting('legendo.scope', true)) = 'system');`);
  }

  override down(): void | Promise<void> {
    this.addSql(`drop table if exists "auth"."api_keys" cascade;`);
    this.addSql(`drop table if exists "auth"."actors" cascade;`);
    this.addSql(`drop table if exists "auth"."actor_messages" cascade;`);
    this.addSql(`drop table if exists "auth"."dead_letters" cascade;`);
    this.addSql(`drop trigger if exists "auth_events_append_only" on "auth"."events";`);
    this.addSql(`drop function if exists "auth"."events_auth_events_append_only_fn"();`);
    this.addSql(`drop table if exists "auth"."events" cascade;`);
    this.addSql(`drop table if exists "auth"."idempotency_keys" cascade;`);
    this.addSql(`drop table if exists "auth"."inbox" cascade;`);
    this.addSql(`drop trigger if exists "auth_outbox_wakes_relay" on "auth"."outbox";`);
    this.addSql(`drop function if exists "auth"."outbox_auth_outbox_wakes_relay_fn"();`);
    this.addSql(`drop table if exists "auth"."outbox" cascade;`);
    this.addSql(`drop table if exists "auth"."memberships" cascade;`);
    this.addSql(`drop table if exists "auth"."organisations" cascade;`);
    this.addSql(`drop table if exists "auth"."signing_keys" cascade;`);
    this.addSql(`drop table if exists "auth"."users" cascade;`);

    this.addSql(`drop schema if exists "auth";`);
  }

}
