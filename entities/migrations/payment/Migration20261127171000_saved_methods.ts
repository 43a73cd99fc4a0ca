import { Migration } from '@mikro-orm/migrations';

export class Migration20261127171000_saved_methods extends Migration {

  override name = 'Migration20261127171000_saved_methods';

  override up(): void | Promise<void> {
    this.addSql(`create table "payment"."saved_methods" ("id" uuid not null default gen_random_uuid(), "tenant_id" uuid not null, "customer" varchar(100) not null, "account_id" uuid null, "status" text not null default 'pending', "setup_id" varchar(255) null, "vault_id" varchar(255) null, "approval_url" text null, "refusals" int not null default 0, "label" text null, "created_at" timestamptz not null default now(), "saved_at" timestamptz null, "removed_at" timestamptz null, primary key ("id"));`);
    this.addSql(`create index "saved_methods_tenant_id_customer_created_at_index" on "payment"."saved_methods" ("tenant_id", "customer", "created_at");`);
    this.addSql(`alter table "payment"."saved_methods" add constraint "saved_methods_tenant_id_vault_id_unique" unique ("tenant_id", "vault_id");`);
    this.addSql(`alter table "payment"."saved_methods" add constraint "saved_methods_active_has_id" check (status <> 'active' or vault_id is not null);`);
    this.addSql(`alter table "payment"."saved_methods" add constraint "saved_methods_status_check" check ("status" in ('pending', 'active', 'removed'));`);
    this.addSql(`alter table "payment"."saved_methods" enable row level security;`);
    this.addSql(`create policy "tenant_isolation" on "payment"."saved_methods" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');`);
  }

  override down(): void | Promise<void> {
    this.addSql(`drop table if exists "payment"."saved_methods" cascade;`);
  }

}
