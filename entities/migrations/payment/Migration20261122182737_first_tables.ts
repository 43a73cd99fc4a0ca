import { Migration } from '@mikro-orm/migrations';

export class Migration20261122182737_first_tables extends Migration {

  override name = 'Migration20261122182737_first_tables';

  override up(): void | Promise<void> {
    this.addSql(`create schema if not exists "payment";`);
    this.addSql(`create table "payment"."payments" ("id" uuid not null default gen_random_uuid(), "tenant_id" uuid not null, "user_id" uuid null, "paypal_payment_id" varchar(255) null, "amount" numeric(17,2) not null, "amount_minor" bigint not null, "currency" varchar(3) not null, "status" text not null default 'created', "description" text null, "approval_url" text null, "return_url" text null, "cancel_url" text null, "capture_id" varchar(255) null, "simulated" boolean not null default false, "failure_type" text null, "failure_message" text null, "version" int not null default 0, "claim" uuid null, "claimed_until" timestamptz null, "next_check_at" timestamptz null, "checks" int not null default 0, "created_at" timestamptz not null default now(), "approved_at" timestamptz null, "executed_at" timestamptz null, primary key ("id"));`);
    this.addSql(`create index "payments_user_id_index" on "payment"."payments" ("user_id");`);
    this.addSql(`alter table "payment"."payments" add constraint "payments_paypal_payment_id_unique" unique ("paypal_payment_id");`);
    this.addSql(`alter table "payment"."payments" add constraint "payments_capture_id_unique" unique ("capture_id");`);
    this.addSql(`create index "payments_tenant_id_created_at_id_index" on "payment"."payments" ("tenant_id", "created_at", "id");`);
    this.addSql(`create index "payments_tenant_id_status_created_at_index" on "payment"."payments" ("tenant_id", "status", "created_at");`);
    this.addSql(`create index "payments_status_index" on "payment"."payments" ("status");`);
    this.addSql(`create index "payments_created_at_index" on "payment"."payments" ("created_at");`);
    this.addSql(`create index "payments_due" on "payment"."payments" ("next_check_at") where next_check_at is not null;`);

    this.addSql(`create table "payment"."actors" ("key" text not null, "tenant_id" uuid not null, "kind" text not null, "owner" text null, "epoch" bigint not null default '0', "lease_until" timestamptz null, "pending" int not null default 0, primary key ("key"));`);
    this.addSql(`create index "payment_actors_waiting" on "payment"."actors" ("kind", "lease_until") where pending > 0;`);

    this.addSql(`create table "payment"."actor_messages" ("id" bigint generated always as identity not null primary key, "key" text not null, "tenant_id" uuid not null, "message_id" text not null, "type" text not null, "body" jsonb not null, "attempts" int not null default 0, "created_at" timestamptz not null default now(), "done_at" timestamptz null);`);
    this.addSql(`alter table "payment"."actor_messages" add constraint "actor_messages_message_id_unique" unique ("message_id");`);
    this.addSql(`create index "payment_actor_messages_waiting" on "payment"."actor_messages" ("key", "id") where done_at is null;`);

    this.addSql(`create table "payment"."dead_letters" ("id" uuid not null default gen_random_uuid(), "tenant_id" uuid not null, "consumer" text not null, "event" jsonb not null, "attempts" int not null, "error_type" text not null, "error_message" text not null, "created_at" timestamptz not null default now(), "replayed_at" timestamptz null, primary key ("id"));`);
    this.addSql(`create index "dead_letters_tenant_id_created_at_index" on "payment"."dead_letters" ("tenant_id", "created_at");`);

    this.addSql(`create table "payment"."events" ("position" bigint generated always as identity not null primary key, "transaction" xid8 not null default pg_current_xact_id(), "id" uuid not null, "tenant_id" uuid not null, "stream" text not null, "version" int not null, "type" text not null, "data" jsonb not null, "actor" text null, "created_at" timestamptz not null default now());`);
    this.addSql(`alter table "payment"."events" add constraint "events_id_unique" unique ("id");`);
    this.addSql(`create index "events_transaction_position_index" on "payment"."events" ("transaction", "position");`);
    this.addSql(`create index "events_tenant_id_created_at_index" on "payment"."events" ("tenant_id", "created_at");`);
    this.addSql(`alter table "payment"."events" add constraint "events_tenant_id_stream_version_unique" unique ("tenant_id", "stream", "version");`);

    this.addSql(`create table "payment"."idempotency_keys" ("tenant_id" uuid not null, "action" text not null, "key" text not null, "request_hash" text not null, "response" jsonb null, "created_at" timestamptz not null default now(), primary key ("tenant_id", "action", "key"));`);
    this.addSql(`create index "idempotency_keys_created_at_index" on "payment"."idempotency_keys" ("created_at");`);

    this.addSql(`create table "payment"."inbox" ("consumer" text not null, "event_id" uuid not null, "tenant_id" uuid not null, "created_at" timestamptz not null default now(), primary key ("consumer", "event_id"));`);
    this.addSql(`create index "inbox_created_at_index" on "payment"."inbox" ("created_at");`);

    this.addSql(`create table "payment"."outbox" ("id" bigint generated always as identity not null primary key, "tenant_id" uuid not null, "subject" text not null, "message_id" text not null, "payload" jsonb null, "created_at" timestamptz not null default now());`);

    this.addSql(`create table "payment"."payment_attempts" ("id" uuid not null default gen_random_uuid(), "tenant_id" uuid not null, "payment_id" uuid not null, "operation" text not null, "number" int not null, "request_id" varchar(108) not null, "key_expires_at" timestamptz not null, "request_hash" text not null, "outcome" text not null default 'sent', "sends" int not null default 1, "issue" text null, "debug_id" text null, "http_status" int null, "response" jsonb null, "created_at" timestamptz not null default now(), "finished_at" timestamptz null, primary key ("id"));`);
    this.addSql(`alter table "payment"."payment_attempts" add constraint "payment_attempts_request_id_unique" unique ("request_id");`);
    this.addSql(`create index "payment_attempts_tenant_id_created_at_index" on "payment"."payment_attempts" ("tenant_id", "created_at");`);
    this.addSql(`create index "payment_attempts_outcome_index" on "payment"."payment_attempts" ("outcome");`);
    this.addSql(`alter table "payment"."payment_attempts" add constraint "payment_attempts_payment_id_operation_number_unique" unique ("payment_id", "operation", "number");`);

    this.addSql(`alter table "payment"."payments" add constraint "payments_amount_positive" check (amount_minor > 0 and amount > 0);`);
    this.addSql(`alter table "payment"."payments" add constraint "payments_captured_has_capture" check (status <> 'captured' or (capture_id is not null and executed_at is not null));`);
    this.addSql(`alter table "payment"."payments" add constraint "payments_status_check" check ("status" in ('created', 'pending', 'approved', 'held', 'captured', 'failed'));`);
    this.addSql(`alter table "payment"."payments" enable row level security;`);
    this.addSql(`create policy "tenant_isolation" on "payment"."payments" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');`);

    this.addSql(`alter table "payment"."actors" enable row level security;`);
    this.addSql(`create policy "tenant_isolation" on "payment"."actors" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');`);

    this.addSql(`alter table "payment"."actor_messages" enable row level security;`);
    this.addSql(`create policy "tenant_isolation" on "payment"."actor_messages" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');`);

    this.addSql(`alter table "payment"."dead_letters" enable row level security;`);
    this.addSql(`create policy "tenant_isolation" on "payment"."dead_letters" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');`);

    this.addSql(`create or replace function "payment"."events_payment_events_append_only_fn"() returns trigger as \$\$ begin raise exception 'events are append-only' using errcode = 'restrict_violation'; return null; end; \$\$ language plpgsql;`);
    this.addSql(`create trigger "payment_events_append_only" BEFORE UPDATE OR DELETE on "payment"."events" for each ROW execute function "payment"."events_payment_events_append_only_fn"();`);
    this.addSql(`alter table "payment"."events" enable row level security;`);
    this.addSql(`create policy "tenant_isolation" on "payment"."events" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');`);

    this.addSql(`alter table "payment"."idempotency_keys" enable row level security;`);
    this.addSql(`create policy "tenant_isolation" on "payment"."idempotency_keys" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');`);

    this.addSql(`alter table "payment"."inbox" enable row level security;`);
    this.addSql(`create policy "tenant_isolation" on "payment"."inbox" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');`);

    this.addSql(`create or replace function "payment"."outbox_payment_outbox_wakes_relay_fn"() returns trigger as \$\$ begin perform pg_notify('payment_outbox', ''); return null; end; \$\$ language plpgsql;`);
    this.addSql(`create trigger "payment_outbox_wakes_relay" AFTER INSERT on "payment"."outbox" for each STATEMENT execute function "payment"."outbox_payment_outbox_wakes_relay_fn"();`);
    this.addSql(`alter table "payment"."outbox" enable row level security;`);
    this.addSql(`create policy "tenant_isolation" on "payment"."outbox" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');`);

    this.addSql(`alter table "payment"."payment_attempts" add constraint "payment_attempts_operation_check" check ("operation" in ('create', 'capture'));`);
    this.addSql(`alter table "payment"."payment_attempts" add constraint "payment_attempts_outcome_check" check ("outcome" in ('sent', 'ok', 'refused', 'unknown'));`);
    this.addSql(`alter table "payment"."payment_attempts" enable row level security;`);
    this.addSql(`create policy "tenant_isolation" on "payment"."payment_attempts" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');`);
  }

  override down(): void | Promise<void> {
    this.addSql(`drop table if exists "payment"."payments" cascade;`);
    this.addSql(`drop table if exists "payment"."actors" cascade;`);
    this.addSql(`drop table if exists "payment"."actor_messages" cascade;`);
    this.addSql(`drop table if exists "payment"."dead_letters" cascade;`);
    this.addSql(`drop trigger if exists "payment_events_append_only" on "payment"."events";`);
    this.addSql(`drop function if exists "payment"."events_payment_events_append_only_fn"();`);
    this.addSql(`drop table if exists "payment"."events" cascade;`);
    this.addSql(`drop table if exists "payment"."idempotency_keys" cascade;`);
    this.addSql(`drop table if exists "payment"."inbox" cascade;`);
    this.addSql(`drop trigger if exists "payment_outbox_wakes_relay" on "payment"."outbox";`);
    this.addSql(`drop function if exists "payment"."outbox_payment_outbox_wakes_relay_fn"();`);
    this.addSql(`drop table if exists "payment"."outbox" cascade;`);
    this.addSql(`drop table if exists "payment"."payment_attempts" cascade;`);

    this.addSql(`drop schema if exists "payment";`);
  }

}
