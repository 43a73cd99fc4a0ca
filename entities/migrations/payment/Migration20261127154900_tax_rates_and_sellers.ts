import { Migration } from '@mikro-orm/migrations';

export class Migration20261127154900_tax_rates_and_sellers extends Migration {

  override name = 'Migration20261127154900_tax_rates_and_sellers';

  override up(): void | Promise<void> {
    this.addSql(`create table "payment"."sellers" ("tenant_id" uuid not null, "name" text null, "street" text null, "postcode" text null, "city" text null, "country" text null, "vat_id" text null, "tax_number" text null, "email" text null, "phone" text null, "iban" text null, "bic" text null, "registrations" jsonb not null default '[]', "home_taxed" boolean not null default false, "require_evidence" boolean not null default false, "prices" text not null default 'exclusive', "rounding_scope" text not null default 'total', "rounding_mode" text not null default 'half-up', "invoice_series" text not null default 'INV', "credit_series" text not null default 'CN', "due_days" int not null default 14, "invoice_on_capture" boolean not null default false, "mail_on_issue" boolean not null default false, "updated_at" timestamptz not null default now(), primary key ("tenant_id"));`);

    this.addSql(`create table "payment"."tax_rates" ("id" uuid not null default gen_random_uuid(), "tenant_id" uuid not null, "country" text not null, "region" text not null default '', "category" text not null, "percent" numeric(8,5) not null, "valid_from" date not null, "version" int not null, "source" text not null, "created_at" timestamptz not null default now(), primary key ("id"));`);
    this.addSql(`create index "tax_rates_country_region_category_valid_from_index" on "payment"."tax_rates" ("country", "region", "category", "valid_from");`);
    this.addSql(`alter table "payment"."tax_rates" add constraint "tax_rates_tenant_id_country_region_category_valid_8ae80_unique" unique ("tenant_id", "country", "region", "category", "valid_from", "version");`);

    this.addSql(`alter table "payment"."sellers" add constraint "sellers_prices_check" check ("prices" in ('exclusive', 'inclusive'));`);
    this.addSql(`alter table "payment"."sellers" add constraint "sellers_rounding_scope_check" check ("rounding_scope" in ('total', 'line'));`);
    this.addSql(`alter table "payment"."sellers" add constraint "sellers_rounding_mode_check" check ("rounding_mode" in ('half-up', 'half-even'));`);
    this.addSql(`alter table "payment"."sellers" enable row level security;`);
    this.addSql(`create policy "tenant_isolation" on "payment"."sellers" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');`);

    this.addSql(`alter table "payment"."tax_rates" add constraint "tax_rates_percent" check (percent >= 0 and percent <= 100);`);
    this.addSql(`create or replace function "payment"."tax_rates_tax_rates_append_only_fn"() returns trigger as \$\$ begin raise exception 'tax rates are append-only' using errcode = 'restrict_violation'; return null; end; \$\$ language plpgsql;`);
    this.addSql(`create trigger "tax_rates_append_only" BEFORE UPDATE OR DELETE on "payment"."tax_rates" for each ROW execute function "payment"."tax_rates_tax_rates_append_only_fn"();`);
    this.addSql(`alter table "payment"."tax_rates" enable row level security;`);
    this.addSql(`create policy "tenant_isolation" on "payment"."tax_rates" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');`);
    this.addSql(`create policy "platform_rates" on "payment"."tax_rates" for select using (tenant_id = '00000000-0000-0000-0000-000000000000' and (select nullif(current_setting('legendo.tenant', true), '')::uuid) is not null);`);
  }

  override down(): void | Promise<void> {
    this.addSql(`drop table if exists "payment"."sellers" cascade;`);
    this.addSql(`drop trigger if exists "tax_rates_append_only" on "payment"."tax_rates";`);
    this.addSql(`drop function if exists "payment"."tax_rates_tax_rates_append_only_fn"();`);
    this.addSql(`drop table if exists "payment"."tax_rates" cascade;`);
  }

}
