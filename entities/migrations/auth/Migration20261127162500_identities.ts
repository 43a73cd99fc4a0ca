import { Migration } from '@mikro-orm/migrations';

export class Migration20261127162500_identities extends Migration {

  override name = 'Migration20261127162500_identities';

  override up(): void | Promise<void> {
    this.addSql(`create table "auth"."identities" ("id" uuid not null, "user_id" uuid not null, "provider" text not null, "issuer" text not null, "subject" text not null, "email" text null, "created_at" timestamptz not null default now(), "last_used_at" timestamptz null, primary key ("id"));`);
    this.addSql(`create index "identities_user_id_index" on "auth"."identities" ("user_id");`);
    this.addSql(`alter table "auth"."identities" add constraint "identities_issuer_subject_unique" unique ("issuer", "subject");`);
    this.addSql(`alter table "auth"."identities" enable row level security;`);
    this.addSql(`create policy "system_only" on "auth"."identities" using ((select current_setting('legendo.scope', true)) = 'system') with check ((select current_setting('legendo.scope', true)) = 'system');`);
  }

  override down(): void | Promise<void> {
    this.addSql(`drop table if exists "auth"."identities" cascade;`);
  }

}
