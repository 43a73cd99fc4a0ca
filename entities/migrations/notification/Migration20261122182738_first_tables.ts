import { Migration } from '@mikro-orm/migrations';

export class Migration20261122182738_first_tables extends Migration {

  override name = 'Migration20261122182738_first_tables';

  override up(): void | Promise<void> {
    this.addSql(`create schema if not exists "notification";`);
    this.addSql(`create table "notification"."actors" ("key" text not null, "tenant_id" uuid not null, "kind" text not null, "owner" text null, "epoch" bigint not null default '0', "lease_until" timestamptz null, "pending" int not null default 0, primary key ("key"));`);
    this.addSql(`create index "notification_actors_waiting" on "notification"."actors" ("kind", "lease_until") where pending > 0;`);

    this.addSql(`create table "notification"."actor_messages" ("id" bigint generated always as identity not null primary key, "key" text not null, "tenant_id" uuid not null, "message_id" text not null, "type" text not null, "body" jsonb not null, "attempts" int not null default 0, "created_at" timestamptz not null default now(), "done_at" timestamptz null);`);
    this.addSql(`alter table "notification"."actor_messages" add constraint "actor_messages_message_id_unique" unique ("message_id");`);
    this.addSql(`create index "notification_actor_messages_waiting" on "notification"."actor_messages" ("key", "id") where done_at is null;`);

    this.addSql(`create table "notification"."dead_letters" ("id" uuid not null default gen_random_uuid(), "tenant_id" uuid not null, "consumer" text not null, "event" jsonb not null, "attempts" int not null, "error_type" text not null, "error_message" text not null, "created_at" timestamptz not null default now(), "replayed_at" timestamptz null, primary key ("id"));`);
    this.addSql(`create index "dead_letters_tenant_id_created_at_index" on "notification"."dead_letters" ("tenant_id", "created_at");`);

    this.addSql(`create table "notification"."events" ("position" bigint generated always as identity not null primary key, "transaction" xid8 not null default pg_current_xact_id(), "id" uuid not null, "tenant_id" uuid not null, "stream" text not null, "version" int not null, "type" text not null, "data" jsonb not null, "actor" text null, "created_at" timestamptz not null default now());`);
    this.addSql(`alter table "notification"."events" add constraint "events_id_unique" unique ("id");`);
    this.addSql(`create index "events_transaction_position_index" on "notification"."events" ("transaction", "position");`);
    this.addSql(`create index "events_tenant_id_created_at_index" on "notification"."events" ("tenant_id", "created_at");`);
    this.addSql(`alter table "notification"."events" add constraint "events_tenant_id_stream_version_unique" unique ("tenant_id", "stream", "version");`);

    this.addSql(`create table "notification"."idempotency_keys" ("tenant_id" uuid not null, "action" text not null, "key" text not null, "request_hash" text not null, "response" jsonb null, "created_at" timestamptz not null default now(), primary key ("tenant_id", "action", "key"));`);
    this.addSql(`create index "idempotency_keys_created_at_index" on "notification"."idempotency_keys" ("created_at");`);

    this.addSql(`create table "notification"."inbox" ("consumer" text not null, "event_id" uuid not null, "tenant_id" uuid not null, "created_at" timestamptz not null default now(), primary key ("consumer", "event_id"));`);
    this.addSql(`create index "inbox_created_at_index" on "notification"."inbox" ("created_at");`);

    this.addSql(`create table "notification"."outbox" ("id" bigint generated always as identity not null primary key, "tenant_id" uuid not null, "subject" text not null, "message_id" text not null, "payload" jsonb null, "created_at" timestamptz not null default now());`);

    this.addSql(`create table "notification"."webhook_deliveries" ("id" uuid not null default gen_random_uuid(), "tenant_id" uuid not null, "endpoint_id" uuid not null, "event_id" uuid not null, "event_type" text not null, "body" text not null, "status" text not null default 'pending', "attempts" int not null default 0, "next_attempt_at" timestamptz null, "claimed_until" timestamptz null, "last_status" int null, "last_error" text null, "created_at" timestamptz not null default now(), "delivered_at" timestamptz null, primary key ("id"));`);
    this.addSql(`create index "webhook_deliveries_due" on "notification"."webhook_deliveries" ("endpoint_id", "next_attempt_at") where status = 'pending';`);
    this.addSql(`alter table "notification"."webhook_deliveries" add constraint "webhook_deliveries_endpoint_id_event_id_unique" unique ("endpoint_id", "event_id");`);

    this.addSql(`create table "notification"."webhook_endpoints" ("id" uuid not null, "tenant_id" uuid not null, "url" text not null, "events" text[] not null, "master_key_id" text not null, "sealed_secret" bytea not null, "enabled" boolean not null default true, "created_at" timestamptz not null default now(), primary key ("id"));`);
    this.addSql(`create index "webhook_endpoints_tenant_id_id_index" on "notification"."webhook_endpoints" ("tenant_id", "id");`);

    this.addSql(`alter table "notification"."actors" enable row level security;`);
    this.addSql(`create policy "tenant_isolation" on "notification"."actors" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');`);

    this.addSql(`alter table "notification"."actor_messages" enable row level security;`);
    this.addSql(`create policy "tenant_isolation" on "notification"."actor_messages" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');`);

    this.addSql(`alter table "notification"."dead_letters" enable row level security;`);
    this.addSql(`create policy "tenant_isolation" on "notification"."dead_letters" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');`);

    this.addSql(`create or replace function "notification"."events_notification_events_append_only_fn"() returns trigger as \$\$ begin raise exception 'events are append-only' using errcode = 'restrict_violation'; return null; end; \$\$ language plpgsql;`);
    this.addSql(`create trigger "notification_events_append_only" BEFORE UPDATE OR DELETE on "notification"."events" for each ROW execute function "notification"."events_notification_events_append_only_fn"();`);
    this.addSql(`alter table "notification"."events" enable row level security;`);
    this.addSql(`create policy "tenant_isolation" on "notification"."events" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');`);

    this.addSql(`alter table "notification"."idempotency_keys" enable row level security;`);
    this.addSql(`create policy "tenant_isolation" on "notification"."idempotency_keys" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');`);

    this.addSql(`alter table "notification"."inbox" enable row level security;`);
    this.addSql(`create policy "tenant_isolation" on "notification"."inbox" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');`);

    this.addSql(`create or replace function "notification"."outbox_notification_outbox_wakes_relay_fn"() returns trigger as \$\$ begin perform pg_notify('notification_outbox', ''); return null; end; \$\$ language plpgsql;`);
    this.addSql(`create trigger "notification_outbox_wakes_relay" AFTER INSERT on "notification"."outbox" for each STATEMENT execute function "notification"."outbox_notification_outbox_wakes_relay_fn"();`);
    this.addSql(`alter table "notification"."outbox" enable row level security;`);
    this.addSql(`create policy "tenant_isolation" on "notification"."outbox" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');`);

    this.addSql(`alter table "notification"."webhook_deliveries" add constraint "webhook_deliveries_status_check" check ("status" in ('pending', 'delivered', 'exhausted'));`);
    this.addSql(`alter table "notification"."webhook_deliveries" enable row level security;`);
    this.addSql(`create policy "tenant_isolation" on "notification"."webhook_deliveries" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');`);

    this.addSql(`alter table "notification"."webhook_endpoints" enable row level security;`);
    this.addSql(`create policy "tenant_isolation" on "notification"."webhook_endpoints" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');`);
  }

  override down(): void | Promise<void> {
    this.addSql(`drop table if exists "notification"."actors" cascade;`);
    this.addSql(`drop table if exists "notification"."actor_messages" cascade;`);
    this.addSql(`drop table if exists "notification"."dead_letters" cascade;`);
    this.addSql(`drop trigger if exists "notification_events_append_only" on "notification"."events";`);
    this.addSql(`drop function if exists "notification"."events_notification_events_append_only_fn"();`);
    this.addSql(`drop table if exists "notification"."events" cascade;`);
    this.addSql(`drop table if exists "notification"."idempotency_keys" cascade;`);
    this.addSql(`drop table if exists "notification"."inbox" cascade;`);
    this.addSql(`drop trigger if exists "notification_outbox_wakes_relay" on "notification"."outbox";`);
    this.addSql(`drop function if exists "notification"."outbox_notification_outbox_wakes_relay_fn"();`);
    this.addSql(`drop table if exists "notification"."outbox" cascade;`);
    this.addSql(`drop table if exists "notification"."webhook_deliveries" cascade;`);
    this.addSql(`drop table if exists "notification"."webhook_endpoints" cascade;`);

    this.addSql(`drop schema if exists "notification";`);
  }

}
