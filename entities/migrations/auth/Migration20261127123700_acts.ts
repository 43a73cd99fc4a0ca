import { Migration } from '@mikro-orm/migrations';

export class Migration20261127123700_acts extends Migration {

  override name = 'Migration20261127123700_acts';

  override up(): void | Promise<void> {
    this.addSql(`create table "auth"."acts" ("id" uuid not null, "tenant_id" uuid not null, "act" jsonb not null, "created_at" timestamptz not null default now(), primary key ("id"));`);
    this.addSql(`alter table "auth"."acts" enable row level security;`);
    this.addSql(`create policy "tenant_isolation" on "auth"."acts" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');`);
  }

  override down(): void | Promise<void> {
    this.addSql(`drop table if exists "auth"."acts" cascade;`);
  }

}
