import { Migration } from '@mikro-orm/migrations';

export class Migration20261127154500_report_buckets extends Migration {

  override name = 'Migration20261127154500_report_buckets';

  override up(): void | Promise<void> {
    this.addSql(`create table "payment"."report_buckets" ("tenant_id" uuid not null, "bucket" timestamptz not null, "currency" varchar(3) not null, "method" text not null, "revenue" bigint not null default '0', "refunds" bigint not null default '0', "chargebacks" bigint not null default '0', "fees" bigint not null default '0', "captured" int not null default 0, "refunded" int not null default 0, primary key ("tenant_id", "bucket", "currency", "method"));`);
    this.addSql(`create table "payment"."report_progress" ("name" text not null, "transaction" xid8 not null default '0', "position" bigint not null default '0', primary key ("name"));`);
    this.addSql(`alter table "payment"."report_buckets" enable row level security;`);
    this.addSql(`create policy "tenant_isolation" on "payment"."report_buckets" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');`);
    this.addSql(`alter table "payment"."report_progress" enable row level security;`);
    this.addSql(`create policy "system_only" on "payment"."report_progress" using ((select current_setting('legendo.scope', true)) = 'system') with check ((select current_setting('legendo.scope', true)) = 'system');`);
  }

  override down(): void | Promise<void> {
    this.addSql(`drop table if exists "payment"."report_buckets" cascade;`);
    this.addSql(`drop table if exists "payment"."report_progress" cascade;`);
  }

}
