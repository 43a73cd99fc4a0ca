import { Migration } from '@mikro-orm/migrations';

export class Migration20261127130500_second_factors extends Migration {

  override name = 'Migration20261127130500_second_factors';

  override up(): void | Promise<void> {
    this.addSql(`create table "auth"."challenges" ("id" uuid not null, "token_hash" bytea not null, "purpose" text not null, "user_id" uuid null, "challenge" text not null, "sign_in" jsonb null, "expires_at" timestamptz not null, primary key ("id"));`);
    this.addSql(`alter table "auth"."challenges" add constraint "challenges_token_hash_unique" unique ("token_hash");`);
    this.addSql(`create index "challenges_expires_at_index" on "auth"."challenges" ("expires_at");`);
    this.addSql(`alter table "auth"."challenges" add constraint "challenges_purpose_check" check ("purpose" in ('sign-in', 'passkey-sign-in', 'passkey-registration', 'step-up'));`);
    this.addSql(`create table "auth"."factor_attempts" ("user_id" uuid not null, "failures" int not null default 0, "retry_at" timestamptz not null default now(), primary key ("user_id"));`);
    this.addSql(`create table "auth"."passkeys" ("id" uuid not null, "user_id" uuid not null, "credential_id" text not null, "public_key" bytea not null, "counter" bigint not null, "transports" text[] not null, "name" text not null, "aaguid" text not null, "synced" boolean not null, "created_at" timestamptz not null default now(), "last_used_at" timestamptz null, primary key ("id"));`);
    this.addSql(`create index "passkeys_user_id_index" on "auth"."passkeys" ("user_id");`);
    this.addSql(`alter table "auth"."passkeys" add constraint "passkeys_credential_id_unique" unique ("credential_id");`);
    this.addSql(`create table "auth"."recovery_codes" ("user_id" uuid not null, "code_hash" bytea not null, "used_at" timestamptz null, "created_at" timestamptz not null default now(), primary key ("user_id", "code_hash"));`);
    this.addSql(`create table "auth"."totp_factors" ("user_id" uuid not null, "master_key_id" text not null, "sealed_secret" bytea not null, "confirmed_at" timestamptz null, "last_step" bigint not null default '0', "created_at" timestamptz not null default now(), primary key ("user_id"));`);
    this.addSql(`alter table "auth"."challenges" enable row level security;`);
    this.addSql(`create policy "system_only" on "auth"."challenges" using ((select current_setting('legendo.scope', true)) = 'system') with check ((select current_setting('legendo.scope', true)) = 'system');`);
    this.addSql(`alter table "auth"."factor_attempts" enable row level security;`);
    this.addSql(`create policy "system_only" on "auth"."factor_attempts" using ((select current_setting('legendo.scope', true)) = 'system') with check ((select current_setting('legendo.scope', true)) = 'system');`);
    this.addSql(`alter table "auth"."passkeys" enable row level security;`);
    this.addSql(`create policy "system_only" on "auth"."passkeys" using ((select current_setting('legendo.scope', true)) = 'system') with check ((select current_setting('legendo.scope', true)) = 'system');`);
    this.addSql(`alter table "auth"."recovery_codes" enable row level security;`);
    this.addSql(`create policy "system_only" on "auth"."recovery_codes" using ((select current_setting('legendo.scope', true)) = 'system') with check ((select current_setting('legendo.scope', true)) = 'system');`);
    this.addSql(`alter table "auth"."totp_factors" enable row level security;`);
    this.addSql(`create policy "system_only" on "auth"."totp_factors" using ((select current_setting('legendo.scope', true)) = 'system') with check ((select current_setting('legendo.scope', true)) = 'system');`);
    this.addSql(`alter table "auth"."organisations" add column "second_factor_required" boolean not null default false;`);
  }

  override down(): void | Promise<void> {
    this.addSql(`drop table if exists "auth"."challenges" cascade;`);
    this.addSql(`drop table if exists "auth"."factor_attempts" cascade;`);
    this.addSql(`drop table if exists "auth"."passkeys" cascade;`);
    this.addSql(`drop table if exists "auth"."recovery_codes" cascade;`);
    this.addSql(`drop table if exists "auth"."totp_factors" cascade;`);
    this.addSql(`alter table "auth"."organisations" drop column "second_factor_required";`);
  }

}
