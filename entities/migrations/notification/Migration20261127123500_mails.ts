import { Migration } from '@mikro-orm/migrations';

export class Migration20261127123500_mails extends Migration {

  override name = 'Migration20261127123500_mails';

  override up(): void | Promise<void> {
    this.addSql(`create table "notification"."mails" ("id" uuid not null, "tenant_id" uuid not null, "template" text not null, "recipient" text not null, "master_key_id" text null, "wrapped_key" bytea null, "sealed_data" bytea null, "status" text not null default 'pending', "attempts" int not null default 0, "next_attempt_at" timestamptz null, "worth_until" timestamptz not null, "claimed_until" timestamptz null, "last_code" int null, "last_error" text null, "created_at" timestamptz not null default now(), "ended_at" timestamptz null, primary key ("id"));`);
    this.addSql(`create index "mails_due" on "notification"."mails" ("next_attempt_at") where status = 'pending';`);
    this.addSql(`create index "mails_tenant_id_status_created_at_index" on "notification"."mails" ("tenant_id", "status", "created_at");`);
    this.addSql(`create index "mails_ended" on "notification"."mails" ("ended_at") where status <> 'pending';`);
    this.addSql(`alter table "notification"."mails" add constraint "mails_status_check" check ("status" in ('pending', 'sent', 'undelivered'));`);
    this.addSql(`alter table "notification"."mails" enable row level security;`);
    this.addSql(`create policy "tenant_isolation" on "notification"."mails" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');`);
  }

  override down(): void | Promise<void> {
    this.addSql(`drop table if exists "notification"."mails" cascade;`);
  }

}
