import { Migration } from '@mikro-orm/migrations';

export class Migration20261127154000_ledger extends Migration {

  override name = 'Migration20261127154000_ledger';

  override up(): void | Promise<void> {
    this.addSql(`create table "payment"."ledger_entries" ("id" uuid not null default gen_random_uuid(), "tenant_id" uuid not null, "kind" text not null, "object_id" varchar(255) not null, "capture_id" varchar(255) not null, "payment_id" uuid null, "subscription_id" uuid null, "method" text not null, "amount_minor" bigint not null, "currency" varchar(3) not null, "rate" text null, "at" timestamptz not null, "created_at" timestamptz not null default now(), "position" bigint generated always as identity not null, "transaction" xid8 not null default pg_current_xact_id(), primary key ("id"));`);
    this.addSql(`create index "ledger_entries_tenant_id_at_id_index" on "payment"."ledger_entries" ("tenant_id", "at", "id");`);
    this.addSql(`create index "ledger_entries_tenant_id_capture_id_index" on "payment"."ledger_entries" ("tenant_id", "capture_id");`);
    this.addSql(`create index "ledger_entries_payment" on "payment"."ledger_entries" ("tenant_id", "payment_id") where payment_id is not null;`);
    this.addSql(`create index "ledger_entries_subscription" on "payment"."ledger_entries" ("tenant_id", "subscription_id") where subscription_id is not null;`);
    this.addSql(`create index "ledger_entries_transaction_position_index" on "payment"."ledger_entries" ("transaction", "position");`);
    this.addSql(`alter table "payment"."ledger_entries" add constraint "ledger_entries_tenant_id_kind_object_id_unique" unique ("tenant_id", "kind", "object_id");`);
    this.addSql(`alter table "payment"."ledger_entries" add constraint "ledger_entries_kind_check" check ("kind" in ('capture', 'capture_fee', 'capture_conversion', 'refund', 'refund_fee', 'refund_conversion', 'reversal', 'reversal_fee', 'reversal_conversion', 'dispute_hold', 'dispute_release', 'dispute_loss', 'dispute_fee'));`);
    this.addSql(`alter table "payment"."ledger_entries" add constraint "ledger_entries_method_check" check ("method" in ('paypal', 'card', 'saved'));`);
    this.addSql(`create or replace function "payment"."ledger_entries_ledger_entries_append_only_fn"() returns trigger as $$ begin raise exception 'the ledger is append-only' using errcode = 'restrict_violation'; return null; end; $$ language plpgsql;`);
    this.addSql(`create trigger "ledger_entries_append_only" BEFORE UPDATE OR DELETE on "payment"."ledger_entries" for each ROW execute function "payment"."ledger_entries_ledger_entries_append_only_fn"();`);
    this.addSql(`create table "payment"."ledger_lines" ("entry_id" uuid not null, "number" smallint not null, "tenant_id" uuid not null, "account" text not null, "currency" varchar(3) not null, "amount_minor" bigint not null, primary key ("entry_id", "number"));`);
    this.addSql(`create index "ledger_lines_tenant_id_account_currency_index" on "payment"."ledger_lines" ("tenant_id", "account", "currency");`);
    this.addSql(`alter table "payment"."ledger_lines" add constraint "ledger_lines_move_something" check (amount_minor <> 0);`);
    this.addSql(`alter table "payment"."ledger_lines" add constraint "ledger_lines_account_check" check ("account" in ('paypal:balance', 'revenue', 'refunds', 'fees', 'disputes:held', 'chargebacks', 'fx'));`);
    this.addSql(`create or replace function "payment"."ledger_lines_ledger_lines_append_only_fn"() returns trigger as $$ begin raise exception 'the ledger is append-only' using errcode = 'restrict_violation'; return null; end; $$ language plpgsql;`);
    this.addSql(`create trigger "ledger_lines_append_only" BEFORE UPDATE OR DELETE on "payment"."ledger_lines" for each ROW execute function "payment"."ledger_lines_ledger_lines_append_only_fn"();`);
    this.addSql(`create or replace function "payment"."ledger_lines_ledger_lines_balance_fn"() returns trigger as $$ begin if not exists (select 1 from payment.ledger_entries e where e.id = new.entry_id and e.tenant_id = new.tenant_id and e.transaction = pg_current_xact_id()) then
  raise exception 'lines are written with their entry' using errcode = 'restrict_violation'; end if; if (select sum(l.amount_minor) from payment.ledger_lines l where l.entry_id = new.entry_id and l.currency = new.currency) <> 0 then
  raise exception 'the lines of a ledger entry sum to zero in each currency' using errcode = 'check_violation'; end if; return null; end; $$ language plpgsql;`);
    this.addSql(`create trigger "ledger_lines_balance" AFTER INSERT on "payment"."ledger_lines" for each ROW execute function "payment"."ledger_lines_ledger_lines_balance_fn"();`);
    this.addSql(`alter table "payment"."ledger_entries" enable row level security;`);
    this.addSql(`create policy "tenant_isolation" on "payment"."ledger_entries" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');`);
    this.addSql(`alter table "payment"."ledger_lines" enable row level security;`);
    this.addSql(`create policy "tenant_isolation" on "payment"."ledger_lines" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');`);
  }

  override down(): void | Promise<void> {
    this.addSql(`drop table if exists "payment"."ledger_lines" cascade;`);
    this.addSql(`drop table if exists "payment"."ledger_entries" cascade;`);
    this.addSql(`drop function if exists "payment"."ledger_entries_ledger_entries_append_only_fn"();`);
    this.addSql(`drop function if exists "payment"."ledger_lines_ledger_lines_append_only_fn"();`);
    this.addSql(`drop function if exists "payment"."ledger_lines_ledger_lines_balance_fn"();`);
  }

}
