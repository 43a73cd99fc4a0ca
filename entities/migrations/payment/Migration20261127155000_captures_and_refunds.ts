import { Migration } from '@mikro-orm/migrations';

export class Migration20261127155000_captures_and_refunds extends Migration {

  override name = 'Migration20261127155000_captures_and_refunds';

  override up(): void | Promise<void> {
    this.addSql(`alter table "payment"."payments" add column "intent" text not null default 'capture';`);
    this.addSql(`alter table "payment"."payments" add column "method" text not null default 'paypal';`);
    this.addSql(`alter table "payment"."payments" add column "method_id" uuid null;`);
    this.addSql(`alter table "payment"."payments" add column "liability_shift" text null;`);
    this.addSql(`alter table "payment"."payments" add column "captured_minor" bigint not null default '0';`);
    this.addSql(`alter table "payment"."payments" add column "refunded_minor" bigint not null default '0';`);
    this.addSql(`alter table "payment"."payments" add column "given_up_at" timestamptz null;`);
    this.addSql(`alter table "payment"."payments" drop constraint "payments_status_check";`);
    this.addSql(`update "payment"."payments" set captured_minor = amount_minor where status = 'captured';`);
    this.addSql(`create index "payments_given_up" on "payment"."payments" ("tenant_id", "given_up_at") where given_up_at is not null;`);
    this.addSql(`alter table "payment"."payments" add constraint "payments_sums" check (captured_minor >= 0 and refunded_minor >= 0);`);
    this.addSql(`alter table "payment"."payments" add constraint "payments_intent_check" check ("intent" in ('capture', 'authorize'));`);
    this.addSql(`alter table "payment"."payments" add constraint "payments_method_check" check ("method" in ('paypal', 'card', 'saved'));`);
    this.addSql(`alter table "payment"."payments" add constraint "payments_status_check" check ("status" in ('created', 'pending', 'approved', 'authorized', 'held', 'partially_captured', 'captured', 'partially_refunded', 'refunded', 'voided', 'failed'));`);
    this.addSql(`alter table "payment"."payment_attempts" add column "object_id" uuid null;`);
    this.addSql(`update "payment"."payment_attempts" set object_id = payment_id;`);
    this.addSql(`alter table "payment"."payment_attempts" alter column "object_id" set not null;`);
    this.addSql(`alter table "payment"."payment_attempts" drop constraint "payment_attempts_payment_id_operation_number_unique";`);
    this.addSql(`alter table "payment"."payment_attempts" drop constraint "payment_attempts_operation_check";`);
    this.addSql(`create index "payment_attempts_payment_id_index" on "payment"."payment_attempts" ("payment_id");`);
    this.addSql(`alter table "payment"."payment_attempts" add constraint "payment_attempts_object_id_operation_number_unique" unique ("object_id", "operation", "number");`);
    this.addSql(`alter table "payment"."payment_attempts" add constraint "payment_attempts_operation_check" check ("operation" in ('create', 'capture', 'authorize', 'refund', 'partial_capture', 'void', 'reauthorize'));`);
    this.addSql(`create table "payment"."captures" ("id" uuid not null default gen_random_uuid(), "tenant_id" uuid not null, "payment_id" uuid not null, "paypal_id" varchar(255) null, "authorization_id" uuid null, "final" boolean not null default true, "user_id" uuid null, "amount_minor" bigint not null, "currency" varchar(3) not null, "status" text not null, "paypal_status" text null, "reason" text null, "fee_minor" bigint null, "net_minor" bigint null, "settled_minor" bigint null, "settled_currency" varchar(3) null, "exchange_rate" varchar(40) null, "failure_type" text null, "failure_message" text null, "claim" uuid null, "claimed_until" timestamptz null, "next_check_at" timestamptz null, "checks" int not null default 0, "given_up_at" timestamptz null, "created_at" timestamptz not null default now(), "captured_at" timestamptz null, primary key ("id"));`);
    this.addSql(`create index "captures_payment_id_index" on "payment"."captures" ("payment_id");`);
    this.addSql(`create index "captures_tenant_id_captured_at_index" on "payment"."captures" ("tenant_id", "captured_at");`);
    this.addSql(`create index "captures_due" on "payment"."captures" ("next_check_at") where next_check_at is not null;`);
    this.addSql(`create index "captures_given_up" on "payment"."captures" ("tenant_id", "given_up_at") where given_up_at is not null;`);
    this.addSql(`alter table "payment"."captures" add constraint "captures_tenant_id_paypal_id_unique" unique ("tenant_id", "paypal_id");`);
    this.addSql(`alter table "payment"."captures" add constraint "captures_amount_positive" check (amount_minor > 0);`);
    this.addSql(`alter table "payment"."captures" add constraint "captures_completed_has_id" check (status <> 'completed' or (paypal_id is not null and captured_at is not null));`);
    this.addSql(`alter table "payment"."captures" add constraint "captures_status_check" check ("status" in ('requested', 'pending', 'completed', 'declined', 'failed'));`);
    this.addSql(`alter table "payment"."captures" enable row level security;`);
    this.addSql(`create policy "tenant_isolation" on "payment"."captures" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');`);
    this.addSql(`create table "payment"."authorizations" ("id" uuid not null default gen_random_uuid(), "tenant_id" uuid not null, "payment_id" uuid not null, "paypal_id" varchar(255) not null, "amount_minor" bigint not null, "currency" varchar(3) not null, "status" text not null, "paypal_status" text not null, "reason" text null, "authorized_at" timestamptz not null, "honored_until" timestamptz not null, "expires_at" timestamptz not null, "replaces" uuid null, "claim" uuid null, "claimed_until" timestamptz null, "next_check_at" timestamptz null, "checks" int not null default 0, "given_up_at" timestamptz null, "created_at" timestamptz not null default now(), primary key ("id"));`);
    this.addSql(`create index "authorizations_payment_id_index" on "payment"."authorizations" ("payment_id");`);
    this.addSql(`create index "authorizations_due" on "payment"."authorizations" ("next_check_at") where next_check_at is not null;`);
    this.addSql(`create index "authorizations_given_up" on "payment"."authorizations" ("tenant_id", "given_up_at") where given_up_at is not null;`);
    this.addSql(`alter table "payment"."authorizations" add constraint "authorizations_tenant_id_paypal_id_unique" unique ("tenant_id", "paypal_id");`);
    this.addSql(`alter table "payment"."authorizations" add constraint "authorizations_amount_positive" check (amount_minor > 0);`);
    this.addSql(`alter table "payment"."authorizations" add constraint "authorizations_status_check" check ("status" in ('pending', 'created', 'partially_captured', 'captured', 'denied', 'voided', 'expired', 'replaced'));`);
    this.addSql(`alter table "payment"."authorizations" enable row level security;`);
    this.addSql(`create policy "tenant_isolation" on "payment"."authorizations" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');`);
    this.addSql(`create table "payment"."refunds" ("id" uuid not null default gen_random_uuid(), "tenant_id" uuid not null, "payment_id" uuid not null, "capture_id" uuid not null, "user_id" uuid null, "paypal_id" varchar(255) null, "kind" text not null default 'refund', "origin" text not null default 'here', "amount_minor" bigint not null, "currency" varchar(3) not null, "status" text not null default 'requested', "paypal_status" text null, "reason" text null, "note" text null, "fee_returned_minor" bigint null, "settled_minor" bigint null, "settled_currency" varchar(3) null, "exchange_rate" varchar(40) null, "total_minor" bigint null, "failure_type" text null, "failure_message" text null, "claim" uuid null, "claimed_until" timestamptz null, "next_check_at" timestamptz null, "checks" int not null default 0, "given_up_at" timestamptz null, "created_at" timestamptz not null default now(), "completed_at" timestamptz null, primary key ("id"));`);
    this.addSql(`create index "refunds_capture_id_index" on "payment"."refunds" ("capture_id");`);
    this.addSql(`create index "refunds_payment_id_index" on "payment"."refunds" ("payment_id");`);
    this.addSql(`create index "refunds_tenant_id_created_at_id_index" on "payment"."refunds" ("tenant_id", "created_at", "id");`);
    this.addSql(`create index "refunds_due" on "payment"."refunds" ("next_check_at") where next_check_at is not null;`);
    this.addSql(`create index "refunds_given_up" on "payment"."refunds" ("tenant_id", "given_up_at") where given_up_at is not null;`);
    this.addSql(`alter table "payment"."refunds" add constraint "refunds_tenant_id_paypal_id_unique" unique ("tenant_id", "paypal_id");`);
    this.addSql(`alter table "payment"."refunds" add constraint "refunds_amount_positive" check (amount_minor > 0);`);
    this.addSql(`alter table "payment"."refunds" add constraint "refunds_completed_has_id" check (status <> 'completed' or (paypal_id is not null and completed_at is not null));`);
    this.addSql(`alter table "payment"."refunds" add constraint "refunds_kind_check" check ("kind" in ('refund', 'reversal'));`);
    this.addSql(`alter table "payment"."refunds" add constraint "refunds_origin_check" check ("origin" in ('here', 'paypal'));`);
    this.addSql(`alter table "payment"."refunds" add constraint "refunds_status_check" check ("status" in ('requested', 'pending', 'completed', 'failed', 'cancelled'));`);
    this.addSql(`alter table "payment"."refunds" enable row level security;`);
    this.addSql(`create policy "tenant_isolation" on "payment"."refunds" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');`);
    this.addSql(`insert into "payment"."captures" (tenant_id, payment_id, paypal_id, amount_minor, currency, status, paypal_status, captured_at)
      select tenant_id, id, capture_id, amount_minor, currency, 'completed', 'COMPLETED', executed_at from "payment"."payments" where status = 'captured';`);
  }

  override down(): void | Promise<void> {
    this.addSql(`drop table if exists "payment"."captures" cascade;`);
    this.addSql(`drop table if exists "payment"."authorizations" cascade;`);
    this.addSql(`drop table if exists "payment"."refunds" cascade;`);
    this.addSql(`alter table "payment"."payment_attempts" drop constraint "payment_attempts_object_id_operation_number_unique", drop constraint "payment_attempts_operation_check", drop column "object_id";`);
    this.addSql(`drop index "payment"."payment_attempts_payment_id_index";`);
    this.addSql(`alter table "payment"."payment_attempts" add constraint "payment_attempts_payment_id_operation_number_unique" unique ("payment_id", "operation", "number");`);
    this.addSql(`alter table "payment"."payment_attempts" add constraint "payment_attempts_operation_check" check ("operation" in ('create', 'capture'));`);
    this.addSql(`alter table "payment"."payments" drop column "intent", drop column "method", drop column "method_id", drop column "liability_shift", drop column "captured_minor", drop column "refunded_minor", drop column "given_up_at", drop constraint "payments_status_check";`);
    this.addSql(`alter table "payment"."payments" add constraint "payments_status_check" check ("status" in ('created', 'pending', 'approved', 'held', 'captured', 'failed'));`);
  }

}
