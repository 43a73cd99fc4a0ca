import { Migration } from '@mikro-orm/migrations';

export class Migration20261127123701_acts extends Migration {

  override name = 'Migration20261127123701_acts';

  override up(): void | Promise<void> {
    this.addSql(`create table "sync"."acts" ("id" uuid not null, "tenant_id" uuid not null, "act" jsonb not null, "created_at" timestamptz not null default now(), primary key ("id"));`);
    this.addSql(`alter table "sync"."acts" enable row level security;`);
    this.addSql(`create policy "tenant_isolation" on "sync"."acts" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');`);
  }

  override down(): void | Promise<void> {
    this.addSql(`drop table if exists "sync"."acts" cascade;`);
  }

}
