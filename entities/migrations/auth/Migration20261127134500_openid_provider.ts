import { Migration } from '@mikro-orm/migrations';

export class Migration20261127134500_openid_provider extends Migration {

  override name = 'Migration20261127134500_openid_provider';

  override up(): void | Promise<void> {
    this.addSql(`create table "auth"."oauth_clients" ("id" uuid not null, "tenant_id" uuid not null, "created_by" uuid not null, "name" text not null, "kind" text not null, "secret_hash" bytea null, "auth_method" text not null, "redirect_uris" text[] not null, "post_logout_redirect_uris" text[] not null, "permissions" text[] not null, "created_at" timestamptz not null default now(), "revoked_at" timestamptz null, primary key ("id"));`);
    this.addSql(`create index "oauth_clients_tenant_id_id_index" on "auth"."oauth_clients" ("tenant_id", "id");`);
    this.addSql(`alter table "auth"."oauth_clients" add constraint "oauth_clients_kind_check" check ("kind" in ('web', 'native', 'service'));`);
    this.addSql(`alter table "auth"."oauth_clients" add constraint "oauth_clients_auth_method_check" check ("auth_method" in ('client_secret_basic', 'client_secret_post', 'none'));`);
    this.addSql(`create table "auth"."oidc_keys" ("kid" text not null, "public_jwk" jsonb not null, "master_key_id" text not null, "sealed_private_members" bytea not null, "created_at" timestamptz not null default now(), primary key ("kid"));`);
    this.addSql(`create table "auth"."oidc_records" ("key" bytea not null, "kind" text not null, "sealed" bytea not null, "grant_key" bytea null, "uid_key" bytea null, "user_id" uuid null, "client_id" uuid null, "permissions" text[] null, "expires_at" timestamptz null, "consumed_at" timestamptz null, primary key ("key"));`);
    this.addSql(`create index "oidc_records_grant_key_index" on "auth"."oidc_records" ("grant_key");`);
    this.addSql(`create index "oidc_records_uid_key_index" on "auth"."oidc_records" ("uid_key");`);
    this.addSql(`create index "oidc_records_user_id_index" on "auth"."oidc_records" ("user_id");`);
    this.addSql(`create index "oidc_records_client_id_index" on "auth"."oidc_records" ("client_id");`);
    this.addSql(`create index "oidc_records_expires_at_index" on "auth"."oidc_records" ("expires_at");`);
    this.addSql(`alter table "auth"."oauth_clients" enable row level security;`);
    this.addSql(`create policy "tenant_isolation" on "auth"."oauth_clients" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');`);
    this.addSql(`alter table "auth"."oidc_keys" enable row level security;`);
    this.addSql(`create policy "system_only" on "auth"."oidc_keys" using ((select current_setting('legendo.scope', true)) = 'system') with check ((select current_setting('legendo.scope', true)) = 'system');`);
    this.addSql(`alter table "auth"."oidc_records" enable row level security;`);
    this.addSql(`create policy "tenant_isolation" on "auth"."oidc_records" using (exists (select 1 from auth.oauth_clients c where c.id = oidc_records.client_id and c.tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid)) or (select current_setting('legendo.scope', true)) = 'system') with check ((select current_setting('legendo.scope', true)) = 'system');`);
  }

  override down(): void | Promise<void> {
    this.addSql(`drop table if exists "auth"."oauth_clients" cascade;`);
    this.addSql(`drop table if exists "auth"."oidc_keys" cascade;`);
    this.addSql(`drop table if exists "auth"."oidc_records" cascade;`);
  }

}
