import { Migration } from '@mikro-orm/migrations';

export class Migration20261127132706_passwords extends Migration {

  override name = 'Migration20261127132706_passwords';

  override up(): void | Promise<void> {
    this.addSql(`create table "auth"."links" ("id" uuid not null, "user_id" uuid not null, "purpose" text not null, "email" varchar(255) not null, "token_hash" bytea not null, "created_at" timestamptz not null default now(), "expires_at" timestamptz not null, "used_at" timestamptz null, primary key ("id"));`);
    this.addSql(`alter table "auth"."links" add constraint "links_token_hash_unique" unique ("token_hash");`);
    this.addSql(`create index "links_user_id_purpose_index" on "auth"."links" ("user_id", "purpose");`);
    this.addSql(`create index "links_expires_at_index" on "auth"."links" ("expires_at");`);

    this.addSql(`alter table "auth"."signing_keys" add "activated_at" timestamptz null, add "retired_at" timestamptz null;`);

    this.addSql(`update "auth"."signing_keys" set "activated_at" = case when "state" = 'active' then "created_at" end, "retired_at" = case when "state" = 'retired' then now() end;`);

    this.addSql(`alter table "auth"."users" add "email_confirmed_at" timestamptz null;`);

    this.addSql(`alter table "auth"."links" add constraint "links_purpose_check" check ("purpose" in ('password', 'address'));`);
    this.addSql(`alter table "auth"."links" enable row level security;`);
    this.addSql(`create policy "system_only" on "auth"."links" using ((select current_setting('legendo.scope', true)) = 'system') with check ((select current_setting('legendo.scope', true)) = 'system');`);
  }

  override down(): void | Promise<void> {
    this.addSql(`drop table if exists "auth"."links" cascade;`);
    this.addSql(`alter table "auth"."signing_keys" drop column "activated_at", drop column "retired_at";`);
    this.addSql(`alter table "auth"."users" drop column "email_confirmed_at";`);
  }

}
