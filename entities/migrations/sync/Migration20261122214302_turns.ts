import { Migration } from '@mikro-orm/migrations';

export class Migration20261122214302_turns extends Migration {

  override name = 'Migration20261122214302_turns';

  override up(): void | Promise<void> {
    this.addSql(`create table "sync"."turns" ("tenant_id" uuid not null, "used" double precision not null default 0, "level" double precision not null default 0, primary key ("tenant_id"));`);
    this.addSql(`alter table "sync"."turns" enable row level security;`);
    this.addSql(`create policy "tenant_isolation" on "sync"."turns" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');`);
  }

  override down(): void | Promise<void> {
    this.addSql(`drop table if exists "sync"."turns" cascade;`);
  }

}
