import { Migration } from '@mikro-orm/migrations';

export class Migration20261127170500_paypal_invoices extends Migration {

  override name = 'Migration20261127170500_paypal_invoices';

  override up(): void | Promise<void> {
    this.addSql(`create table "payment"."paypal_invoices" ("id" uuid not null, "tenant_id" uuid not null, "account_id" uuid null, "paypal_id" text null, "status" text not null, "due_minor" bigint null, "payer_url" text null, "simulated" boolean not null default false, "failure_type" text null, "failure_message" text null, "claimed_until" timestamptz null, "next_check_at" timestamptz null, "checks" int not null default 0, "created_at" timestamptz not null default now(), primary key ("id"));`);
    this.addSql(`create index "paypal_invoices_tenant_id_created_at_index" on "payment"."paypal_invoices" ("tenant_id", "created_at");`);
    this.addSql(`create index "paypal_invoices_due" on "payment"."paypal_invoices" ("next_check_at") where next_check_at is not null;`);
    this.addSql(`alter table "payment"."paypal_invoices" add constraint "paypal_invoices_tenant_id_paypal_id_unique" unique ("tenant_id", "paypal_id");`);

    this.addSql(`alter table "payment"."paypal_invoices" enable row level security;`);
    this.addSql(`create policy "tenant_isolation" on "payment"."paypal_invoices" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');`);
  }

  override down(): void | Promise<void> {
    this.addSql(`drop table if exists "payment"."paypal_invoices" cascade;`);
  }

}
