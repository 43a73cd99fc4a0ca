import { Migration } from '@mikro-orm/migrations';

export class Migration20261127123852_sessions extends Migration {

  override name = 'Migration20261127123852_sessions';

  override up(): void | Promise<void> {
    this.addSql(`create table "auth"."revocations" ("id" uuid not null, "tenant_id" uuid null, "subject" text not null, "at" timestamptz not null, primary key ("id"));`);
    this.addSql(`create index "revocations_at_index" on "auth"."revocations" ("at");`);

    this.addSql(`create table "auth"."sessions" ("id" uuid not null, "user_id" uuid not null, "tenant_id" uuid not null, "methods" text[] not null, "authenticated_at" timestamptz not null default now(), "device" text null, "user_agent" text null, "address" text null, "created_at" timestamptz not null default now(), "last_seen_at" timestamptz not null default now(), "expires_at" timestamptz not null, "ended_at" timestamptz null, "end_reason" text null, "generation" int not null default 1, "token_hash" bytea not null, "previous_hash" bytea null, "sealed_child" bytea null, "rotated_at" timestamptz null, "rotated_for" bytea null, primary key ("id"));`);
    this.addSql(`create index "sessions_user_id_expires_at_index" on "auth"."sessions" ("user_id", "expires_at");`);
    this.addSql(`create index "sessions_tenant_id_user_id_index" on "auth"."sessions" ("tenant_id", "user_id");`);
    this.addSql(`create index "sessions_expires_at_index" on "auth"."sessions" ("expires_at");`);

    this.addSql(`alter table "auth"."revocations" enable row level security;`);
    this.addSql(`create policy "system_only" on "auth"."revocations" using ((select current_setting('legendo.scope', true)) = 'system') with check ((select current_setting('legendo.scope', true)) = 'system');`);

    this.addSql(`alter table "auth"."sessions" add constraint "sessions_end_reason_check" check ("end_reason" in ('signed_out', 'revoked', 'password', 'reuse', 'idle', 'deactivated'));`);
    this.addSql(`alter table "auth"."sessions" enable row level security;`);
    this.addSql(`create policy "tenant_isolation" on "auth"."sessions" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');`);
  }

  override down(): void | Promise<void> {
    this.addSql(`drop table if exists "auth"."revocations" cascade;`);
    this.addSql(`drop table if exists "auth"."sessions" cascade;`);
  }

}
