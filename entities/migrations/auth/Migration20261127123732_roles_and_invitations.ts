import { Migration } from '@mikro-orm/migrations';

export class Migration20261127123732_roles_and_invitations extends Migration {

  override name = 'Migration20261127123732_roles_and_invitations';

  override up(): void | Promise<void> {
    this.addSql(`create table "auth"."invitations" ("id" uuid not null default gen_random_uuid(), "tenant_id" uuid not null, "email" varchar(255) not null, "role" text not null, "token_hash" bytea not null, "invited_by" uuid null, "sent" int not null default 0, "sent_at" timestamptz null, "created_at" timestamptz not null default now(), "expires_at" timestamptz not null, "accepted_at" timestamptz null, "revoked_at" timestamptz null, primary key ("id"));`);
    this.addSql(`alter table "auth"."invitations" add constraint "invitations_token_hash_unique" unique ("token_hash");`);
    this.addSql(`create index "invitations_tenant_id_created_at_id_index" on "auth"."invitations" ("tenant_id", "created_at", "id");`);
    this.addSql(`create unique index "invitations_open" on "auth"."invitations" ("tenant_id", "email") where accepted_at is null and revoked_at is null;`);

    this.addSql(`create table "auth"."service_accounts" ("id" uuid not null default gen_random_uuid(), "tenant_id" uuid not null, "name" text not null, "description" text not null default '', "role" text not null, "created_by" uuid null, "created_at" timestamptz not null default now(), "disabled_at" timestamptz null, primary key ("id"));`);
    this.addSql(`create index "service_accounts_tenant_id_role_index" on "auth"."service_accounts" ("tenant_id", "role");`);
    this.addSql(`alter table "auth"."service_accounts" add constraint "service_accounts_tenant_id_name_unique" unique ("tenant_id", "name");`);

    this.addSql(`create table "auth"."roles" ("tenant_id" uuid not null, "name" text not null, "description" text not null default '', "permissions" text[] not null, "rules" jsonb not null default '[]', "created_at" timestamptz not null default now(), "updated_at" timestamptz not null default now(), primary key ("tenant_id", "name"));`);

    this.addSql(`alter table "auth"."api_keys" add "account_id" uuid null, add "networks" text[] null, add "replaced_by" uuid null;`);
    this.addSql(`create index "api_keys_of_account" on "auth"."api_keys" ("account_id") where account_id is not null;`);

    this.addSql(`alter table "auth"."memberships" drop constraint "memberships_role_check";`);
    this.addSql(`create index "memberships_tenant_id_role_index" on "auth"."memberships" ("tenant_id", "role");`);

    this.addSql(`alter table "auth"."organisations" add "policy_version" int not null default 1;`);

    this.addSql(`alter table "auth"."invitations" enable row level security;`);
    this.addSql(`create policy "tenant_isolation" on "auth"."invitations" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');`);

    this.addSql(`alter table "auth"."service_accounts" enable row level security;`);
    this.addSql(`create policy "tenant_isolation" on "auth"."service_accounts" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');`);

    this.addSql(`alter table "auth"."roles" enable row level security;`);
    this.addSql(`create policy "tenant_isolation" on "auth"."roles" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');`);
  }

  override down(): void | Promise<void> {
    this.addSql(`drop table if exists "auth"."invitations" cascade;`);
    this.addSql(`drop table if exists "auth"."service_accounts" cascade;`);
    this.addSql(`drop table if exists "auth"."roles" cascade;`);

    this.addSql(`drop index "auth"."api_keys_of_account";`);
    this.addSql(`alter table "auth"."api_keys" drop column "account_id", drop column "networks", drop column "replaced_by";`);

    this.addSql(`drop index "auth"."memberships_tenant_id_role_index";`);
    this.addSql(`alter table "auth"."memberships" add constraint "memberships_role_check" check ("role" in ('owner', 'admin', 'member', 'viewer'));`);

    this.addSql(`alter table "auth"."organisations" drop column "policy_version";`);
  }
}
