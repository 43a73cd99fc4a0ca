import { Migration } from '@mikro-orm/migrations';

export class Migration20261127155600_subscriptions extends Migration {

  override name = 'Migration20261127155600_subscriptions';

  override up(): void | Promise<void> {
    this.addSql(`create table "payment"."plans" ("id" uuid not null default gen_random_uuid(), "tenant_id" uuid not null, "name" varchar(127) not null, "description" text null, "status" text not null default 'creating', "product_id" varchar(50) not null, "product" jsonb null, "paypal_plan_id" varchar(50) null, "currency" varchar(3) not null, "terms" jsonb not null, "starts_active" boolean not null default true, "grace_days" int not null, "simulated" boolean not null default false, "failure_type" text null, "failure_message" text null, "claim" uuid null, "claimed_until" timestamptz null, "stale" boolean not null default false, "next_check_at" timestamptz null, "checks" int not null default 0, "created_at" timestamptz not null default now(), "updated_at" timestamptz not null default now(), primary key ("id"));`);
    this.addSql(`alter table "payment"."plans" add constraint "plans_paypal_plan_id_unique" unique ("paypal_plan_id");`);
    this.addSql(`create index "plans_tenant_id_created_at_id_index" on "payment"."plans" ("tenant_id", "created_at", "id");`);
    this.addSql(`create index "plans_tenant_id_product_id_index" on "payment"."plans" ("tenant_id", "product_id");`);
    this.addSql(`create index "plans_due" on "payment"."plans" ("next_check_at") where next_check_at is not null;`);
    this.addSql(`alter table "payment"."plans" add constraint "plans_status_check" check ("status" in ('creating', 'created', 'active', 'inactive', 'failed'));`);
    this.addSql(`create table "payment"."subscriptions" ("id" uuid not null default gen_random_uuid(), "tenant_id" uuid not null, "user_id" uuid null, "customer" varchar(127) not null, "email" varchar(254) null, "plan_id" uuid not null, "quantity" int not null default 1, "paypal_subscription_id" varchar(50) null, "status" text not null default 'created', "paypal_status" text null, "approval_url" text null, "return_url" text null, "cancel_url" text null, "start_at" timestamptz null, "cycle_minor" bigint not null, "currency" varchar(3) not null, "unit" text not null, "unit_count" int not null, "cycles" jsonb not null default '[]', "next_billing_at" timestamptz null, "final_payment_at" timestamptz null, "paid_until" timestamptz null, "last_payment_at" timestamptz null, "failed_payments" int not null default 0, "last_failure_at" timestamptz null, "failure_reason" text null, "next_retry_at" timestamptz null, "past_due_since" timestamptz null, "outstanding_minor" bigint not null default 0, "next_plan_id" uuid null, "next_quantity" int null, "change_url" text null, "simulated" boolean not null default false, "failure_type" text null, "failure_message" text null, "version" int not null default 0, "claim" uuid null, "claimed_until" timestamptz null, "stale" boolean not null default false, "next_check_at" timestamptz null, "checks" int not null default 0, "read_at" timestamptz null, "created_at" timestamptz not null default now(), "activated_at" timestamptz null, "paying_since" timestamptz null, "suspended_at" timestamptz null, "ended_at" timestamptz null, primary key ("id"));`);
    this.addSql(`create index "subscriptions_plan_id_index" on "payment"."subscriptions" ("plan_id");`);
    this.addSql(`alter table "payment"."subscriptions" add constraint "subscriptions_paypal_subscription_id_unique" unique ("paypal_subscription_id");`);
    this.addSql(`create index "subscriptions_tenant_id_created_at_id_index" on "payment"."subscriptions" ("tenant_id", "created_at", "id");`);
    this.addSql(`create index "subscriptions_tenant_id_status_created_at_index" on "payment"."subscriptions" ("tenant_id", "status", "created_at");`);
    this.addSql(`create index "subscriptions_tenant_id_customer_index" on "payment"."subscriptions" ("tenant_id", "customer");`);
    this.addSql(`create index "subscriptions_due" on "payment"."subscriptions" ("next_check_at") where next_check_at is not null;`);
    this.addSql(`alter table "payment"."subscriptions" add constraint "subscriptions_amounts" check (cycle_minor >= 0 and outstanding_minor >= 0 and quantity > 0);`);
    this.addSql(`alter table "payment"."subscriptions" add constraint "subscriptions_ended" check ((status in ('cancelled', 'expired', 'failed')) = (ended_at is not null));`);
    this.addSql(`alter table "payment"."subscriptions" add constraint "subscriptions_status_check" check ("status" in ('created', 'approval_pending', 'approved', 'active', 'past_due', 'suspended', 'cancelled', 'expired', 'failed'));`);
    this.addSql(`create table "payment"."subscription_attempts" ("id" uuid not null default gen_random_uuid(), "tenant_id" uuid not null, "subject_id" uuid not null, "operation" text not null, "number" int not null, "request_id" varchar(108) null, "key_expires_at" timestamptz null, "request" jsonb not null, "outcome" text not null default 'sent', "sends" int not null default 1, "issue" text null, "debug_id" text null, "http_status" int null, "response" jsonb null, "created_at" timestamptz not null default now(), "finished_at" timestamptz null, primary key ("id"));`);
    this.addSql(`alter table "payment"."subscription_attempts" add constraint "subscription_attempts_request_id_unique" unique ("request_id");`);
    this.addSql(`create index "subscription_attempts_tenant_id_created_at_index" on "payment"."subscription_attempts" ("tenant_id", "created_at");`);
    this.addSql(`create index "subscription_attempts_open" on "payment"."subscription_attempts" ("subject_id") where outcome in ('sent', 'unknown');`);
    this.addSql(`alter table "payment"."subscription_attempts" add constraint "subscription_attempts_subject_id_operation_number_unique" unique ("subject_id", "operation", "number");`);
    this.addSql(`alter table "payment"."subscription_attempts" add constraint "subscription_attempts_operation_check" check ("operation" in ('product', 'plan', 'create', 'capture', 'activate', 'deactivate', 'price', 'suspend', 'resume', 'cancel', 'change'));`);
    this.addSql(`alter table "payment"."subscription_attempts" add constraint "subscription_attempts_outcome_check" check ("outcome" in ('sent', 'ok', 'refused', 'unknown'));`);
    this.addSql(`create table "payment"."subscription_payments" ("id" uuid not null default gen_random_uuid(), "tenant_id" uuid not null, "subscription_id" uuid not null, "sale_id" varchar(50) not null, "status" text not null, "amount_minor" bigint not null, "fee_minor" bigint null, "refunded_minor" bigint not null default 0, "refunds" jsonb not null default '[]', "currency" varchar(3) not null, "paid_at" timestamptz not null, "created_at" timestamptz not null default now(), primary key ("id"));`);
    this.addSql(`alter table "payment"."subscription_payments" add constraint "subscription_payments_sale_id_unique" unique ("sale_id");`);
    this.addSql(`create index "subscription_payments_subscription_id_paid_at_index" on "payment"."subscription_payments" ("subscription_id", "paid_at");`);
    this.addSql(`create index "subscription_payments_tenant_id_paid_at_id_index" on "payment"."subscription_payments" ("tenant_id", "paid_at", "id");`);
    this.addSql(`alter table "payment"."subscription_payments" add constraint "subscription_payments_amounts" check (amount_minor > 0 and refunded_minor >= 0 and refunded_minor <= amount_minor);`);
    this.addSql(`alter table "payment"."subscription_payments" add constraint "subscription_payments_status_check" check ("status" in ('pending', 'completed', 'partially_refunded', 'refunded', 'reversed', 'declined'));`);
    this.addSql(`alter table "payment"."plans" enable row level security;`);
    this.addSql(`create policy "tenant_isolation" on "payment"."plans" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');`);
    this.addSql(`alter table "payment"."subscriptions" enable row level security;`);
    this.addSql(`create policy "tenant_isolation" on "payment"."subscriptions" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');`);
    this.addSql(`alter table "payment"."subscription_attempts" enable row level security;`);
    this.addSql(`create policy "tenant_isolation" on "payment"."subscription_attempts" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');`);
    this.addSql(`alter table "payment"."subscription_payments" enable row level security;`);
    this.addSql(`create policy "tenant_isolation" on "payment"."subscription_payments" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');`);
  }

  override down(): void | Promise<void> {
    this.addSql(`drop table if exists "payment"."subscription_payments" cascade;`);
    this.addSql(`drop table if exists "payment"."subscription_attempts" cascade;`);
    this.addSql(`drop table if exists "payment"."subscriptions" cascade;`);
    this.addSql(`drop table if exists "payment"."plans" cascade;`);
  }

}
