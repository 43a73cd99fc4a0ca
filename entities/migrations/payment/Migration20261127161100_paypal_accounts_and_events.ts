import { Migration } from "@mikro-orm/migrations";

export class Migration20261127161100_paypal_accounts_and_events extends Migration {
  override name = "Migration20261127161100_paypal_accounts_and_events";

  override up(): void | Promise<void> {
    this.addSql(`create table "payment"."paypal_accounts" ("id" uuid not null, "tenant_id" uuid not null, "environment" text not null, "client_id" text not null, "master_key_id" text null, "sealed_secret" bytea null, "version" int not null default 1, "webhook_id" text null, "listed_until" timestamptz null, "created_at" timestamptz not null default now(), "retired_at" timestamptz null, primary key ("id"));`);
    this.addSql(`create index "paypal_accounts_tenant_id_created_at_index" on "payment"."paypal_accounts" ("tenant_id", "created_at");`);
    this.addSql(`create index "paypal_accounts_listed_until_index" on "payment"."paypal_accounts" ("listed_until");`);
    this.addSql(`create unique index "paypal_accounts_one_active" on "payment"."paypal_accounts" ("tenant_id") where retired_at is null;`);
    this.addSql(`alter table "payment"."paypal_accounts" add constraint "paypal_accounts_environment_check" check ("environment" in ('sandbox', 'production'));`);
    this.addSql(`create table "payment"."webhook_inbox" ("id" uuid not null, "tenant_id" uuid not null, "account_id" uuid not null, "event_id" varchar(255) not null, "type" text not null, "resource_type" text not null, "subject" text not null, "body" bytea not null, "headers" jsonb null, "proved_by" text not null, "state" text not null default 'received', "attempts" int not null default 0, "next_attempt_at" timestamptz null, "error_type" text null, "error_message" text null, "event_at" timestamptz not null, "received_at" timestamptz not null default now(), "finished_at" timestamptz null, primary key ("id"));`);
    this.addSql(`create index "webhook_inbox_tenant_id_id_index" on "payment"."webhook_inbox" ("tenant_id", "id");`);
    this.addSql(`create index "webhook_inbox_tenant_id_state_id_index" on "payment"."webhook_inbox" ("tenant_id", "state", "id");`);
    this.addSql(`create index "webhook_inbox_due" on "payment"."webhook_inbox" ("next_attempt_at") where next_attempt_at is not null;`);
    this.addSql(`create index "webhook_inbox_finished" on "payment"."webhook_inbox" ("finished_at") where finished_at is not null;`);
    this.addSql(`alter table "payment"."webhook_inbox" add constraint "webhook_inbox_account_id_event_id_unique" unique ("account_id", "event_id");`);
    this.addSql(`alter table "payment"."webhook_inbox" add constraint "webhook_inbox_proved_by_check" check ("proved_by" in ('signature', 'paypal', 'list'));`);
    this.addSql(`alter table "payment"."webhook_inbox" add constraint "webhook_inbox_state_check" check ("state" in ('received', 'processing', 'done', 'ignored', 'waiting', 'dead'));`);
    this.addSql(`alter table "payment"."paypal_accounts" enable row level security;`);
    this.addSql(`create policy "tenant_isolation" on "payment"."paypal_accounts" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');`);
    this.addSql(`alter table "payment"."webhook_inbox" enable row level security;`);
    this.addSql(`create policy "tenant_isolation" on "payment"."webhook_inbox" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');`);
    this.addSql(`alter table "payment"."payments" add column "account_id" uuid null;`);
  }

  override down(): void | Promise<void> {
    this.addSql(`drop table if exists "payment"."paypal_accounts" cascade;`);
    this.addSql(`drop table if exists "payment"."webhook_inbox" cascade;`);
  }
}
