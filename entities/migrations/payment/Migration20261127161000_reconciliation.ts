import { Migration } from '@mikro-orm/migrations';

export class Migration20261127161000_reconciliation extends Migration {

  override name = 'Migration20261127161000_reconciliation';

  override up(): void | Promise<void> {
    this.addSql(`drop index "payment"."ledger_entries_tenant_id_capture_id_index";`);
    this.addSql(`create index "ledger_entries_capture_id_index" on "payment"."ledger_entries" ("capture_id");`);
    this.addSql(`create index "ledger_entries_object_id_index" on "payment"."ledger_entries" ("object_id");`);
    this.addSql(`create table "payment"."reconciliations" ("tenant_id" uuid not null, "next_run_at" timestamptz not null default now(), "claim" uuid null, "claimed_until" timestamptz null, "compared_until" timestamptz null, "failures" int not null default 0, primary key ("tenant_id"));`);
    this.addSql(`create index "reconciliations_next_run_at_index" on "payment"."reconciliations" ("next_run_at");`);
    this.addSql(`create table "payment"."reconciliation_breaks" ("id" uuid not null default gen_random_uuid(), "tenant_id" uuid not null, "kind" text not null, "object_id" varchar(255) not null, "code" varchar(10) not null, "currency" varchar(3) not null, "payment_id" uuid null, "subscription_id" uuid null, "at" timestamptz not null, "paypal" jsonb null, "ours" jsonb null, "evidence" jsonb null, "state" text not null default 'open', "note" text null, "closed_by" text null, "closed_at" timestamptz null, "first_seen_at" timestamptz not null default now(), "last_seen_at" timestamptz not null default now(), "run_id" uuid not null, primary key ("id"));`);
    this.addSql(`create index "reconciliation_breaks_tenant_id_at_id_index" on "payment"."reconciliation_breaks" ("tenant_id", "at", "id");`);
    this.addSql(`create index "reconciliation_breaks_open" on "payment"."reconciliation_breaks" ("tenant_id", "at", "id") where state = 'open';`);
    this.addSql(`create index "reconciliation_breaks_payment" on "payment"."reconciliation_breaks" ("tenant_id", "payment_id") where payment_id is not null;`);
    this.addSql(`alter table "payment"."reconciliation_breaks" add constraint "reconciliation_breaks_once" unique ("tenant_id", "kind", "object_id", "code", "currency");`);
    this.addSql(`alter table "payment"."reconciliation_breaks" add constraint "reconciliation_breaks_kind_check" check ("kind" in ('missing_in_ledger', 'missing_at_paypal', 'amount_differs', 'fee_differs', 'currency_differs', 'status_differs', 'duplicate_at_paypal', 'unknown_reference'));`);
    this.addSql(`alter table "payment"."reconciliation_breaks" add constraint "reconciliation_breaks_state_check" check ("state" in ('open', 'explained', 'resolved'));`);
    this.addSql(`create table "payment"."reconciliation_runs" ("id" uuid not null, "tenant_id" uuid not null, "period_from" timestamptz not null, "period_to" timestamptz not null, "started_by" text not null, "status" text not null default 'running', "transactions" int not null default 0, "found" int not null default 0, "healed" int not null default 0, "failure_type" text null, "failure_message" text null, "started_at" timestamptz not null default now(), "finished_at" timestamptz null, primary key ("id"));`);
    this.addSql(`create index "reconciliation_runs_tenant_id_started_at_id_index" on "payment"."reconciliation_runs" ("tenant_id", "started_at", "id");`);
    this.addSql(`alter table "payment"."reconciliation_runs" add constraint "reconciliation_runs_status_check" check ("status" in ('running', 'completed', 'failed'));`);
    this.addSql(`alter table "payment"."reconciliations" enable row level security;`);
    this.addSql(`create policy "tenant_isolation" on "payment"."reconciliations" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');`);
    this.addSql(`alter table "payment"."reconciliation_breaks" enable row level security;`);
    this.addSql(`create policy "tenant_isolation" on "payment"."reconciliation_breaks" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');`);
    this.addSql(`alter table "payment"."reconciliation_runs" enable row level security;`);
    this.addSql(`create policy "tenant_isolation" on "payment"."reconciliation_runs" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');`);
  }

  override down(): void | Promise<void> {
    this.addSql(`drop index "payment"."ledger_entries_capture_id_index";`);
    this.addSql(`drop index "payment"."ledger_entries_object_id_index";`);
    this.addSql(`create index "ledger_entries_tenant_id_capture_id_index" on "payment"."ledger_entries" ("tenant_id", "capture_id");`);
    this.addSql(`drop table if exists "payment"."reconciliation_runs" cascade;`);
    this.addSql(`drop table if exists "payment"."reconciliation_breaks" cascade;`);
    this.addSql(`drop table if exists "payment"."reconciliations" cascade;`);
  }

}
