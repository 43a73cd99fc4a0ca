import { Migration } from '@mikro-orm/migrations';

export class Migration20261127161500_invoices extends Migration {

  override name = 'Migration20261127161500_invoices';

  override up(): void | Promise<void> {
    this.addSql(`create table "payment"."invoices" ("id" uuid not null, "tenant_id" uuid not null, "user_id" uuid null, "kind" text not null, "status" text not null default 'draft', "series" text null, "sequence" int null, "number" text null, "currency" varchar(3) not null, "amount" numeric(20,2) not null, "net_minor" bigint not null, "tax_minor" bigint not null, "gross_minor" bigint not null, "credited_minor" bigint not null default '0', "content" jsonb not null, "payment_id" uuid null, "refund_id" text null, "corrects_id" uuid null, "issue_date" date null, "due_date" date null, "version" int not null default 0, "created_at" timestamptz not null default now(), "issued_at" timestamptz null, "paid_at" timestamptz null, primary key ("id"));`);
    this.addSql(`create index "invoices_tenant_id_created_at_id_index" on "payment"."invoices" ("tenant_id", "created_at", "id");`);
    this.addSql(`create index "invoices_tenant_id_status_created_at_index" on "payment"."invoices" ("tenant_id", "status", "created_at");`);
    this.addSql(`create index "invoices_credit_notes" on "payment"."invoices" ("corrects_id") where corrects_id is not null;`);
    this.addSql(`create unique index "invoices_of_payment" on "payment"."invoices" ("tenant_id", "payment_id") where payment_id is not null and status <> 'void';`);
    this.addSql(`alter table "payment"."invoices" add constraint "invoices_tenant_id_series_sequence_unique" unique ("tenant_id", "series", "sequence");`);
    this.addSql(`alter table "payment"."invoices" add constraint "invoices_tenant_id_refund_id_unique" unique ("tenant_id", "refund_id");`);

    this.addSql(`create table "payment"."invoice_documents" ("invoice_id" uuid not null, "format" text not null, "tenant_id" uuid not null, "bytes" bytea not null, "sha256" text not null, "created_at" timestamptz not null default now(), primary key ("invoice_id", "format"));`);
    this.addSql(`create index "invoice_documents_tenant_id_index" on "payment"."invoice_documents" ("tenant_id");`);

    this.addSql(`create table "payment"."invoice_numbers" ("tenant_id" uuid not null, "series" text not null, "last" int not null, primary key ("tenant_id", "series"));`);

    this.addSql(`alter table "payment"."invoices" add constraint "invoices_sum" check (net_minor + tax_minor = gross_minor);`);
    this.addSql(`alter table "payment"."invoices" add constraint "invoices_credit" check (credited_minor >= 0 and credited_minor <= gross_minor);`);
    this.addSql(`alter table "payment"."invoices" add constraint "invoices_issued_has_number" check (status = 'draft' or (number is not null and issued_at is not null and issue_date is not null));`);
    this.addSql(`alter table "payment"."invoices" add constraint "invoices_paid_at" check (status <> 'paid' or paid_at is not null);`);
    this.addSql(`alter table "payment"."invoices" add constraint "invoices_kind_check" check ("kind" in ('invoice', 'credit_note'));`);
    this.addSql(`alter table "payment"."invoices" add constraint "invoices_status_check" check ("status" in ('draft', 'issued', 'paid', 'void'));`);
    this.addSql(`create or replace function "payment"."invoices_invoices_immutable_fn"() returns trigger as \$\$ begin if old.status = 'draft' then return case when tg_op = 'DELETE' then old else new end; end if; if tg_op = 'UPDATE' and to_jsonb(new) - '{status,paid_at,credited_minor,version}'::text[] = to_jsonb(old) - '{status,paid_at,credited_minor,version}'::text[] and new.credited_minor >= old.credited_minor and (new.status = old.status or old.status || ' ' || new.status in ('issued paid', 'issued void', 'paid void')) then return new; end if; raise exception 'an issued invoice is not changed' using errcode = 'restrict_violation'; end; \$\$ language plpgsql;`);
    this.addSql(`create trigger "invoices_immutable" BEFORE UPDATE OR DELETE on "payment"."invoices" for each ROW execute function "payment"."invoices_invoices_immutable_fn"();`);
    this.addSql(`alter table "payment"."invoices" enable row level security;`);
    this.addSql(`create policy "tenant_isolation" on "payment"."invoices" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');`);

    this.addSql(`alter table "payment"."invoice_documents" add constraint "invoice_documents_format_check" check ("format" in ('pdf', 'xml'));`);
    this.addSql(`create or replace function "payment"."invoice_documents_invoice_documents_append_only_fn"() returns trigger as \$\$ begin raise exception 'documents of invoices are append-only' using errcode = 'restrict_violation'; return null; end; \$\$ language plpgsql;`);
    this.addSql(`create trigger "invoice_documents_append_only" BEFORE UPDATE OR DELETE on "payment"."invoice_documents" for each ROW execute function "payment"."invoice_documents_invoice_documents_append_only_fn"();`);
    this.addSql(`alter table "payment"."invoice_documents" enable row level security;`);
    this.addSql(`create policy "tenant_isolation" on "payment"."invoice_documents" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');`);

    this.addSql(`alter table "payment"."invoice_numbers" enable row level security;`);
    this.addSql(`create policy "tenant_isolation" on "payment"."invoice_numbers" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');`);
  }

  override down(): void | Promise<void> {
    this.addSql(`drop trigger if exists "invoices_immutable" on "payment"."invoices";`);
    this.addSql(`drop function if exists "payment"."invoices_invoices_immutable_fn"();`);
    this.addSql(`drop table if exists "payment"."invoices" cascade;`);
    this.addSql(`drop trigger if exists "invoice_documents_append_only" on "payment"."invoice_documents";`);
    this.addSql(`drop function if exists "payment"."invoice_documents_invoice_documents_append_only_fn"();`);
    this.addSql(`drop table if exists "payment"."invoice_documents" cascade;`);
    this.addSql(`drop table if exists "payment"."invoice_numbers" cascade;`);
  }

}
