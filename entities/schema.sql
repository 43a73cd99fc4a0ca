-- Today's tables, written from the entities by `node scripts/schema.ts`. A spec keeps this file honest.

-- auth

create schema if not exists "auth";
create table "auth"."api_keys" ("id" uuid not null, "tenant_id" uuid not null, "created_by" uuid not null, "account_id" uuid null, "name" text not null, "secret_hash" bytea not null, "permissions" text[] not null, "networks" text[] null, "replaced_by" uuid null, "expires_at" timestamptz null, "last_used_at" timestamptz null, "revoked_at" timestamptz null, "created_at" timestamptz not null default now(), primary key ("id"));
create index "api_keys_tenant_id_created_at_id_index" on "auth"."api_keys" ("tenant_id", "created_at", "id");
create index "api_keys_of_account" on "auth"."api_keys" ("account_id") where account_id is not null;

create table "auth"."audit_chains" ("tenant_id" uuid not null, "position" bigint not null default '0', "hash" bytea not null, "recorded_at" timestamptz null, "checkpointed" bigint not null default '0', primary key ("tenant_id"));
create index "audit_chains_uncovered" on "auth"."audit_chains" ("tenant_id") where checkpointed < position;

create table "auth"."audit_checkpoints" ("number" bigint not null, "text" text not null, "created_at" timestamptz not null default now(), "published_at" timestamptz null, primary key ("number"));
create index "audit_checkpoints_unpublished" on "auth"."audit_checkpoints" ("number") where published_at is null;

create table "auth"."audit" ("recorded_at" timestamptz not null, "tenant_id" uuid not null, "position" bigint not null, "id" uuid not null, "at" timestamptz not null, "actor" text null, "user_id" uuid null, "action" text not null, "object" text null, "outcome" text not null, "code" text null, "call" text null, "request_id" text null, "node" text null, "service" text not null, "details" jsonb null, "origin_hash" bytea null, "origin" jsonb null, "previous" bytea not null, "hash" bytea not null, primary key ("recorded_at", "tenant_id", "position")) partition by range ("recorded_at");
create or replace function "auth"."audit_audit_append_only_fn"() returns trigger as $$ begin if tg_op = 'UPDATE' and new.origin is null and to_jsonb(new) - 'origin' = to_jsonb(old) - 'origin' then return new; end if; raise exception 'the audit log is append-only' using errcode = 'restrict_violation'; end; $$ language plpgsql;
create trigger "audit_append_only" BEFORE UPDATE OR DELETE on "auth"."audit" for each ROW execute function "auth"."audit_audit_append_only_fn"();

create table "auth"."audit_keys" ("id" text not null, "master_key_id" text not null, "sealed_key" bytea not null, "created_at" timestamptz not null default now(), primary key ("id"));

create table "auth"."acts" ("id" uuid not null, "tenant_id" uuid not null, "act" jsonb not null, "created_at" timestamptz not null default now(), primary key ("id"));

create table "auth"."actors" ("key" text not null, "tenant_id" uuid not null, "kind" text not null, "owner" text null, "epoch" bigint not null default '0', "lease_until" timestamptz null, "pending" int not null default 0, primary key ("key"));
create index "auth_actors_waiting" on "auth"."actors" ("kind", "lease_until") where pending > 0;

create table "auth"."actor_messages" ("id" bigint generated always as identity not null primary key, "key" text not null, "tenant_id" uuid not null, "message_id" text not null, "type" text not null, "body" jsonb not null, "attempts" int not null default 0, "created_at" timestamptz not null default now(), "done_at" timestamptz null);
alter table "auth"."actor_messages" add constraint "actor_messages_message_id_unique" unique ("message_id");
create index "auth_actor_messages_waiting" on "auth"."actor_messages" ("key", "id") where done_at is null;

create table "auth"."dead_letters" ("id" uuid not null default gen_random_uuid(), "tenant_id" uuid not null, "consumer" text not null, "event" jsonb not null, "attempts" int not null, "error_type" text not null, "error_message" text not null, "created_at" timestamptz not null default now(), "replayed_at" timestamptz null, primary key ("id"));
create index "dead_letters_tenant_id_created_at_index" on "auth"."dead_letters" ("tenant_id", "created_at");

create table "auth"."events" ("created_at" timestamptz not null default now(), "id" uuid not null, "position" bigint generated always as identity not null, "transaction" xid8 not null default pg_current_xact_id(), "tenant_id" uuid not null, "stream" text not null, "version" int not null, "type" text not null, "data" jsonb not null, "actor" text null, primary key ("created_at", "id")) partition by range ("created_at");
create index "events_transaction_position_index" on "auth"."events" ("transaction", "position");
create index "events_tenant_id_created_at_index" on "auth"."events" ("tenant_id", "created_at");
create or replace function "auth"."events_auth_events_append_only_fn"() returns trigger as $$ begin raise exception 'events are append-only' using errcode = 'restrict_violation'; return null; end; $$ language plpgsql;
create trigger "auth_events_append_only" BEFORE UPDATE OR DELETE on "auth"."events" for each ROW execute function "auth"."events_auth_events_append_only_fn"();

create table "auth"."idempotency_keys" ("tenant_id" uuid not null, "action" text not null, "key" text not null, "request_hash" text not null, "response" jsonb null, "created_at" timestamptz not null default now(), primary key ("tenant_id", "action", "key"));
create index "idempotency_keys_created_at_index" on "auth"."idempotency_keys" ("created_at");

create table "auth"."inbox" ("consumer" text not null, "event_id" uuid not null, "tenant_id" uuid not null, "created_at" timestamptz not null default now(), primary key ("consumer", "event_id"));
create index "inbox_created_at_index" on "auth"."inbox" ("created_at");

create table "auth"."outbox" ("id" bigint generated always as identity not null primary key, "tenant_id" uuid not null, "subject" text not null, "message_id" text not null, "payload" jsonb null, "created_at" timestamptz not null default now());
create or replace function "auth"."outbox_auth_outbox_wakes_relay_fn"() returns trigger as $$ begin perform pg_notify('auth_outbox', ''); return null; end; $$ language plpgsql;
create trigger "auth_outbox_wakes_relay" AFTER INSERT on "auth"."outbox" for each STATEMENT execute function "auth"."outbox_auth_outbox_wakes_relay_fn"();

create table "auth"."streams" ("tenant_id" uuid not null, "stream" text not null, "version" int not null, primary key ("tenant_id", "stream"));

create table "auth"."challenges" ("id" uuid not null, "token_hash" bytea not null, "purpose" text not null, "user_id" uuid null, "challenge" text not null, "sign_in" jsonb null, "expires_at" timestamptz not null, primary key ("id"));
alter table "auth"."challenges" add constraint "challenges_token_hash_unique" unique ("token_hash");
create index "challenges_expires_at_index" on "auth"."challenges" ("expires_at");
alter table "auth"."challenges" add constraint "challenges_purpose_check" check ("purpose" in ('sign-in', 'passkey-sign-in', 'passkey-registration', 'step-up'));

create table "auth"."factor_attempts" ("user_id" uuid not null, "failures" int not null default 0, "retry_at" timestamptz not null default now(), primary key ("user_id"));

create table "auth"."identities" ("id" uuid not null, "user_id" uuid not null, "provider" text not null, "issuer" text not null, "subject" text not null, "email" text null, "created_at" timestamptz not null default now(), "last_used_at" timestamptz null, primary key ("id"));
create index "identities_user_id_index" on "auth"."identities" ("user_id");
alter table "auth"."identities" add constraint "identities_issuer_subject_unique" unique ("issuer", "subject");

create table "auth"."invitations" ("id" uuid not null default gen_random_uuid(), "tenant_id" uuid not null, "email" varchar(255) not null, "role" text not null, "token_hash" bytea not null, "invited_by" uuid null, "sent" int not null default 0, "sent_at" timestamptz null, "created_at" timestamptz not null default now(), "expires_at" timestamptz not null, "accepted_at" timestamptz null, "revoked_at" timestamptz null, primary key ("id"));
alter table "auth"."invitations" add constraint "invitations_token_hash_unique" unique ("token_hash");
create index "invitations_tenant_id_created_at_id_index" on "auth"."invitations" ("tenant_id", "created_at", "id");
create unique index "invitations_open" on "auth"."invitations" ("tenant_id", "email") where accepted_at is null and revoked_at is null;

create table "auth"."links" ("id" uuid not null, "user_id" uuid not null, "purpose" text not null, "email" varchar(255) not null, "token_hash" bytea not null, "created_at" timestamptz not null default now(), "expires_at" timestamptz not null, "used_at" timestamptz null, primary key ("id"));
alter table "auth"."links" add constraint "links_token_hash_unique" unique ("token_hash");
create index "links_user_id_purpose_index" on "auth"."links" ("user_id", "purpose");
create index "links_expires_at_index" on "auth"."links" ("expires_at");
alter table "auth"."links" add constraint "links_purpose_check" check ("purpose" in ('password', 'address'));

create table "auth"."memberships" ("tenant_id" uuid not null, "user_id" uuid not null, "role" text not null, "created_at" timestamptz not null default now(), primary key ("tenant_id", "user_id"));
create index "memberships_user_id_index" on "auth"."memberships" ("user_id");
create index "memberships_tenant_id_role_index" on "auth"."memberships" ("tenant_id", "role");

create table "auth"."oauth_clients" ("id" uuid not null, "tenant_id" uuid not null, "created_by" uuid not null, "name" text not null, "kind" text not null, "secret_hash" bytea null, "auth_method" text not null, "redirect_uris" text[] not null, "post_logout_redirect_uris" text[] not null, "permissions" text[] not null, "created_at" timestamptz not null default now(), "revoked_at" timestamptz null, primary key ("id"));
create index "oauth_clients_tenant_id_id_index" on "auth"."oauth_clients" ("tenant_id", "id");
alter table "auth"."oauth_clients" add constraint "oauth_clients_kind_check" check ("kind" in ('web', 'native', 'service'));
alter table "auth"."oauth_clients" add constraint "oauth_clients_auth_method_check" check ("auth_method" in ('client_secret_basic', 'client_secret_post', 'none'));

create table "auth"."oidc_keys" ("kid" text not null, "public_jwk" jsonb not null, "master_key_id" text not null, "sealed_private_members" bytea not null, "created_at" timestamptz not null default now(), primary key ("kid"));

create table "auth"."oidc_records" ("key" bytea not null, "kind" text not null, "sealed" bytea not null, "grant_key" bytea null, "uid_key" bytea null, "user_id" uuid null, "client_id" uuid null, "permissions" text[] null, "expires_at" timestamptz null, "consumed_at" timestamptz null, primary key ("key"));
create index "oidc_records_grant_key_index" on "auth"."oidc_records" ("grant_key");
create index "oidc_records_uid_key_index" on "auth"."oidc_records" ("uid_key");
create index "oidc_records_user_id_index" on "auth"."oidc_records" ("user_id");
create index "oidc_records_client_id_index" on "auth"."oidc_records" ("client_id");
create index "oidc_records_expires_at_index" on "auth"."oidc_records" ("expires_at");

create table "auth"."organisations" ("id" uuid not null default gen_random_uuid(), "name" text not null, "policy_version" int not null default 1, "second_factor_required" boolean not null default false, "created_at" timestamptz not null default now(), primary key ("id"));

create table "auth"."passkeys" ("id" uuid not null, "user_id" uuid not null, "credential_id" text not null, "public_key" bytea not null, "counter" bigint not null, "transports" text[] not null, "name" text not null, "aaguid" text not null, "synced" boolean not null, "created_at" timestamptz not null default now(), "last_used_at" timestamptz null, primary key ("id"));
create index "passkeys_user_id_index" on "auth"."passkeys" ("user_id");
alter table "auth"."passkeys" add constraint "passkeys_credential_id_unique" unique ("credential_id");

create table "auth"."recovery_codes" ("user_id" uuid not null, "code_hash" bytea not null, "used_at" timestamptz null, "created_at" timestamptz not null default now(), primary key ("user_id", "code_hash"));

create table "auth"."revocations" ("id" uuid not null, "tenant_id" uuid null, "subject" text not null, "at" timestamptz not null, primary key ("id"));
create index "revocations_at_index" on "auth"."revocations" ("at");

create table "auth"."service_accounts" ("id" uuid not null default gen_random_uuid(), "tenant_id" uuid not null, "name" text not null, "description" text not null default '', "role" text not null, "created_by" uuid null, "created_at" timestamptz not null default now(), "disabled_at" timestamptz null, primary key ("id"));
create index "service_accounts_tenant_id_role_index" on "auth"."service_accounts" ("tenant_id", "role");
alter table "auth"."service_accounts" add constraint "service_accounts_tenant_id_name_unique" unique ("tenant_id", "name");

create table "auth"."sessions" ("id" uuid not null, "user_id" uuid not null, "tenant_id" uuid not null, "methods" text[] not null, "authenticated_at" timestamptz not null default now(), "device" text null, "user_agent" text null, "address" text null, "created_at" timestamptz not null default now(), "last_seen_at" timestamptz not null default now(), "expires_at" timestamptz not null, "ended_at" timestamptz null, "end_reason" text null, "generation" int not null default 1, "token_hash" bytea not null, "previous_hash" bytea null, "sealed_child" bytea null, "rotated_at" timestamptz null, "rotated_for" bytea null, primary key ("id"));
create index "sessions_user_id_expires_at_index" on "auth"."sessions" ("user_id", "expires_at");
create index "sessions_tenant_id_user_id_index" on "auth"."sessions" ("tenant_id", "user_id");
create index "sessions_expires_at_index" on "auth"."sessions" ("expires_at");
alter table "auth"."sessions" add constraint "sessions_end_reason_check" check ("end_reason" in ('signed_out', 'revoked', 'password', 'reuse', 'idle', 'deactivated'));

create table "auth"."signing_keys" ("kid" text not null, "state" text not null, "public_jwk" jsonb not null, "master_key_id" text not null, "sealed_private_jwk" bytea not null, "created_at" timestamptz not null default now(), "activated_at" timestamptz null, "retired_at" timestamptz null, primary key ("kid"));
create unique index "signing_keys_one_active" on "auth"."signing_keys" ("state") where state = 'active';
alter table "auth"."signing_keys" add constraint "signing_keys_state_check" check ("state" in ('next', 'active', 'retired'));

create table "auth"."roles" ("tenant_id" uuid not null, "name" text not null, "description" text not null default '', "permissions" text[] not null, "rules" jsonb not null default '[]', "created_at" timestamptz not null default now(), "updated_at" timestamptz not null default now(), primary key ("tenant_id", "name"));

create table "auth"."totp_factors" ("user_id" uuid not null, "master_key_id" text not null, "sealed_secret" bytea not null, "confirmed_at" timestamptz null, "last_step" bigint not null default '0', "created_at" timestamptz not null default now(), primary key ("user_id"));

create table "auth"."users" ("id" uuid not null default gen_random_uuid(), "email" varchar(255) not null, "email_confirmed_at" timestamptz null, "password_hash" varchar(255) not null, "first_name" varchar(100) null, "last_name" varchar(100) null, "created_at" timestamptz not null default now(), "updated_at" timestamptz not null default now(), "last_login_at" timestamptz null, "is_active" boolean not null default true, primary key ("id"));
alter table "auth"."users" add constraint "users_email_unique" unique ("email");
create index "users_created_at_index" on "auth"."users" ("created_at");

alter table "auth"."api_keys" enable row level security;
create policy "tenant_isolation" on "auth"."api_keys" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');
alter table "auth"."audit_chains" enable row level security;
create policy "tenant_isolation" on "auth"."audit_chains" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');
alter table "auth"."audit_checkpoints" enable row level security;
create policy "system_only" on "auth"."audit_checkpoints" using ((select current_setting('legendo.scope', true)) = 'system') with check ((select current_setting('legendo.scope', true)) = 'system');
alter table "auth"."audit" enable row level security;
create policy "tenant_isolation" on "auth"."audit" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');
alter table "auth"."audit_keys" enable row level security;
create policy "system_only" on "auth"."audit_keys" using ((select current_setting('legendo.scope', true)) = 'system') with check ((select current_setting('legendo.scope', true)) = 'system');
alter table "auth"."acts" enable row level security;
create policy "tenant_isolation" on "auth"."acts" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');
alter table "auth"."actors" enable row level security;
create policy "tenant_isolation" on "auth"."actors" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');
alter table "auth"."actor_messages" enable row level security;
create policy "tenant_isolation" on "auth"."actor_messages" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');
alter table "auth"."dead_letters" enable row level security;
create policy "tenant_isolation" on "auth"."dead_letters" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');
alter table "auth"."events" enable row level security;
create policy "tenant_isolation" on "auth"."events" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');
alter table "auth"."idempotency_keys" enable row level security;
create policy "tenant_isolation" on "auth"."idempotency_keys" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');
alter table "auth"."inbox" enable row level security;
create policy "tenant_isolation" on "auth"."inbox" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');
alter table "auth"."outbox" enable row level security;
create policy "tenant_isolation" on "auth"."outbox" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');
alter table "auth"."streams" enable row level security;
create policy "tenant_isolation" on "auth"."streams" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');
alter table "auth"."challenges" enable row level security;
create policy "system_only" on "auth"."challenges" using ((select current_setting('legendo.scope', true)) = 'system') with check ((select current_setting('legendo.scope', true)) = 'system');
alter table "auth"."factor_attempts" enable row level security;
create policy "system_only" on "auth"."factor_attempts" using ((select current_setting('legendo.scope', true)) = 'system') with check ((select current_setting('legendo.scope', true)) = 'system');
alter table "auth"."identities" enable row level security;
create policy "system_only" on "auth"."identities" using ((select current_setting('legendo.scope', true)) = 'system') with check ((select current_setting('legendo.scope', true)) = 'system');
alter table "auth"."invitations" enable row level security;
create policy "tenant_isolation" on "auth"."invitations" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');
alter table "auth"."links" enable row level security;
create policy "system_only" on "auth"."links" using ((select current_setting('legendo.scope', true)) = 'system') with check ((select current_setting('legendo.scope', true)) = 'system');
alter table "auth"."memberships" enable row level security;
create policy "tenant_isolation" on "auth"."memberships" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');
alter table "auth"."oauth_clients" enable row level security;
create policy "tenant_isolation" on "auth"."oauth_clients" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');
alter table "auth"."oidc_keys" enable row level security;
create policy "system_only" on "auth"."oidc_keys" using ((select current_setting('legendo.scope', true)) = 'system') with check ((select current_setting('legendo.scope', true)) = 'system');
alter table "auth"."oidc_records" enable row level security;
create policy "tenant_isolation" on "auth"."oidc_records" using (exists (select 1 from auth.oauth_clients c where c.id = oidc_records.client_id and c.tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid)) or (select current_setting('legendo.scope', true)) = 'system') with check ((select current_setting('legendo.scope', true)) = 'system');
alter table "auth"."organisations" enable row level security;
create policy "tenant_isolation" on "auth"."organisations" using (id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');
alter table "auth"."passkeys" enable row level security;
create policy "system_only" on "auth"."passkeys" using ((select current_setting('legendo.scope', true)) = 'system') with check ((select current_setting('legendo.scope', true)) = 'system');
alter table "auth"."recovery_codes" enable row level security;
create policy "system_only" on "auth"."recovery_codes" using ((select current_setting('legendo.scope', true)) = 'system') with check ((select current_setting('legendo.scope', true)) = 'system');
alter table "auth"."revocations" enable row level security;
create policy "system_only" on "auth"."revocations" using ((select current_setting('legendo.scope', true)) = 'system') with check ((select current_setting('legendo.scope', true)) = 'system');
alter table "auth"."service_accounts" enable row level security;
create policy "tenant_isolation" on "auth"."service_accounts" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');
alter table "auth"."sessions" enable row level security;
create policy "tenant_isolation" on "auth"."sessions" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');
alter table "auth"."signing_keys" enable row level security;
create policy "system_only" on "auth"."signing_keys" using ((select current_setting('legendo.scope', true)) = 'system') with check ((select current_setting('legendo.scope', true)) = 'system');
alter table "auth"."roles" enable row level security;
create policy "tenant_isolation" on "auth"."roles" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');
alter table "auth"."totp_factors" enable row level security;
create policy "system_only" on "auth"."totp_factors" using ((select current_setting('legendo.scope', true)) = 'system') with check ((select current_setting('legendo.scope', true)) = 'system');
alter table "auth"."users" enable row level security;
create policy "tenant_isolation" on "auth"."users" using (exists (select 1 from auth.memberships m where m.user_id = users.id and m.tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid)) or (select current_setting('legendo.scope', true)) = 'system') with check ((select current_setting('legendo.scope', true)) = 'system');

create or replace function auth.make_event_partitions(ahead int) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp set timezone = 'UTC' set lock_timeout = '5s' as $$
declare
  month timestamptz;
  name text;
begin
  for i in 0 .. least(ahead, 24) loop
    month := date_trunc('month', now()) + i * interval '1 month';
    name := 'events_' || to_char(month, 'YYYY_MM');
    if not exists (select 1 from pg_tables where schemaname = 'auth' and tablename = name) then
      -- Another node may be making it. Asked of the table, not of to_regclass, which may remember that there was none.
      perform pg_advisory_xact_lock(hashtext('auth event partitions'));
      if not exists (select 1 from pg_tables where schemaname = 'auth' and tablename = name) then
        -- Attached rather than made in place: that waits for nobody who reads or writes the table.
        execute format('create table auth.%I (like auth.events including defaults)', name);
        execute format('create unique index %I on auth.%I (tenant_id, stream, version)', name || '_stream', name);
        execute format('alter table auth.%I enable row level security', name);
        execute format('alter table auth.events attach partition auth.%I for values from (%L) to (%L)', name, month, month + interval '1 month');
      end if;
    end if;
    name := 'audit_' || to_char(month, 'YYYY_MM');
    if not exists (select 1 from pg_tables where schemaname = 'auth' and tablename = name) then
      -- Another node may be making it. Asked of the table, not of to_regclass, which may remember that there was none.
      perform pg_advisory_xact_lock(hashtext('auth event partitions'));
      if not exists (select 1 from pg_tables where schemaname = 'auth' and tablename = name) then
        -- Attached rather than made in place: that waits for nobody who reads or writes the table.
        execute format('create table auth.%I (like auth.audit including defaults)', name);
        execute format('create unique index %I on auth.%I (tenant_id, position)', name || '_position', name);
        execute format('alter table auth.%I enable row level security', name);
        execute format('alter table auth.audit attach partition auth.%I for values from (%L) to (%L)', name, month, month + interval '1 month');
      end if;
    end if;
  end loop;
end $$;
revoke all on function auth.make_event_partitions(int) from public;

create or replace function auth.archive_event_partitions(keep int) returns setof text
language plpgsql security definer set search_path = pg_catalog, pg_temp set timezone = 'UTC' set lock_timeout = '5s' as $$
declare
  name text;
begin
  if keep < 3 then raise exception 'at least 3 months of events are kept, not %', keep using errcode = 'invalid_parameter_value'; end if;
  for name in
    select c.relname from pg_inherits i join pg_class c on c.oid = i.inhrelid
    where i.inhparent = 'auth.events'::regclass and c.relname < 'events_' || to_char(date_trunc('month', now()) - keep * interval '1 month', 'YYYY_MM')
    order by 1
  loop
    execute format('alter table auth.events detach partition auth.%I', name);
    execute format('alter table auth.%I set schema auth_archive', name);
    return next name;
  end loop;
end $$;
revoke all on function auth.archive_event_partitions(int) from public;

create or replace function auth.archive_audit_partitions(keep int) returns setof text
language plpgsql security definer set search_path = pg_catalog, pg_temp set timezone = 'UTC' set lock_timeout = '5s' as $$
declare
  name text;
begin
  if keep < 3 then raise exception 'at least 3 months of audit are kept, not %', keep using errcode = 'invalid_parameter_value'; end if;
  for name in
    select c.relname from pg_inherits i join pg_class c on c.oid = i.inhrelid
    where i.inhparent = 'auth.audit'::regclass and c.relname < 'audit_' || to_char(date_trunc('month', now()) - keep * interval '1 month', 'YYYY_MM')
    order by 1
  loop
    execute format('alter table auth.audit detach partition auth.%I', name);
    execute format('alter table auth.%I set schema auth_archive', name);
    return next name;
  end loop;
end $$;
revoke all on function auth.archive_audit_partitions(int) from public;

-- sync

create schema if not exists "sync";
create table "sync"."assets" ("id" uuid not null default gen_random_uuid(), "tenant_id" uuid not null, "source_id" uuid not null, "path" text collate "C" not null, "name" text collate "C" not null, "version" int not null default 1, "content_id" bytea not null, "size" bigint not null, "fingerprint" text not null, "modified_at" timestamptz null, "media_type" text null, "category" text null, "duplicate_of" uuid null, "created_at" timestamptz not null default now(), "updated_at" timestamptz not null default now(), "gone_at" timestamptz null, "removed_at" timestamptz null, primary key ("id"));
create index "assets_source_id_created_at_index" on "sync"."assets" ("source_id", "created_at");
create index "assets_source_id_updated_at_index" on "sync"."assets" ("source_id", "updated_at");
create index "assets_source_id_name_id_index" on "sync"."assets" ("source_id", "name", "id");
create index "assets_source_id_size_id_index" on "sync"."assets" ("source_id", "size", "id");
create index "assets_by_category" on "sync"."assets" ("tenant_id", "category", "created_at") where category is not null;
create index "assets_by_media_type" on "sync"."assets" ("tenant_id", "media_type", "created_at") where media_type is not null;
create index "assets_gone" on "sync"."assets" ("source_id", "gone_at") where gone_at is not null;
create index "assets_tenant_id_content_id_index" on "sync"."assets" ("tenant_id", "content_id");
alter table "sync"."assets" add constraint "assets_tenant_id_source_id_path_unique" unique ("tenant_id", "source_id", "path");

create table "sync"."asset_versions" ("asset_id" uuid not null, "version" int not null, "tenant_id" uuid not null, "change" text not null default 'stored', "path" text collate "C" not null default '', "content_id" bytea not null, "masked_checksum" bytea not null, "size" bigint not null, "modified_at" timestamptz null, "job_id" uuid not null, "created_at" timestamptz not null default now(), primary key ("asset_id", "version"));
create index "asset_versions_moves" on "sync"."asset_versions" ("tenant_id", "created_at", "asset_id") where change = 'moved';
alter table "sync"."asset_versions" add constraint "asset_versions_change_check" check ("change" in ('stored', 'moved', 'touched', 'gone', 'returned'));

create table "sync"."asset_words" ("asset_id" uuid not null, "tenant_id" uuid not null, "words" tsvector not null, primary key ("asset_id"));
create index "asset_words_words" on "sync"."asset_words" using gin ("words");

create table "sync"."blobs" ("tenant_id" uuid not null, "content_id" bytea not null, "part" int not null default 0, "pack_id" uuid not null, "position" bigint not null, "size" bigint not null, "stored_size" bigint not null default '0', "encoding" smallint not null default 0, primary key ("tenant_id", "content_id", "part"));
create index "blobs_pack_id_index" on "sync"."blobs" ("pack_id");

create table "sync"."mirror_items" ("target_id" uuid not null, "path" text collate "C" not null, "tenant_id" uuid not null, "content_id" bytea not null, "size" bigint not null, "fingerprint" text not null, "written_at" timestamptz not null default now(), primary key ("target_id", "path"));

create table "sync"."packs" ("id" uuid not null, "tenant_id" uuid not null, "storage_key" text not null, "chunk_size" int not null, "plain_size" bigint not null, "sealed_size" bigint not null, "tenant_key_id" uuid not null, "wrapped_key" bytea not null, "created_at" timestamptz not null default now(), "verified_at" timestamptz null, "damaged_at" timestamptz null, "damage" text null, "doomed_at" timestamptz null, primary key ("id"));
create index "packs_tenant_id_index" on "sync"."packs" ("tenant_id");
create index "packs_tenant_id_tenant_key_id_index" on "sync"."packs" ("tenant_id", "tenant_key_id");
create index "packs_doomed" on "sync"."packs" ("doomed_at") where doomed_at is not null;

create table "sync"."acts" ("id" uuid not null, "tenant_id" uuid not null, "act" jsonb not null, "created_at" timestamptz not null default now(), primary key ("id"));

create table "sync"."actors" ("key" text not null, "tenant_id" uuid not null, "kind" text not null, "owner" text null, "epoch" bigint not null default '0', "lease_until" timestamptz null, "pending" int not null default 0, primary key ("key"));
create index "sync_actors_waiting" on "sync"."actors" ("kind", "lease_until") where pending > 0;

create table "sync"."actor_messages" ("id" bigint generated always as identity not null primary key, "key" text not null, "tenant_id" uuid not null, "message_id" text not null, "type" text not null, "body" jsonb not null, "attempts" int not null default 0, "created_at" timestamptz not null default now(), "done_at" timestamptz null);
alter table "sync"."actor_messages" add constraint "actor_messages_message_id_unique" unique ("message_id");
create index "sync_actor_messages_waiting" on "sync"."actor_messages" ("key", "id") where done_at is null;

create table "sync"."dead_letters" ("id" uuid not null default gen_random_uuid(), "tenant_id" uuid not null, "consumer" text not null, "event" jsonb not null, "attempts" int not null, "error_type" text not null, "error_message" text not null, "created_at" timestamptz not null default now(), "replayed_at" timestamptz null, primary key ("id"));
create index "dead_letters_tenant_id_created_at_index" on "sync"."dead_letters" ("tenant_id", "created_at");

create table "sync"."events" ("created_at" timestamptz not null default now(), "id" uuid not null, "position" bigint generated always as identity not null, "transaction" xid8 not null default pg_current_xact_id(), "tenant_id" uuid not null, "stream" text not null, "version" int not null, "type" text not null, "data" jsonb not null, "actor" text null, primary key ("created_at", "id")) partition by range ("created_at");
create index "events_transaction_position_index" on "sync"."events" ("transaction", "position");
create index "events_tenant_id_created_at_index" on "sync"."events" ("tenant_id", "created_at");
create or replace function "sync"."events_sync_events_append_only_fn"() returns trigger as $$ begin raise exception 'events are append-only' using errcode = 'restrict_violation'; return null; end; $$ language plpgsql;
create trigger "sync_events_append_only" BEFORE UPDATE OR DELETE on "sync"."events" for each ROW execute function "sync"."events_sync_events_append_only_fn"();

create table "sync"."idempotency_keys" ("tenant_id" uuid not null, "action" text not null, "key" text not null, "request_hash" text not null, "response" jsonb null, "created_at" timestamptz not null default now(), primary key ("tenant_id", "action", "key"));
create index "idempotency_keys_created_at_index" on "sync"."idempotency_keys" ("created_at");

create table "sync"."inbox" ("consumer" text not null, "event_id" uuid not null, "tenant_id" uuid not null, "created_at" timestamptz not null default now(), primary key ("consumer", "event_id"));
create index "inbox_created_at_index" on "sync"."inbox" ("created_at");

create table "sync"."outbox" ("id" bigint generated always as identity not null primary key, "tenant_id" uuid not null, "subject" text not null, "message_id" text not null, "payload" jsonb null, "created_at" timestamptz not null default now());
create or replace function "sync"."outbox_sync_outbox_wakes_relay_fn"() returns trigger as $$ begin perform pg_notify('sync_outbox', ''); return null; end; $$ language plpgsql;
create trigger "sync_outbox_wakes_relay" AFTER INSERT on "sync"."outbox" for each STATEMENT execute function "sync"."outbox_sync_outbox_wakes_relay_fn"();

create table "sync"."streams" ("tenant_id" uuid not null, "stream" text not null, "version" int not null, primary key ("tenant_id", "stream"));

create table "sync"."batches" ("job_id" uuid not null, "number" int not null, "tenant_id" uuid not null, "items" jsonb not null, "outcomes" text null, "item_count" int not null, "bytes" bigint not null, "done_at" timestamptz null, "untold" uuid[] null, primary key ("job_id", "number"));
create index "batches_waiting" on "sync"."batches" ("job_id", "number") where done_at is null;
create index "batches_untold" on "sync"."batches" ("job_id") where untold is not null;

create table "sync"."changes" ("job_id" uuid not null, "path" text collate "C" not null, "tenant_id" uuid not null, "action" text not null, "asset_id" uuid not null, "to_path" text collate "C" null, "fingerprint" text null, "modified_at" timestamptz null, "size" bigint not null default '0', "content_id" bytea not null, "move_tag" text null, "done_at" timestamptz null, primary key ("job_id", "path"));
create index "changes_by_content" on "sync"."changes" ("job_id", "content_id") where action = 'retire';
create index "changes_by_tag" on "sync"."changes" ("job_id", "move_tag") where action = 'retire' and move_tag is not null;
alter table "sync"."changes" add constraint "changes_action_check" check ("action" in ('retire', 'move', 'touch'));

create table "sync"."failures" ("job_id" uuid not null, "path" text collate "C" not null, "tenant_id" uuid not null, "type" text not null, "message" text not null, "attempts" int not null default 1, "created_at" timestamptz not null default now(), primary key ("job_id", "path"));

create table "sync"."sync_jobs" ("id" uuid not null default gen_random_uuid(), "tenant_id" uuid not null, "user_id" uuid null, "kind" text not null default 'sync', "source_id" uuid null, "target_id" uuid null, "input" text not null, "mode" text not null default 'incremental', "status" text not null default 'queued', "priority" smallint not null default 1, "host" text not null default '', "progress" int not null default 0, "options" jsonb not null, "sealed_credentials" bytea null, "result" jsonb null, "error_type" text null, "error_message" text null, "approval" jsonb null, "approved_by" text null, "plan_digest" text null, "checkpoint" jsonb null, "group_id" uuid null, "schedule_id" uuid null, "retry_of" uuid null, "items_total" int not null default 0, "items_stored" int not null default 0, "items_unchanged" int not null default 0, "items_deduplicated" int not null default 0, "items_failed" int not null default 0, "items_gone" int not null default 0, "items_moved" int not null default 0, "bytes_total" bigint not null default '0', "bytes_done" bigint not null default '0', "packs" int not null default 0, "bytes_sealed" bigint not null default '0', "rate_bytes" double precision not null default 0, "rate_items" double precision not null default 0, "sampled_at" timestamptz null, "version" int not null default 0, "created_at" timestamptz not null default now(), "planned_at" timestamptz null, "started_at" timestamptz null, "completed_at" timestamptz null, primary key ("id"));
create index "sync_jobs_user_id_index" on "sync"."sync_jobs" ("user_id");
create index "sync_jobs_tenant_id_created_at_id_index" on "sync"."sync_jobs" ("tenant_id", "created_at", "id");
create index "sync_jobs_tenant_id_status_created_at_index" on "sync"."sync_jobs" ("tenant_id", "status", "created_at");
create index "sync_jobs_status_index" on "sync"."sync_jobs" ("status");
create index "sync_jobs_created_at_index" on "sync"."sync_jobs" ("created_at");
create index "sync_jobs_source_id_created_at_index" on "sync"."sync_jobs" ("source_id", "created_at");
create index "sync_jobs_group" on "sync"."sync_jobs" ("group_id") where group_id is not null;
create index "sync_jobs_schedule" on "sync"."sync_jobs" ("schedule_id", "created_at") where schedule_id is not null;
alter table "sync"."sync_jobs" add constraint "sync_jobs_progress_percent" check (progress >= 0 and progress <= 100);
alter table "sync"."sync_jobs" add constraint "sync_jobs_kind_check" check ("kind" in ('sync', 'upload', 'mirror', 'restore', 'verify', 'repair', 'collect', 'rekey', 'expire'));
alter table "sync"."sync_jobs" add constraint "sync_jobs_mode_check" check ("mode" in ('incremental', 'full'));
alter table "sync"."sync_jobs" add constraint "sync_jobs_status_check" check ("status" in ('waiting', 'queued', 'planning', 'awaiting_approval', 'running', 'paused', 'completed', 'completed_with_errors', 'failed', 'cancelled'));

create table "sync"."job_needs" ("job_id" uuid not null, "needs_job_id" uuid not null, "tenant_id" uuid not null, primary key ("job_id", "needs_job_id"));
create index "job_needs_needs_job_id_index" on "sync"."job_needs" ("needs_job_id");

create table "sync"."tenant_limits" ("tenant_id" uuid not null, "jobs" int null, "weight" int null, "updated_at" timestamptz not null default now(), primary key ("tenant_id"));

create table "sync"."parts" ("job_id" uuid not null, "batch" int not null, "number" int not null, "tenant_id" uuid not null, "pack_id" uuid not null, "size" bigint not null, "stored_size" bigint not null, "encoding" smallint not null default 0, "fingerprint" text not null, "created_at" timestamptz not null default now(), primary key ("job_id", "batch", "number"));

create table "sync"."schedules" ("id" uuid not null default gen_random_uuid(), "tenant_id" uuid not null, "user_id" uuid null, "source_id" uuid not null, "name" text not null, "cron" text not null, "time_zone" text not null, "catch_up" text not null default 'once', "mode" text not null default 'incremental', "priority" smallint not null default 1, "options" jsonb not null default '{}', "enabled" boolean not null default true, "next_at" timestamptz null, "last_at" timestamptz null, "last_job_id" uuid null, "skipped" int not null default 0, "created_at" timestamptz not null default now(), primary key ("id"));
create index "schedules_due" on "sync"."schedules" ("next_at") where enabled;
alter table "sync"."schedules" add constraint "schedules_tenant_id_name_unique" unique ("tenant_id", "name");
alter table "sync"."schedules" add constraint "schedules_catch_up_check" check ("catch_up" in ('once', 'skip'));
alter table "sync"."schedules" add constraint "schedules_mode_check" check ("mode" in ('incremental', 'full'));

create table "sync"."sources" ("id" uuid not null default gen_random_uuid(), "tenant_id" uuid not null, "kind" text not null, "uri" text not null, "name" text null, "host" text not null default '', "settings" jsonb not null default '{}', "sealed_spec" bytea null, "created_at" timestamptz not null default now(), "updated_at" timestamptz not null default now(), primary key ("id"));
alter table "sync"."sources" add constraint "sources_tenant_id_uri_unique" unique ("tenant_id", "uri");
alter table "sync"."sources" add constraint "sources_tenant_id_name_unique" unique ("tenant_id", "name");

create table "sync"."turns" ("tenant_id" uuid not null, "used" double precision not null default 0, "level" double precision not null default 0, primary key ("tenant_id"));

create table "sync"."tenant_keys" ("id" uuid not null, "tenant_id" uuid not null, "state" text not null default 'current', "master_key_id" text not null, "wrapped_key" bytea not null, "sealed_identity" bytea null, "created_at" timestamptz not null default now(), "retired_at" timestamptz null, primary key ("id"));
create index "tenant_keys_tenant_id_index" on "sync"."tenant_keys" ("tenant_id");
create unique index "tenant_keys_current" on "sync"."tenant_keys" ("tenant_id") where state = 'current';
alter table "sync"."tenant_keys" add constraint "tenant_keys_state_check" check ("state" in ('current', 'retired', 'destroyed'));

alter table "sync"."assets" enable row level security;
create policy "tenant_isolation" on "sync"."assets" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');
alter table "sync"."asset_versions" enable row level security;
create policy "tenant_isolation" on "sync"."asset_versions" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');
alter table "sync"."asset_words" enable row level security;
create policy "tenant_isolation" on "sync"."asset_words" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');
alter table "sync"."blobs" enable row level security;
create policy "tenant_isolation" on "sync"."blobs" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');
alter table "sync"."mirror_items" enable row level security;
create policy "tenant_isolation" on "sync"."mirror_items" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');
alter table "sync"."packs" enable row level security;
create policy "tenant_isolation" on "sync"."packs" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');
alter table "sync"."acts" enable row level security;
create policy "tenant_isolation" on "sync"."acts" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');
alter table "sync"."actors" enable row level security;
create policy "tenant_isolation" on "sync"."actors" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');
alter table "sync"."actor_messages" enable row level security;
create policy "tenant_isolation" on "sync"."actor_messages" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');
alter table "sync"."dead_letters" enable row level security;
create policy "tenant_isolation" on "sync"."dead_letters" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');
alter table "sync"."events" enable row level security;
create policy "tenant_isolation" on "sync"."events" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');
alter table "sync"."idempotency_keys" enable row level security;
create policy "tenant_isolation" on "sync"."idempotency_keys" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');
alter table "sync"."inbox" enable row level security;
create policy "tenant_isolation" on "sync"."inbox" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');
alter table "sync"."outbox" enable row level security;
create policy "tenant_isolation" on "sync"."outbox" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');
alter table "sync"."streams" enable row level security;
create policy "tenant_isolation" on "sync"."streams" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');
alter table "sync"."batches" enable row level security;
create policy "tenant_isolation" on "sync"."batches" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');
alter table "sync"."changes" enable row level security;
create policy "tenant_isolation" on "sync"."changes" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');
alter table "sync"."failures" enable row level security;
create policy "tenant_isolation" on "sync"."failures" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');
alter table "sync"."sync_jobs" enable row level security;
create policy "tenant_isolation" on "sync"."sync_jobs" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');
alter table "sync"."job_needs" enable row level security;
create policy "tenant_isolation" on "sync"."job_needs" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');
alter table "sync"."tenant_limits" enable row level security;
create policy "tenant_isolation" on "sync"."tenant_limits" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');
alter table "sync"."parts" enable row level security;
create policy "tenant_isolation" on "sync"."parts" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');
alter table "sync"."schedules" enable row level security;
create policy "tenant_isolation" on "sync"."schedules" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');
alter table "sync"."sources" enable row level security;
create policy "tenant_isolation" on "sync"."sources" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');
alter table "sync"."turns" enable row level security;
create policy "tenant_isolation" on "sync"."turns" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');
alter table "sync"."tenant_keys" enable row level security;
create policy "tenant_isolation" on "sync"."tenant_keys" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');

create or replace function sync.make_event_partitions(ahead int) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp set timezone = 'UTC' set lock_timeout = '5s' as $$
declare
  month timestamptz;
  name text;
begin
  for i in 0 .. least(ahead, 24) loop
    month := date_trunc('month', now()) + i * interval '1 month';
    name := 'events_' || to_char(month, 'YYYY_MM');
    if not exists (select 1 from pg_tables where schemaname = 'sync' and tablename = name) then
      -- Another node may be making it. Asked of the table, not of to_regclass, which may remember that there was none.
      perform pg_advisory_xact_lock(hashtext('sync event partitions'));
      if not exists (select 1 from pg_tables where schemaname = 'sync' and tablename = name) then
        -- Attached rather than made in place: that waits for nobody who reads or writes the table.
        execute format('create table sync.%I (like sync.events including defaults)', name);
        execute format('create unique index %I on sync.%I (tenant_id, stream, version)', name || '_stream', name);
        execute format('alter table sync.%I enable row level security', name);
        execute format('alter table sync.events attach partition sync.%I for values from (%L) to (%L)', name, month, month + interval '1 month');
      end if;
    end if;
  end loop;
end $$;
revoke all on function sync.make_event_partitions(int) from public;

create or replace function sync.archive_event_partitions(keep int) returns setof text
language plpgsql security definer set search_path = pg_catalog, pg_temp set timezone = 'UTC' set lock_timeout = '5s' as $$
declare
  name text;
begin
  if keep < 3 then raise exception 'at least 3 months of events are kept, not %', keep using errcode = 'invalid_parameter_value'; end if;
  for name in
    select c.relname from pg_inherits i join pg_class c on c.oid = i.inhrelid
    where i.inhparent = 'sync.events'::regclass and c.relname < 'events_' || to_char(date_trunc('month', now()) - keep * interval '1 month', 'YYYY_MM')
    order by 1
  loop
    execute format('alter table sync.events detach partition sync.%I', name);
    execute format('alter table sync.%I set schema sync_archive', name);
    return next name;
  end loop;
end $$;
revoke all on function sync.archive_event_partitions(int) from public;

create or replace function sync.words_query(wanted text) returns tsquery language sql stable set search_path = pg_catalog, pg_temp as $$
  select string_agg('''' || word || '''' || case when octet_length(word) > 10 then ':*' else '' end, ' & ')::tsquery from unnest(tsvector_to_array(array_to_tsvector(string_to_array(left((select nullif(current_setting('legendo.tenant', true), '')::uuid)::text, 8) || regexp_replace(lower(right(wanted, 500) collate "und-x-icu"), '[^[:alnum:]]+', ' ' || left((select nullif(current_setting('legendo.tenant', true), '')::uuid)::text, 8), 'g'), ' ')))) as word where length(word) > 8
$$;

create or replace function sync.assets_matching(wanted text, most int) returns setof uuid
language sql stable security definer set search_path = pg_catalog, pg_temp set enable_seqscan = off as $$
  with frequent as materialized (
    select f.word, f.share from pg_stats s cross join unnest(s.most_common_elems::text::text[], s.most_common_elem_freqs) as f(word, share)
    where s.schemaname = 'sync' and s.tablename = 'asset_words' and s.attname = 'words'
  ), estimated as (
    select word, coalesce((select sum(share) from frequent f where starts_with(f.word, w.word)), 0)
                 * (select reltuples from pg_class where oid = 'sync.asset_words'::regclass) as assets
    from (select word from unnest(tsvector_to_array(array_to_tsvector(string_to_array(left((select nullif(current_setting('legendo.tenant', true), '')::uuid)::text, 8) || regexp_replace(lower(right(wanted, 500) collate "und-x-icu"), '[^[:alnum:]]+', ' ' || left((select nullif(current_setting('legendo.tenant', true), '')::uuid)::text, 8), 'g'), ' ')))) as word where length(word) > 8) w
  ), query as materialized (
    select string_agg('''' || word || '''' || case when octet_length(word) > 10 then ':*' else '' end, ' & ')::tsquery as words
    from (select word, row_number() over rarest as number, sum(assets) over rarest as assets from estimated window rarest as (order by assets, word)) e
    where number = 1 or assets < 1000000
  ), found as materialized (
    select w.asset_id, w.tenant_id, w.words from sync.asset_words w where w.words @@ (select words from query) limit most
  )
  select asset_id from found
  where tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) and ((select count(*) from found) >= most or words @@ (select sync.words_query(wanted)))
$$;
revoke all on function sync.assets_matching(text, int) from public;

-- ai

create schema if not exists "ai";
create table "ai"."acts" ("id" uuid not null, "tenant_id" uuid not null, "act" jsonb not null, "created_at" timestamptz not null default now(), primary key ("id"));

create table "ai"."actors" ("key" text not null, "tenant_id" uuid not null, "kind" text not null, "owner" text null, "epoch" bigint not null default '0', "lease_until" timestamptz null, "pending" int not null default 0, primary key ("key"));
create index "ai_actors_waiting" on "ai"."actors" ("kind", "lease_until") where pending > 0;

create table "ai"."actor_messages" ("id" bigint generated always as identity not null primary key, "key" text not null, "tenant_id" uuid not null, "message_id" text not null, "type" text not null, "body" jsonb not null, "attempts" int not null default 0, "created_at" timestamptz not null default now(), "done_at" timestamptz null);
alter table "ai"."actor_messages" add constraint "actor_messages_message_id_unique" unique ("message_id");
create index "ai_actor_messages_waiting" on "ai"."actor_messages" ("key", "id") where done_at is null;

create table "ai"."dead_letters" ("id" uuid not null default gen_random_uuid(), "tenant_id" uuid not null, "consumer" text not null, "event" jsonb not null, "attempts" int not null, "error_type" text not null, "error_message" text not null, "created_at" timestamptz not null default now(), "replayed_at" timestamptz null, primary key ("id"));
create index "dead_letters_tenant_id_created_at_index" on "ai"."dead_letters" ("tenant_id", "created_at");

create table "ai"."events" ("created_at" timestamptz not null default now(), "id" uuid not null, "position" bigint generated always as identity not null, "transaction" xid8 not null default pg_current_xact_id(), "tenant_id" uuid not null, "stream" text not null, "version" int not null, "type" text not null, "data" jsonb not null, "actor" text null, primary key ("created_at", "id")) partition by range ("created_at");
create index "events_transaction_position_index" on "ai"."events" ("transaction", "position");
create index "events_tenant_id_created_at_index" on "ai"."events" ("tenant_id", "created_at");
create or replace function "ai"."events_ai_events_append_only_fn"() returns trigger as $$ begin raise exception 'events are append-only' using errcode = 'restrict_violation'; return null; end; $$ language plpgsql;
create trigger "ai_events_append_only" BEFORE UPDATE OR DELETE on "ai"."events" for each ROW execute function "ai"."events_ai_events_append_only_fn"();

create table "ai"."idempotency_keys" ("tenant_id" uuid not null, "action" text not null, "key" text not null, "request_hash" text not null, "response" jsonb null, "created_at" timestamptz not null default now(), primary key ("tenant_id", "action", "key"));
create index "idempotency_keys_created_at_index" on "ai"."idempotency_keys" ("created_at");

create table "ai"."inbox" ("consumer" text not null, "event_id" uuid not null, "tenant_id" uuid not null, "created_at" timestamptz not null default now(), primary key ("consumer", "event_id"));
create index "inbox_created_at_index" on "ai"."inbox" ("created_at");

create table "ai"."outbox" ("id" bigint generated always as identity not null primary key, "tenant_id" uuid not null, "subject" text not null, "message_id" text not null, "payload" jsonb null, "created_at" timestamptz not null default now());
create or replace function "ai"."outbox_ai_outbox_wakes_relay_fn"() returns trigger as $$ begin perform pg_notify('ai_outbox', ''); return null; end; $$ language plpgsql;
create trigger "ai_outbox_wakes_relay" AFTER INSERT on "ai"."outbox" for each STATEMENT execute function "ai"."outbox_ai_outbox_wakes_relay_fn"();

create table "ai"."streams" ("tenant_id" uuid not null, "stream" text not null, "version" int not null, primary key ("tenant_id", "stream"));

create table "ai"."analyses" ("id" uuid not null default gen_random_uuid(), "tenant_id" uuid not null, "content_id" bytea not null, "analyser" text not null, "asset_id" uuid not null, "status" text not null, "media_type" text not null, "category" text not null, "confidence" real not null, "metadata" jsonb not null, "problem" text null, "duration_ms" int not null, "created_at" timestamptz not null default now(), primary key ("id"));
alter table "ai"."analyses" add constraint "analyses_tenant_id_content_id_analyser_unique" unique ("tenant_id", "content_id", "analyser");
alter table "ai"."analyses" add constraint "analyses_status_check" check ("status" in ('complete', 'partial', 'failed'));

create table "ai"."assets" ("tenant_id" uuid not null, "asset_id" uuid not null, "content_id" bytea not null, "name" text not null, "size" bigint not null, "seen_at" timestamptz not null default clock_timestamp(), primary key ("tenant_id", "asset_id"));
create index "assets_tenant_id_content_id_seen_at_asset_id_index" on "ai"."assets" ("tenant_id", "content_id", "seen_at", "asset_id");

create table "ai"."thumbnails" ("tenant_id" uuid not null, "content_id" bytea not null, "width" smallint not null, "height" smallint not null, "sealed" bytea not null, "created_at" timestamptz not null default now(), primary key ("tenant_id", "content_id"));

alter table "ai"."acts" enable row level security;
create policy "tenant_isolation" on "ai"."acts" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');
alter table "ai"."actors" enable row level security;
create policy "tenant_isolation" on "ai"."actors" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');
alter table "ai"."actor_messages" enable row level security;
create policy "tenant_isolation" on "ai"."actor_messages" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');
alter table "ai"."dead_letters" enable row level security;
create policy "tenant_isolation" on "ai"."dead_letters" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');
alter table "ai"."events" enable row level security;
create policy "tenant_isolation" on "ai"."events" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');
alter table "ai"."idempotency_keys" enable row level security;
create policy "tenant_isolation" on "ai"."idempotency_keys" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');
alter table "ai"."inbox" enable row level security;
create policy "tenant_isolation" on "ai"."inbox" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');
alter table "ai"."outbox" enable row level security;
create policy "tenant_isolation" on "ai"."outbox" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');
alter table "ai"."streams" enable row level security;
create policy "tenant_isolation" on "ai"."streams" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');
alter table "ai"."analyses" enable row level security;
create policy "tenant_isolation" on "ai"."analyses" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');
alter table "ai"."assets" enable row level security;
create policy "tenant_isolation" on "ai"."assets" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');
alter table "ai"."thumbnails" enable row level security;
create policy "tenant_isolation" on "ai"."thumbnails" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');

create or replace function ai.make_event_partitions(ahead int) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp set timezone = 'UTC' set lock_timeout = '5s' as $$
declare
  month timestamptz;
  name text;
begin
  for i in 0 .. least(ahead, 24) loop
    month := date_trunc('month', now()) + i * interval '1 month';
    name := 'events_' || to_char(month, 'YYYY_MM');
    if not exists (select 1 from pg_tables where schemaname = 'ai' and tablename = name) then
      -- Another node may be making it. Asked of the table, not of to_regclass, which may remember that there was none.
      perform pg_advisory_xact_lock(hashtext('ai event partitions'));
      if not exists (select 1 from pg_tables where schemaname = 'ai' and tablename = name) then
        -- Attached rather than made in place: that waits for nobody who reads or writes the table.
        execute format('create table ai.%I (like ai.events including defaults)', name);
        execute format('create unique index %I on ai.%I (tenant_id, stream, version)', name || '_stream', name);
        execute format('alter table ai.%I enable row level security', name);
        execute format('alter table ai.events attach partition ai.%I for values from (%L) to (%L)', name, month, month + interval '1 month');
      end if;
    end if;
  end loop;
end $$;
revoke all on function ai.make_event_partitions(int) from public;

create or replace function ai.archive_event_partitions(keep int) returns setof text
language plpgsql security definer set search_path = pg_catalog, pg_temp set timezone = 'UTC' set lock_timeout = '5s' as $$
declare
  name text;
begin
  if keep < 3 then raise exception 'at least 3 months of events are kept, not %', keep using errcode = 'invalid_parameter_value'; end if;
  for name in
    select c.relname from pg_inherits i join pg_class c on c.oid = i.inhrelid
    where i.inhparent = 'ai.events'::regclass and c.relname < 'events_' || to_char(date_trunc('month', now()) - keep * interval '1 month', 'YYYY_MM')
    order by 1
  loop
    execute format('alter table ai.events detach partition ai.%I', name);
    execute format('alter table ai.%I set schema ai_archive', name);
    return next name;
  end loop;
end $$;
revoke all on function ai.archive_event_partitions(int) from public;

-- payment

create schema if not exists "payment";
create table "payment"."authorizations" ("id" uuid not null default gen_random_uuid(), "tenant_id" uuid not null, "payment_id" uuid not null, "paypal_id" varchar(255) not null, "amount_minor" bigint not null, "currency" varchar(3) not null, "status" text not null, "paypal_status" text not null, "reason" text null, "authorized_at" timestamptz not null, "honored_until" timestamptz not null, "expires_at" timestamptz not null, "replaces" uuid null, "claim" uuid null, "claimed_until" timestamptz null, "next_check_at" timestamptz null, "checks" int not null default 0, "given_up_at" timestamptz null, "created_at" timestamptz not null default now(), primary key ("id"));
create index "authorizations_payment_id_index" on "payment"."authorizations" ("payment_id");
create index "authorizations_due" on "payment"."authorizations" ("next_check_at") where next_check_at is not null;
create index "authorizations_due_of" on "payment"."authorizations" ("tenant_id", "next_check_at") where next_check_at is not null;
create index "authorizations_given_up" on "payment"."authorizations" ("tenant_id", "given_up_at") where given_up_at is not null;
alter table "payment"."authorizations" add constraint "authorizations_tenant_id_paypal_id_unique" unique ("tenant_id", "paypal_id");
alter table "payment"."authorizations" add constraint "authorizations_amount_positive" check (amount_minor > 0);
alter table "payment"."authorizations" add constraint "authorizations_status_check" check ("status" in ('pending', 'created', 'partially_captured', 'captured', 'denied', 'voided', 'expired', 'replaced'));

create table "payment"."captures" ("id" uuid not null default gen_random_uuid(), "tenant_id" uuid not null, "payment_id" uuid not null, "paypal_id" varchar(255) null, "authorization_id" uuid null, "final" boolean not null default true, "user_id" uuid null, "amount_minor" bigint not null, "currency" varchar(3) not null, "status" text not null, "paypal_status" text null, "reason" text null, "fee_minor" bigint null, "net_minor" bigint null, "settled_minor" bigint null, "settled_currency" varchar(3) null, "exchange_rate" varchar(40) null, "failure_type" text null, "failure_message" text null, "claim" uuid null, "claimed_until" timestamptz null, "next_check_at" timestamptz null, "checks" int not null default 0, "given_up_at" timestamptz null, "created_at" timestamptz not null default now(), "captured_at" timestamptz null, primary key ("id"));
create index "captures_payment_id_index" on "payment"."captures" ("payment_id");
create index "captures_tenant_id_captured_at_index" on "payment"."captures" ("tenant_id", "captured_at");
create index "captures_due" on "payment"."captures" ("next_check_at") where next_check_at is not null;
create index "captures_due_of" on "payment"."captures" ("tenant_id", "next_check_at") where next_check_at is not null;
create index "captures_given_up" on "payment"."captures" ("tenant_id", "given_up_at") where given_up_at is not null;
alter table "payment"."captures" add constraint "captures_tenant_id_paypal_id_unique" unique ("tenant_id", "paypal_id");
alter table "payment"."captures" add constraint "captures_amount_positive" check (amount_minor > 0);
alter table "payment"."captures" add constraint "captures_completed_has_id" check (status <> 'completed' or (paypal_id is not null and captured_at is not null));
alter table "payment"."captures" add constraint "captures_status_check" check ("status" in ('requested', 'pending', 'completed', 'declined', 'failed'));

create table "payment"."disputes" ("id" uuid not null default gen_random_uuid(), "tenant_id" uuid not null, "account_id" uuid null, "paypal_id" varchar(255) not null, "payment_id" uuid null, "subscription_id" uuid null, "invoice_id" uuid null, "capture_id" varchar(255) not null, "state" text not null default 'open', "outcome" text null, "reason" text not null, "paypal_status" text not null, "stage" text not null, "channel" text not null, "amount_minor" bigint not null, "currency" varchar(3) not null, "lost_minor" bigint null, "fee_minor" bigint null, "due_at" timestamptz null, "reminders" int not null default 0, "held_at" timestamptz null, "accepted_at" timestamptz null, "answered_at" timestamptz null, "next_check_at" timestamptz null, "opened_at" timestamptz not null, "changed_at" timestamptz not null, "resolved_at" timestamptz null, "noticed_at" timestamptz null, "created_at" timestamptz not null default now(), primary key ("id"));
create index "disputes_tenant_id_opened_at_id_index" on "payment"."disputes" ("tenant_id", "opened_at", "id");
create index "disputes_tenant_id_capture_id_index" on "payment"."disputes" ("tenant_id", "capture_id");
create index "disputes_payment_id_index" on "payment"."disputes" ("payment_id");
create index "disputes_due" on "payment"."disputes" ("next_check_at") where next_check_at is not null;
create index "disputes_deadlines" on "payment"."disputes" ("due_at") where due_at is not null;
alter table "payment"."disputes" add constraint "disputes_tenant_id_paypal_id_unique" unique ("tenant_id", "paypal_id");
alter table "payment"."disputes" add constraint "disputes_amount_positive" check (amount_minor > 0);
alter table "payment"."disputes" add constraint "disputes_about_something" check (payment_id is not null or subscription_id is not null or invoice_id is not null);
alter table "payment"."disputes" add constraint "disputes_state_check" check ("state" in ('open', 'resolved'));
alter table "payment"."disputes" add constraint "disputes_outcome_check" check ("outcome" in ('won', 'lost', 'paid_by_paypal', 'withdrawn', 'other'));

create table "payment"."fraud_assessments" ("id" uuid not null default gen_random_uuid(), "tenant_id" uuid not null, "kind" text not null, "object_id" uuid not null, "rule_set_version" int not null, "facts" jsonb not null, "decision" text not null, "score" int not null, "reasons" jsonb not null, "shadow" jsonb null, "differs" boolean not null default false, "amount_minor" bigint not null, "currency" varchar(3) not null, "email_key" text null, "ip_key" text null, "card_key" text null, "user_key" text null, "review_state" text null, "review_until" timestamptz null, "reviewed_by" text null, "review_note" text null, "reviewed_at" timestamptz null, "created_at" timestamptz not null default now(), primary key ("id"));
create index "fraud_assessments_tenant_id_created_at_id_index" on "payment"."fraud_assessments" ("tenant_id", "created_at", "id");
create index "fraud_assessments_differ" on "payment"."fraud_assessments" ("tenant_id", "created_at", "id") where differs;
create index "fraud_assessments_refused" on "payment"."fraud_assessments" ("tenant_id", "decision", "created_at", "id") where decision <> 'allow';
create index "fraud_assessments_reviews" on "payment"."fraud_assessments" ("tenant_id", "review_state", "created_at", "id") where review_state is not null;
create index "fraud_assessments_open" on "payment"."fraud_assessments" ("review_until") where review_state = 'open';
create index "fraud_assessments_email" on "payment"."fraud_assessments" ("tenant_id", "email_key", "created_at") where email_key is not null;
create index "fraud_assessments_ip" on "payment"."fraud_assessments" ("tenant_id", "ip_key", "created_at") where ip_key is not null;
create index "fraud_assessments_card" on "payment"."fraud_assessments" ("tenant_id", "card_key", "created_at") where card_key is not null;
create index "fraud_assessments_user" on "payment"."fraud_assessments" ("tenant_id", "user_key", "created_at") where user_key is not null;
alter table "payment"."fraud_assessments" add constraint "fraud_assessments_object_id_unique" unique ("object_id");
alter table "payment"."fraud_assessments" add constraint "fraud_assessments_kind_check" check ("kind" in ('payment', 'subscription'));
alter table "payment"."fraud_assessments" add constraint "fraud_assessments_decision_check" check ("decision" in ('allow', 'review', 'block'));
alter table "payment"."fraud_assessments" add constraint "fraud_assessments_review_state_check" check ("review_state" in ('open', 'approved', 'rejected', 'expired'));

create table "payment"."fraud_list_entries" ("id" uuid not null default gen_random_uuid(), "tenant_id" uuid not null, "list" text not null, "kind" text not null, "value" text not null, "shown" text not null, "note" text not null, "created_by" text not null, "created_at" timestamptz not null default now(), "expires_at" timestamptz null, primary key ("id"));
create index "fraud_list_entries_tenant_id_created_at_id_index" on "payment"."fraud_list_entries" ("tenant_id", "created_at", "id");
alter table "payment"."fraud_list_entries" add constraint "fraud_list_entries_tenant_id_list_kind_value_unique" unique ("tenant_id", "list", "kind", "value");
alter table "payment"."fraud_list_entries" add constraint "fraud_list_entries_list_check" check ("list" in ('block', 'allow'));
alter table "payment"."fraud_list_entries" add constraint "fraud_list_entries_kind_check" check ("kind" in ('email', 'domain', 'ip', 'country', 'card', 'user'));

create table "payment"."fraud_rule_sets" ("id" uuid not null default gen_random_uuid(), "tenant_id" uuid not null, "version" int not null, "state" text not null default 'draft', "note" text not null, "rules" jsonb not null, "created_by" text not null, "created_at" timestamptz not null default now(), "activated_at" timestamptz null, primary key ("id"));
create unique index "fraud_rule_sets_in_use" on "payment"."fraud_rule_sets" ("tenant_id", "state") where state in ('active', 'shadow');
alter table "payment"."fraud_rule_sets" add constraint "fraud_rule_sets_tenant_id_version_unique" unique ("tenant_id", "version");
alter table "payment"."fraud_rule_sets" add constraint "fraud_rule_sets_state_check" check ("state" in ('draft', 'shadow', 'active', 'retired'));

create table "payment"."invoices" ("id" uuid not null, "tenant_id" uuid not null, "user_id" uuid null, "kind" text not null, "status" text not null default 'draft', "series" text null, "sequence" int null, "number" text null, "currency" varchar(3) not null, "amount" numeric(20,2) not null, "net_minor" bigint not null, "tax_minor" bigint not null, "gross_minor" bigint not null, "credited_minor" bigint not null default '0', "content" jsonb not null, "payment_id" uuid null, "subscription_id" uuid null, "sale_id" varchar(50) null, "refund_id" text null, "corrects_id" uuid null, "issue_date" date null, "due_date" date null, "version" int not null default 0, "created_at" timestamptz not null default now(), "issued_at" timestamptz null, "paid_at" timestamptz null, primary key ("id"));
create index "invoices_tenant_id_created_at_id_index" on "payment"."invoices" ("tenant_id", "created_at", "id");
create index "invoices_tenant_id_status_created_at_index" on "payment"."invoices" ("tenant_id", "status", "created_at");
create index "invoices_issue_date" on "payment"."invoices" ("tenant_id", "issue_date") where issue_date is not null;
create index "invoices_credit_notes" on "payment"."invoices" ("corrects_id") where corrects_id is not null;
create unique index "invoices_of_sale" on "payment"."invoices" ("tenant_id", "sale_id") where sale_id is not null and status <> 'void';
create index "invoices_of_subscription" on "payment"."invoices" ("tenant_id", "subscription_id", "created_at") where subscription_id is not null;
create unique index "invoices_of_payment" on "payment"."invoices" ("tenant_id", "payment_id") where payment_id is not null and status <> 'void';
alter table "payment"."invoices" add constraint "invoices_tenant_id_series_sequence_unique" unique ("tenant_id", "series", "sequence");
alter table "payment"."invoices" add constraint "invoices_tenant_id_refund_id_unique" unique ("tenant_id", "refund_id");
alter table "payment"."invoices" add constraint "invoices_sum" check (net_minor + tax_minor = gross_minor);
alter table "payment"."invoices" add constraint "invoices_credit" check (credited_minor >= 0 and credited_minor <= gross_minor);
alter table "payment"."invoices" add constraint "invoices_issued_has_number" check (status = 'draft' or (number is not null and issued_at is not null and issue_date is not null));
alter table "payment"."invoices" add constraint "invoices_paid_at" check (status <> 'paid' or paid_at is not null);
alter table "payment"."invoices" add constraint "invoices_kind_check" check ("kind" in ('invoice', 'credit_note'));
alter table "payment"."invoices" add constraint "invoices_status_check" check ("status" in ('draft', 'issued', 'paid', 'void'));
create or replace function "payment"."invoices_invoices_immutable_fn"() returns trigger as $$ begin if old.status = 'draft' then return case when tg_op = 'DELETE' then old else new end; end if; if tg_op = 'UPDATE' and to_jsonb(new) - '{status,paid_at,credited_minor,version}'::text[] = to_jsonb(old) - '{status,paid_at,credited_minor,version}'::text[] and new.credited_minor >= old.credited_minor and (new.status = old.status or old.status || ' ' || new.status in ('issued paid', 'issued void', 'paid void')) then return new; end if; raise exception 'an issued invoice is not changed' using errcode = 'restrict_violation'; end; $$ language plpgsql;
create trigger "invoices_immutable" BEFORE UPDATE OR DELETE on "payment"."invoices" for each ROW execute function "payment"."invoices_invoices_immutable_fn"();

create table "payment"."invoice_documents" ("invoice_id" uuid not null, "format" text not null, "tenant_id" uuid not null, "bytes" bytea not null, "sha256" text not null, "created_at" timestamptz not null default now(), primary key ("invoice_id", "format"));
create index "invoice_documents_tenant_id_index" on "payment"."invoice_documents" ("tenant_id");
alter table "payment"."invoice_documents" add constraint "invoice_documents_format_check" check ("format" in ('pdf', 'xml'));
create or replace function "payment"."invoice_documents_invoice_documents_append_only_fn"() returns trigger as $$ begin raise exception 'documents of invoices are append-only' using errcode = 'restrict_violation'; return null; end; $$ language plpgsql;
create trigger "invoice_documents_append_only" BEFORE UPDATE OR DELETE on "payment"."invoice_documents" for each ROW execute function "payment"."invoice_documents_invoice_documents_append_only_fn"();

create table "payment"."invoice_numbers" ("tenant_id" uuid not null, "series" text not null, "last" int not null, primary key ("tenant_id", "series"));

create table "payment"."ledger_entries" ("id" uuid not null default gen_random_uuid(), "tenant_id" uuid not null, "kind" text not null, "object_id" varchar(255) not null, "capture_id" varchar(255) not null, "payment_id" uuid null, "subscription_id" uuid null, "invoice_id" uuid null, "method" text not null, "amount_minor" bigint not null, "currency" varchar(3) not null, "rate" text null, "at" timestamptz not null, "created_at" timestamptz not null default now(), "position" bigint generated always as identity not null, "transaction" xid8 not null default pg_current_xact_id(), primary key ("id"));
create index "ledger_entries_tenant_id_at_id_index" on "payment"."ledger_entries" ("tenant_id", "at", "id");
create index "ledger_entries_capture_id_index" on "payment"."ledger_entries" ("capture_id");
create index "ledger_entries_object_id_index" on "payment"."ledger_entries" ("object_id");
create index "ledger_entries_payment" on "payment"."ledger_entries" ("tenant_id", "payment_id") where payment_id is not null;
create index "ledger_entries_subscription" on "payment"."ledger_entries" ("tenant_id", "subscription_id") where subscription_id is not null;
create index "ledger_entries_invoice" on "payment"."ledger_entries" ("tenant_id", "invoice_id") where invoice_id is not null;
create index "ledger_entries_transaction_position_index" on "payment"."ledger_entries" ("transaction", "position");
alter table "payment"."ledger_entries" add constraint "ledger_entries_tenant_id_kind_object_id_unique" unique ("tenant_id", "kind", "object_id");
alter table "payment"."ledger_entries" add constraint "ledger_entries_kind_check" check ("kind" in ('capture', 'capture_fee', 'capture_conversion', 'refund', 'refund_fee', 'refund_conversion', 'reversal', 'reversal_fee', 'reversal_conversion', 'dispute_hold', 'dispute_release', 'dispute_loss', 'dispute_fee'));
alter table "payment"."ledger_entries" add constraint "ledger_entries_method_check" check ("method" in ('paypal', 'card', 'saved'));
create or replace function "payment"."ledger_entries_ledger_entries_append_only_fn"() returns trigger as $$ begin raise exception 'the ledger is append-only' using errcode = 'restrict_violation'; return null; end; $$ language plpgsql;
create trigger "ledger_entries_append_only" BEFORE UPDATE OR DELETE on "payment"."ledger_entries" for each ROW execute function "payment"."ledger_entries_ledger_entries_append_only_fn"();

create table "payment"."ledger_lines" ("entry_id" uuid not null, "number" smallint not null, "tenant_id" uuid not null, "account" text not null, "currency" varchar(3) not null, "amount_minor" bigint not null, primary key ("entry_id", "number"));
create index "ledger_lines_tenant_id_account_currency_index" on "payment"."ledger_lines" ("tenant_id", "account", "currency");
alter table "payment"."ledger_lines" add constraint "ledger_lines_move_something" check (amount_minor <> 0);
alter table "payment"."ledger_lines" add constraint "ledger_lines_account_check" check ("account" in ('paypal:balance', 'revenue', 'refunds', 'fees', 'disputes:held', 'chargebacks', 'fx'));
create or replace function "payment"."ledger_lines_ledger_lines_append_only_fn"() returns trigger as $$ begin raise exception 'the ledger is append-only' using errcode = 'restrict_violation'; return null; end; $$ language plpgsql;
create trigger "ledger_lines_append_only" BEFORE UPDATE OR DELETE on "payment"."ledger_lines" for each ROW execute function "payment"."ledger_lines_ledger_lines_append_only_fn"();
create or replace function "payment"."ledger_lines_ledger_lines_balance_fn"() returns trigger as $$ begin if not exists (select 1 from payment.ledger_entries e where e.id = new.entry_id and e.tenant_id = new.tenant_id and e.transaction = pg_current_xact_id()) then
  raise exception 'lines are written with their entry' using errcode = 'restrict_violation'; end if; if (select sum(l.amount_minor) from payment.ledger_lines l where l.entry_id = new.entry_id and l.currency = new.currency) <> 0 then
  raise exception 'the lines of a ledger entry sum to zero in each currency' using errcode = 'check_violation'; end if; return null; end; $$ language plpgsql;
create trigger "ledger_lines_balance" AFTER INSERT on "payment"."ledger_lines" for each ROW execute function "payment"."ledger_lines_ledger_lines_balance_fn"();

create table "payment"."payments" ("id" uuid not null default gen_random_uuid(), "tenant_id" uuid not null, "user_id" uuid null, "account_id" uuid null, "paypal_payment_id" varchar(255) null, "amount" numeric(17,2) not null, "amount_minor" bigint not null, "currency" varchar(3) not null, "intent" text not null default 'capture', "method" text not null default 'paypal', "method_id" uuid null, "liability_shift" text null, "captured_minor" bigint not null default '0', "refunded_minor" bigint not null default '0', "status" text not null default 'created', "description" text null, "sale" jsonb null, "tax_minor" bigint null, "approval_url" text null, "return_url" text null, "cancel_url" text null, "capture_id" varchar(255) null, "simulated" boolean not null default false, "failure_type" text null, "failure_message" text null, "version" int not null default 0, "claim" uuid null, "claimed_until" timestamptz null, "next_check_at" timestamptz null, "checks" int not null default 0, "given_up_at" timestamptz null, "created_at" timestamptz not null default now(), "approved_at" timestamptz null, "executed_at" timestamptz null, primary key ("id"));
create index "payments_user_id_index" on "payment"."payments" ("user_id");
alter table "payment"."payments" add constraint "payments_paypal_payment_id_unique" unique ("paypal_payment_id");
alter table "payment"."payments" add constraint "payments_capture_id_unique" unique ("capture_id");
create index "payments_tenant_id_created_at_id_index" on "payment"."payments" ("tenant_id", "created_at", "id");
create index "payments_tenant_id_status_created_at_index" on "payment"."payments" ("tenant_id", "status", "created_at");
create index "payments_status_index" on "payment"."payments" ("status");
create index "payments_created_at_index" on "payment"."payments" ("created_at");
create index "payments_due" on "payment"."payments" ("next_check_at") where next_check_at is not null;
create index "payments_due_of" on "payment"."payments" ("tenant_id", "next_check_at") where next_check_at is not null;
create index "payments_given_up" on "payment"."payments" ("tenant_id", "given_up_at") where given_up_at is not null;
alter table "payment"."payments" add constraint "payments_amount_positive" check (amount_minor > 0 and amount > 0);
alter table "payment"."payments" add constraint "payments_captured_has_capture" check (status <> 'captured' or (capture_id is not null and executed_at is not null));
alter table "payment"."payments" add constraint "payments_sums" check (captured_minor >= 0 and refunded_minor >= 0);
alter table "payment"."payments" add constraint "payments_intent_check" check ("intent" in ('capture', 'authorize'));
alter table "payment"."payments" add constraint "payments_method_check" check ("method" in ('paypal', 'card', 'saved'));
alter table "payment"."payments" add constraint "payments_status_check" check ("status" in ('created', 'review', 'pending', 'approved', 'authorized', 'held', 'partially_captured', 'captured', 'partially_refunded', 'refunded', 'voided', 'failed'));

create table "payment"."acts" ("id" uuid not null, "tenant_id" uuid not null, "act" jsonb not null, "created_at" timestamptz not null default now(), primary key ("id"));

create table "payment"."actors" ("key" text not null, "tenant_id" uuid not null, "kind" text not null, "owner" text null, "epoch" bigint not null default '0', "lease_until" timestamptz null, "pending" int not null default 0, primary key ("key"));
create index "payment_actors_waiting" on "payment"."actors" ("kind", "lease_until") where pending > 0;

create table "payment"."actor_messages" ("id" bigint generated always as identity not null primary key, "key" text not null, "tenant_id" uuid not null, "message_id" text not null, "type" text not null, "body" jsonb not null, "attempts" int not null default 0, "created_at" timestamptz not null default now(), "done_at" timestamptz null);
alter table "payment"."actor_messages" add constraint "actor_messages_message_id_unique" unique ("message_id");
create index "payment_actor_messages_waiting" on "payment"."actor_messages" ("key", "id") where done_at is null;

create table "payment"."dead_letters" ("id" uuid not null default gen_random_uuid(), "tenant_id" uuid not null, "consumer" text not null, "event" jsonb not null, "attempts" int not null, "error_type" text not null, "error_message" text not null, "created_at" timestamptz not null default now(), "replayed_at" timestamptz null, primary key ("id"));
create index "dead_letters_tenant_id_created_at_index" on "payment"."dead_letters" ("tenant_id", "created_at");

create table "payment"."events" ("created_at" timestamptz not null default now(), "id" uuid not null, "position" bigint generated always as identity not null, "transaction" xid8 not null default pg_current_xact_id(), "tenant_id" uuid not null, "stream" text not null, "version" int not null, "type" text not null, "data" jsonb not null, "actor" text null, primary key ("created_at", "id")) partition by range ("created_at");
create index "events_transaction_position_index" on "payment"."events" ("transaction", "position");
create index "events_tenant_id_created_at_index" on "payment"."events" ("tenant_id", "created_at");
create or replace function "payment"."events_payment_events_append_only_fn"() returns trigger as $$ begin raise exception 'events are append-only' using errcode = 'restrict_violation'; return null; end; $$ language plpgsql;
create trigger "payment_events_append_only" BEFORE UPDATE OR DELETE on "payment"."events" for each ROW execute function "payment"."events_payment_events_append_only_fn"();

create table "payment"."idempotency_keys" ("tenant_id" uuid not null, "action" text not null, "key" text not null, "request_hash" text not null, "response" jsonb null, "created_at" timestamptz not null default now(), primary key ("tenant_id", "action", "key"));
create index "idempotency_keys_created_at_index" on "payment"."idempotency_keys" ("created_at");

create table "payment"."inbox" ("consumer" text not null, "event_id" uuid not null, "tenant_id" uuid not null, "created_at" timestamptz not null default now(), primary key ("consumer", "event_id"));
create index "inbox_created_at_index" on "payment"."inbox" ("created_at");

create table "payment"."outbox" ("id" bigint generated always as identity not null primary key, "tenant_id" uuid not null, "subject" text not null, "message_id" text not null, "payload" jsonb null, "created_at" timestamptz not null default now());
create or replace function "payment"."outbox_payment_outbox_wakes_relay_fn"() returns trigger as $$ begin perform pg_notify('payment_outbox', ''); return null; end; $$ language plpgsql;
create trigger "payment_outbox_wakes_relay" AFTER INSERT on "payment"."outbox" for each STATEMENT execute function "payment"."outbox_payment_outbox_wakes_relay_fn"();

create table "payment"."streams" ("tenant_id" uuid not null, "stream" text not null, "version" int not null, primary key ("tenant_id", "stream"));

create table "payment"."payment_attempts" ("id" uuid not null default gen_random_uuid(), "tenant_id" uuid not null, "payment_id" uuid not null, "object_id" uuid not null, "operation" text not null, "number" int not null, "request_id" varchar(108) not null, "key_expires_at" timestamptz not null, "request_hash" text not null, "outcome" text not null default 'sent', "sends" int not null default 1, "issue" text null, "debug_id" text null, "http_status" int null, "response" jsonb null, "created_at" timestamptz not null default now(), "finished_at" timestamptz null, primary key ("id"));
alter table "payment"."payment_attempts" add constraint "payment_attempts_request_id_unique" unique ("request_id");
create index "payment_attempts_tenant_id_created_at_index" on "payment"."payment_attempts" ("tenant_id", "created_at");
create index "payment_attempts_outcome_index" on "payment"."payment_attempts" ("outcome");
create index "payment_attempts_payment_id_index" on "payment"."payment_attempts" ("payment_id");
alter table "payment"."payment_attempts" add constraint "payment_attempts_object_id_operation_number_unique" unique ("object_id", "operation", "number");
alter table "payment"."payment_attempts" add constraint "payment_attempts_operation_check" check ("operation" in ('create', 'capture', 'authorize', 'refund', 'partial_capture', 'void', 'reauthorize'));
alter table "payment"."payment_attempts" add constraint "payment_attempts_outcome_check" check ("outcome" in ('sent', 'ok', 'refused', 'unknown'));

create table "payment"."paypal_accounts" ("id" uuid not null, "tenant_id" uuid not null, "environment" text not null, "client_id" text not null, "master_key_id" text null, "sealed_secret" bytea null, "version" int not null default 1, "webhook_id" text null, "listed_until" timestamptz null, "next_look_at" timestamptz null, "created_at" timestamptz not null default now(), "retired_at" timestamptz null, primary key ("id"));
create index "paypal_accounts_tenant_id_created_at_index" on "payment"."paypal_accounts" ("tenant_id", "created_at");
create index "paypal_accounts_next_look_at_index" on "payment"."paypal_accounts" ("next_look_at");
create unique index "paypal_accounts_one_active" on "payment"."paypal_accounts" ("tenant_id") where retired_at is null;
alter table "payment"."paypal_accounts" add constraint "paypal_accounts_environment_check" check ("environment" in ('sandbox', 'production'));

create table "payment"."paypal_invoices" ("id" uuid not null, "tenant_id" uuid not null, "account_id" uuid null, "paypal_id" text null, "status" text not null, "due_minor" bigint null, "payer_url" text null, "simulated" boolean not null default false, "failure_type" text null, "failure_message" text null, "claimed_until" timestamptz null, "next_check_at" timestamptz null, "checks" int not null default 0, "created_at" timestamptz not null default now(), primary key ("id"));
create index "paypal_invoices_tenant_id_created_at_index" on "payment"."paypal_invoices" ("tenant_id", "created_at");
create index "paypal_invoices_paypal_id_index" on "payment"."paypal_invoices" ("paypal_id");
create index "paypal_invoices_due" on "payment"."paypal_invoices" ("next_check_at") where next_check_at is not null;
create index "paypal_invoices_due_of" on "payment"."paypal_invoices" ("tenant_id", "next_check_at") where next_check_at is not null;
alter table "payment"."paypal_invoices" add constraint "paypal_invoices_tenant_id_paypal_id_unique" unique ("tenant_id", "paypal_id");

create table "payment"."plans" ("id" uuid not null default gen_random_uuid(), "tenant_id" uuid not null, "user_id" uuid null, "account_id" uuid null, "name" varchar(127) not null, "description" text null, "status" text not null default 'creating', "product_id" varchar(50) not null, "product" jsonb null, "paypal_plan_id" varchar(50) null, "currency" varchar(3) not null, "terms" jsonb not null, "starts_active" boolean not null default true, "grace_days" int not null, "simulated" boolean not null default false, "failure_type" text null, "failure_message" text null, "claim" uuid null, "claimed_until" timestamptz null, "stale" boolean not null default false, "next_check_at" timestamptz null, "checks" int not null default 0, "created_at" timestamptz not null default now(), "updated_at" timestamptz not null default now(), primary key ("id"));
alter table "payment"."plans" add constraint "plans_paypal_plan_id_unique" unique ("paypal_plan_id");
create index "plans_tenant_id_created_at_id_index" on "payment"."plans" ("tenant_id", "created_at", "id");
create index "plans_tenant_id_product_id_index" on "payment"."plans" ("tenant_id", "product_id");
create index "plans_due" on "payment"."plans" ("next_check_at") where next_check_at is not null;
create index "plans_due_of" on "payment"."plans" ("tenant_id", "next_check_at") where next_check_at is not null;
alter table "payment"."plans" add constraint "plans_status_check" check ("status" in ('creating', 'created', 'active', 'inactive', 'failed'));

create table "payment"."webhook_inbox" ("id" uuid not null, "tenant_id" uuid not null, "account_id" uuid not null, "event_id" varchar(255) not null, "type" text not null, "resource_type" text not null, "subject" text not null, "body" bytea not null, "headers" jsonb null, "proved_by" text not null, "state" text not null default 'received', "attempts" int not null default 0, "next_attempt_at" timestamptz null, "error_type" text null, "error_message" text null, "event_at" timestamptz not null, "received_at" timestamptz not null default now(), "finished_at" timestamptz null, primary key ("id"));
create index "webhook_inbox_tenant_id_id_index" on "payment"."webhook_inbox" ("tenant_id", "id");
create index "webhook_inbox_tenant_id_state_id_index" on "payment"."webhook_inbox" ("tenant_id", "state", "id");
create index "webhook_inbox_due" on "payment"."webhook_inbox" ("next_attempt_at") where next_attempt_at is not null;
create index "webhook_inbox_finished" on "payment"."webhook_inbox" ("finished_at") where finished_at is not null;
create index "webhook_inbox_dead" on "payment"."webhook_inbox" ("received_at") where state = 'dead';
alter table "payment"."webhook_inbox" add constraint "webhook_inbox_account_id_event_id_unique" unique ("account_id", "event_id");
alter table "payment"."webhook_inbox" add constraint "webhook_inbox_proved_by_check" check ("proved_by" in ('signature', 'paypal', 'list'));
alter table "payment"."webhook_inbox" add constraint "webhook_inbox_state_check" check ("state" in ('received', 'processing', 'done', 'ignored', 'waiting', 'dead'));

create table "payment"."reconciliations" ("tenant_id" uuid not null, "next_run_at" timestamptz not null default now(), "claim" uuid null, "claimed_until" timestamptz null, "compared_until" timestamptz null, "failures" int not null default 0, primary key ("tenant_id"));
create index "reconciliations_next_run_at_index" on "payment"."reconciliations" ("next_run_at");

create table "payment"."reconciliation_breaks" ("id" uuid not null default gen_random_uuid(), "tenant_id" uuid not null, "kind" text not null, "object_id" varchar(255) not null, "code" varchar(10) not null, "currency" varchar(3) not null, "payment_id" uuid null, "subscription_id" uuid null, "invoice_id" uuid null, "at" timestamptz not null, "paypal" jsonb null, "ours" jsonb null, "evidence" jsonb null, "state" text not null default 'open', "note" text null, "closed_by" text null, "closed_at" timestamptz null, "first_seen_at" timestamptz not null default now(), "last_seen_at" timestamptz not null default now(), "run_id" uuid not null, primary key ("id"));
create index "reconciliation_breaks_tenant_id_at_id_index" on "payment"."reconciliation_breaks" ("tenant_id", "at", "id");
create index "reconciliation_breaks_open" on "payment"."reconciliation_breaks" ("tenant_id", "at", "id") where state = 'open';
create index "reconciliation_breaks_payment" on "payment"."reconciliation_breaks" ("tenant_id", "payment_id") where payment_id is not null;
alter table "payment"."reconciliation_breaks" add constraint "reconciliation_breaks_once" unique ("tenant_id", "kind", "object_id", "code", "currency");
alter table "payment"."reconciliation_breaks" add constraint "reconciliation_breaks_kind_check" check ("kind" in ('missing_in_ledger', 'missing_at_paypal', 'amount_differs', 'fee_differs', 'currency_differs', 'status_differs', 'duplicate_at_paypal', 'unknown_reference'));
alter table "payment"."reconciliation_breaks" add constraint "reconciliation_breaks_state_check" check ("state" in ('open', 'explained', 'resolved'));

create table "payment"."reconciliation_runs" ("id" uuid not null, "tenant_id" uuid not null, "period_from" timestamptz not null, "period_to" timestamptz not null, "started_by" text not null, "status" text not null default 'running', "transactions" int not null default 0, "found" int not null default 0, "healed" int not null default 0, "failure_type" text null, "failure_message" text null, "started_at" timestamptz not null default now(), "finished_at" timestamptz null, primary key ("id"));
create index "reconciliation_runs_tenant_id_started_at_id_index" on "payment"."reconciliation_runs" ("tenant_id", "started_at", "id");
alter table "payment"."reconciliation_runs" add constraint "reconciliation_runs_status_check" check ("status" in ('running', 'completed', 'failed'));

create table "payment"."refunds" ("id" uuid not null default gen_random_uuid(), "tenant_id" uuid not null, "payment_id" uuid not null, "capture_id" uuid not null, "user_id" uuid null, "paypal_id" varchar(255) null, "kind" text not null default 'refund', "origin" text not null default 'here', "amount_minor" bigint not null, "currency" varchar(3) not null, "status" text not null default 'requested', "paypal_status" text null, "reason" text null, "note" text null, "fee_returned_minor" bigint null, "settled_minor" bigint null, "settled_currency" varchar(3) null, "exchange_rate" varchar(40) null, "total_minor" bigint null, "failure_type" text null, "failure_message" text null, "claim" uuid null, "claimed_until" timestamptz null, "next_check_at" timestamptz null, "checks" int not null default 0, "given_up_at" timestamptz null, "created_at" timestamptz not null default now(), "completed_at" timestamptz null, primary key ("id"));
create index "refunds_capture_id_index" on "payment"."refunds" ("capture_id");
create index "refunds_payment_id_index" on "payment"."refunds" ("payment_id");
create index "refunds_tenant_id_created_at_id_index" on "payment"."refunds" ("tenant_id", "created_at", "id");
create index "refunds_due" on "payment"."refunds" ("next_check_at") where next_check_at is not null;
create index "refunds_due_of" on "payment"."refunds" ("tenant_id", "next_check_at") where next_check_at is not null;
create index "refunds_given_up" on "payment"."refunds" ("tenant_id", "given_up_at") where given_up_at is not null;
alter table "payment"."refunds" add constraint "refunds_tenant_id_paypal_id_unique" unique ("tenant_id", "paypal_id");
alter table "payment"."refunds" add constraint "refunds_amount_positive" check (amount_minor > 0);
alter table "payment"."refunds" add constraint "refunds_completed_has_id" check (status <> 'completed' or (paypal_id is not null and completed_at is not null));
alter table "payment"."refunds" add constraint "refunds_kind_check" check ("kind" in ('refund', 'reversal'));
alter table "payment"."refunds" add constraint "refunds_origin_check" check ("origin" in ('here', 'paypal'));
alter table "payment"."refunds" add constraint "refunds_status_check" check ("status" in ('requested', 'pending', 'completed', 'failed', 'cancelled'));

create table "payment"."report_buckets" ("tenant_id" uuid not null, "bucket" timestamptz not null, "currency" varchar(3) not null, "method" text not null, "revenue" bigint not null default '0', "refunds" bigint not null default '0', "chargebacks" bigint not null default '0', "fees" bigint not null default '0', "captured" int not null default 0, "refunded" int not null default 0, primary key ("tenant_id", "bucket", "currency", "method"));

create table "payment"."report_progress" ("name" text not null, "transaction" xid8 not null default '0', "position" bigint not null default '0', primary key ("name"));

create table "payment"."saved_methods" ("id" uuid not null default gen_random_uuid(), "tenant_id" uuid not null, "customer" varchar(100) not null, "account_id" uuid null, "status" text not null default 'pending', "setup_id" varchar(255) null, "vault_id" varchar(255) null, "approval_url" text null, "refusals" int not null default 0, "label" text null, "created_at" timestamptz not null default now(), "saved_at" timestamptz null, "removed_at" timestamptz null, primary key ("id"));
create index "saved_methods_tenant_id_customer_created_at_index" on "payment"."saved_methods" ("tenant_id", "customer", "created_at");
alter table "payment"."saved_methods" add constraint "saved_methods_tenant_id_vault_id_unique" unique ("tenant_id", "vault_id");
alter table "payment"."saved_methods" add constraint "saved_methods_active_has_id" check (status <> 'active' or vault_id is not null);
alter table "payment"."saved_methods" add constraint "saved_methods_status_check" check ("status" in ('pending', 'active', 'removed'));

create table "payment"."sellers" ("tenant_id" uuid not null, "name" text null, "street" text null, "postcode" text null, "city" text null, "country" text null, "vat_id" text null, "tax_number" text null, "email" text null, "phone" text null, "iban" text null, "bic" text null, "registrations" jsonb not null default '[]', "home_taxed" boolean not null default false, "require_evidence" boolean not null default false, "prices" text not null default 'exclusive', "rounding_scope" text not null default 'total', "rounding_mode" text not null default 'half-up', "invoice_series" text not null default 'INV', "credit_series" text not null default 'CN', "due_days" int not null default 14, "invoice_on_capture" boolean not null default false, "mail_on_issue" boolean not null default false, "updated_at" timestamptz not null default now(), primary key ("tenant_id"));
alter table "payment"."sellers" add constraint "sellers_prices_check" check ("prices" in ('exclusive', 'inclusive'));
alter table "payment"."sellers" add constraint "sellers_rounding_scope_check" check ("rounding_scope" in ('total', 'line'));
alter table "payment"."sellers" add constraint "sellers_rounding_mode_check" check ("rounding_mode" in ('half-up', 'half-even'));

create table "payment"."subscriptions" ("id" uuid not null default gen_random_uuid(), "tenant_id" uuid not null, "account_id" uuid null, "user_id" uuid null, "customer" varchar(127) not null, "email" varchar(254) null, "billing" jsonb null, "plan_id" uuid not null, "quantity" int not null default 1, "paypal_subscription_id" varchar(50) null, "status" text not null default 'created', "paypal_status" text null, "approval_url" text null, "return_url" text null, "cancel_url" text null, "start_at" timestamptz null, "cycle_minor" bigint not null, "currency" varchar(3) not null, "unit" text not null, "unit_count" int not null, "cycles" jsonb not null default '[]', "next_billing_at" timestamptz null, "final_payment_at" timestamptz null, "paid_until" timestamptz null, "last_payment_at" timestamptz null, "failed_payments" int not null default 0, "last_failure_at" timestamptz null, "failure_reason" text null, "next_retry_at" timestamptz null, "past_due_since" timestamptz null, "outstanding_minor" bigint not null default 0, "next_plan_id" uuid null, "next_quantity" int null, "change_url" text null, "simulated" boolean not null default false, "failure_type" text null, "failure_message" text null, "version" int not null default 0, "claim" uuid null, "claimed_until" timestamptz null, "stale" boolean not null default false, "next_check_at" timestamptz null, "checks" int not null default 0, "read_at" timestamptz null, "created_at" timestamptz not null default now(), "activated_at" timestamptz null, "paying_since" timestamptz null, "suspended_at" timestamptz null, "ended_at" timestamptz null, primary key ("id"));
create index "subscriptions_plan_id_index" on "payment"."subscriptions" ("plan_id");
alter table "payment"."subscriptions" add constraint "subscriptions_paypal_subscription_id_unique" unique ("paypal_subscription_id");
create index "subscriptions_tenant_id_created_at_id_index" on "payment"."subscriptions" ("tenant_id", "created_at", "id");
create index "subscriptions_tenant_id_status_created_at_index" on "payment"."subscriptions" ("tenant_id", "status", "created_at");
create index "subscriptions_tenant_id_customer_index" on "payment"."subscriptions" ("tenant_id", "customer");
create index "subscriptions_account" on "payment"."subscriptions" ("account_id") where account_id is not null and ended_at is null;
create index "subscriptions_due" on "payment"."subscriptions" ("next_check_at") where next_check_at is not null;
create index "subscriptions_due_of" on "payment"."subscriptions" ("tenant_id", "next_check_at") where next_check_at is not null;
alter table "payment"."subscriptions" add constraint "subscriptions_amounts" check (cycle_minor >= 0 and outstanding_minor >= 0 and quantity > 0);
alter table "payment"."subscriptions" add constraint "subscriptions_ended" check ((status in ('cancelled', 'expired', 'failed')) = (ended_at is not null));
alter table "payment"."subscriptions" add constraint "subscriptions_status_check" check ("status" in ('created', 'approval_pending', 'approved', 'active', 'past_due', 'suspended', 'cancelled', 'expired', 'failed'));

create table "payment"."subscription_attempts" ("id" uuid not null default gen_random_uuid(), "tenant_id" uuid not null, "subject_id" uuid not null, "operation" text not null, "number" int not null, "request_id" varchar(108) null, "key_expires_at" timestamptz null, "request" jsonb not null, "outcome" text not null default 'sent', "sends" int not null default 1, "issue" text null, "debug_id" text null, "http_status" int null, "response" jsonb null, "created_at" timestamptz not null default now(), "finished_at" timestamptz null, primary key ("id"));
alter table "payment"."subscription_attempts" add constraint "subscription_attempts_request_id_unique" unique ("request_id");
create index "subscription_attempts_tenant_id_created_at_index" on "payment"."subscription_attempts" ("tenant_id", "created_at");
create index "subscription_attempts_open" on "payment"."subscription_attempts" ("subject_id") where outcome in ('sent', 'unknown');
alter table "payment"."subscription_attempts" add constraint "subscription_attempts_subject_id_operation_number_unique" unique ("subject_id", "operation", "number");
alter table "payment"."subscription_attempts" add constraint "subscription_attempts_operation_check" check ("operation" in ('product', 'plan', 'create', 'capture', 'refund', 'activate', 'deactivate', 'price', 'suspend', 'resume', 'cancel', 'change'));
alter table "payment"."subscription_attempts" add constraint "subscription_attempts_outcome_check" check ("outcome" in ('sent', 'ok', 'refused', 'unknown'));

create table "payment"."subscription_payments" ("id" uuid not null default gen_random_uuid(), "tenant_id" uuid not null, "subscription_id" uuid not null, "sale_id" varchar(50) not null, "status" text not null, "amount_minor" bigint not null, "fee_minor" bigint null, "refunded_minor" bigint not null default 0, "refunds" jsonb not null default '[]', "currency" varchar(3) not null, "paid_at" timestamptz not null, "created_at" timestamptz not null default now(), primary key ("id"));
alter table "payment"."subscription_payments" add constraint "subscription_payments_sale_id_unique" unique ("sale_id");
create index "subscription_payments_subscription_id_paid_at_index" on "payment"."subscription_payments" ("subscription_id", "paid_at");
create index "subscription_payments_tenant_id_paid_at_id_index" on "payment"."subscription_payments" ("tenant_id", "paid_at", "id");
alter table "payment"."subscription_payments" add constraint "subscription_payments_amounts" check (amount_minor > 0 and refunded_minor >= 0 and refunded_minor <= amount_minor);
alter table "payment"."subscription_payments" add constraint "subscription_payments_status_check" check ("status" in ('pending', 'completed', 'partially_refunded', 'refunded', 'reversed', 'declined'));

create table "payment"."tax_rates" ("id" uuid not null default gen_random_uuid(), "tenant_id" uuid not null, "country" text not null, "region" text not null default '', "category" text not null, "percent" numeric(8,5) not null, "valid_from" date not null, "version" int not null, "source" text not null, "created_at" timestamptz not null default now(), primary key ("id"));
create index "tax_rates_country_region_category_valid_from_index" on "payment"."tax_rates" ("country", "region", "category", "valid_from");
alter table "payment"."tax_rates" add constraint "tax_rates_tenant_id_country_region_category_valid_8ae80_unique" unique ("tenant_id", "country", "region", "category", "valid_from", "version");
alter table "payment"."tax_rates" add constraint "tax_rates_percent" check (percent >= 0 and percent <= 100);
create or replace function "payment"."tax_rates_tax_rates_append_only_fn"() returns trigger as $$ begin raise exception 'tax rates are append-only' using errcode = 'restrict_violation'; return null; end; $$ language plpgsql;
create trigger "tax_rates_append_only" BEFORE UPDATE OR DELETE on "payment"."tax_rates" for each ROW execute function "payment"."tax_rates_tax_rates_append_only_fn"();

alter table "payment"."authorizations" enable row level security;
create policy "tenant_isolation" on "payment"."authorizations" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');
alter table "payment"."captures" enable row level security;
create policy "tenant_isolation" on "payment"."captures" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');
alter table "payment"."disputes" enable row level security;
create policy "tenant_isolation" on "payment"."disputes" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');
alter table "payment"."fraud_assessments" enable row level security;
create policy "tenant_isolation" on "payment"."fraud_assessments" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');
alter table "payment"."fraud_list_entries" enable row level security;
create policy "tenant_isolation" on "payment"."fraud_list_entries" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');
alter table "payment"."fraud_rule_sets" enable row level security;
create policy "tenant_isolation" on "payment"."fraud_rule_sets" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');
alter table "payment"."invoices" enable row level security;
create policy "tenant_isolation" on "payment"."invoices" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');
alter table "payment"."invoice_documents" enable row level security;
create policy "tenant_isolation" on "payment"."invoice_documents" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');
alter table "payment"."invoice_numbers" enable row level security;
create policy "tenant_isolation" on "payment"."invoice_numbers" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');
alter table "payment"."ledger_entries" enable row level security;
create policy "tenant_isolation" on "payment"."ledger_entries" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');
alter table "payment"."ledger_lines" enable row level security;
create policy "tenant_isolation" on "payment"."ledger_lines" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');
alter table "payment"."payments" enable row level security;
create policy "tenant_isolation" on "payment"."payments" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');
alter table "payment"."acts" enable row level security;
create policy "tenant_isolation" on "payment"."acts" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');
alter table "payment"."actors" enable row level security;
create policy "tenant_isolation" on "payment"."actors" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');
alter table "payment"."actor_messages" enable row level security;
create policy "tenant_isolation" on "payment"."actor_messages" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');
alter table "payment"."dead_letters" enable row level security;
create policy "tenant_isolation" on "payment"."dead_letters" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');
alter table "payment"."events" enable row level security;
create policy "tenant_isolation" on "payment"."events" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');
alter table "payment"."idempotency_keys" enable row level security;
create policy "tenant_isolation" on "payment"."idempotency_keys" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');
alter table "payment"."inbox" enable row level security;
create policy "tenant_isolation" on "payment"."inbox" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');
alter table "payment"."outbox" enable row level security;
create policy "tenant_isolation" on "payment"."outbox" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');
alter table "payment"."streams" enable row level security;
create policy "tenant_isolation" on "payment"."streams" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');
alter table "payment"."payment_attempts" enable row level security;
create policy "tenant_isolation" on "payment"."payment_attempts" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');
alter table "payment"."paypal_accounts" enable row level security;
create policy "tenant_isolation" on "payment"."paypal_accounts" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');
alter table "payment"."paypal_invoices" enable row level security;
create policy "tenant_isolation" on "payment"."paypal_invoices" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');
alter table "payment"."plans" enable row level security;
create policy "tenant_isolation" on "payment"."plans" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');
alter table "payment"."webhook_inbox" enable row level security;
create policy "tenant_isolation" on "payment"."webhook_inbox" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');
alter table "payment"."reconciliations" enable row level security;
create policy "tenant_isolation" on "payment"."reconciliations" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');
alter table "payment"."reconciliation_breaks" enable row level security;
create policy "tenant_isolation" on "payment"."reconciliation_breaks" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');
alter table "payment"."reconciliation_runs" enable row level security;
create policy "tenant_isolation" on "payment"."reconciliation_runs" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');
alter table "payment"."refunds" enable row level security;
create policy "tenant_isolation" on "payment"."refunds" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');
alter table "payment"."report_buckets" enable row level security;
create policy "tenant_isolation" on "payment"."report_buckets" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');
alter table "payment"."report_progress" enable row level security;
create policy "system_only" on "payment"."report_progress" using ((select current_setting('legendo.scope', true)) = 'system') with check ((select current_setting('legendo.scope', true)) = 'system');
alter table "payment"."saved_methods" enable row level security;
create policy "tenant_isolation" on "payment"."saved_methods" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');
alter table "payment"."sellers" enable row level security;
create policy "tenant_isolation" on "payment"."sellers" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');
alter table "payment"."subscriptions" enable row level security;
create policy "tenant_isolation" on "payment"."subscriptions" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');
alter table "payment"."subscription_attempts" enable row level security;
create policy "tenant_isolation" on "payment"."subscription_attempts" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');
alter table "payment"."subscription_payments" enable row level security;
create policy "tenant_isolation" on "payment"."subscription_payments" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');
alter table "payment"."tax_rates" enable row level security;
create policy "tenant_isolation" on "payment"."tax_rates" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');
create policy "platform_rates" on "payment"."tax_rates" for select using (tenant_id = '00000000-0000-0000-0000-000000000000' and (select nullif(current_setting('legendo.tenant', true), '')::uuid) is not null);

create or replace function payment.make_event_partitions(ahead int) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp set timezone = 'UTC' set lock_timeout = '5s' as $$
declare
  month timestamptz;
  name text;
begin
  for i in 0 .. least(ahead, 24) loop
    month := date_trunc('month', now()) + i * interval '1 month';
    name := 'events_' || to_char(month, 'YYYY_MM');
    if not exists (select 1 from pg_tables where schemaname = 'payment' and tablename = name) then
      -- Another node may be making it. Asked of the table, not of to_regclass, which may remember that there was none.
      perform pg_advisory_xact_lock(hashtext('payment event partitions'));
      if not exists (select 1 from pg_tables where schemaname = 'payment' and tablename = name) then
        -- Attached rather than made in place: that waits for nobody who reads or writes the table.
        execute format('create table payment.%I (like payment.events including defaults)', name);
        execute format('create unique index %I on payment.%I (tenant_id, stream, version)', name || '_stream', name);
        execute format('alter table payment.%I enable row level security', name);
        execute format('alter table payment.events attach partition payment.%I for values from (%L) to (%L)', name, month, month + interval '1 month');
      end if;
    end if;
  end loop;
end $$;
revoke all on function payment.make_event_partitions(int) from public;

create or replace function payment.archive_event_partitions(keep int) returns setof text
language plpgsql security definer set search_path = pg_catalog, pg_temp set timezone = 'UTC' set lock_timeout = '5s' as $$
declare
  name text;
begin
  if keep < 3 then raise exception 'at least 3 months of events are kept, not %', keep using errcode = 'invalid_parameter_value'; end if;
  for name in
    select c.relname from pg_inherits i join pg_class c on c.oid = i.inhrelid
    where i.inhparent = 'payment.events'::regclass and c.relname < 'events_' || to_char(date_trunc('month', now()) - keep * interval '1 month', 'YYYY_MM')
    order by 1
  loop
    execute format('alter table payment.events detach partition payment.%I', name);
    execute format('alter table payment.%I set schema payment_archive', name);
    return next name;
  end loop;
end $$;
revoke all on function payment.archive_event_partitions(int) from public;

-- notification

create schema if not exists "notification";
create table "notification"."mails" ("id" uuid not null, "tenant_id" uuid not null, "template" text not null, "recipient" text not null, "master_key_id" text null, "wrapped_key" bytea null, "sealed_data" bytea null, "status" text not null default 'pending', "attempts" int not null default 0, "next_attempt_at" timestamptz null, "worth_until" timestamptz not null, "claimed_until" timestamptz null, "last_code" int null, "last_error" text null, "created_at" timestamptz not null default now(), "ended_at" timestamptz null, primary key ("id"));
create index "mails_due" on "notification"."mails" ("next_attempt_at") where status = 'pending';
create index "mails_tenant_id_status_created_at_index" on "notification"."mails" ("tenant_id", "status", "created_at");
create index "mails_ended" on "notification"."mails" ("ended_at") where status <> 'pending';
alter table "notification"."mails" add constraint "mails_status_check" check ("status" in ('pending', 'sent', 'undelivered'));

create table "notification"."acts" ("id" uuid not null, "tenant_id" uuid not null, "act" jsonb not null, "created_at" timestamptz not null default now(), primary key ("id"));

create table "notification"."actors" ("key" text not null, "tenant_id" uuid not null, "kind" text not null, "owner" text null, "epoch" bigint not null default '0', "lease_until" timestamptz null, "pending" int not null default 0, primary key ("key"));
create index "notification_actors_waiting" on "notification"."actors" ("kind", "lease_until") where pending > 0;

create table "notification"."actor_messages" ("id" bigint generated always as identity not null primary key, "key" text not null, "tenant_id" uuid not null, "message_id" text not null, "type" text not null, "body" jsonb not null, "attempts" int not null default 0, "created_at" timestamptz not null default now(), "done_at" timestamptz null);
alter table "notification"."actor_messages" add constraint "actor_messages_message_id_unique" unique ("message_id");
create index "notification_actor_messages_waiting" on "notification"."actor_messages" ("key", "id") where done_at is null;

create table "notification"."dead_letters" ("id" uuid not null default gen_random_uuid(), "tenant_id" uuid not null, "consumer" text not null, "event" jsonb not null, "attempts" int not null, "error_type" text not null, "error_message" text not null, "created_at" timestamptz not null default now(), "replayed_at" timestamptz null, primary key ("id"));
create index "dead_letters_tenant_id_created_at_index" on "notification"."dead_letters" ("tenant_id", "created_at");

create table "notification"."events" ("created_at" timestamptz not null default now(), "id" uuid not null, "position" bigint generated always as identity not null, "transaction" xid8 not null default pg_current_xact_id(), "tenant_id" uuid not null, "stream" text not null, "version" int not null, "type" text not null, "data" jsonb not null, "actor" text null, primary key ("created_at", "id")) partition by range ("created_at");
create index "events_transaction_position_index" on "notification"."events" ("transaction", "position");
create index "events_tenant_id_created_at_index" on "notification"."events" ("tenant_id", "created_at");
create or replace function "notification"."events_notification_events_append_only_fn"() returns trigger as $$ begin raise exception 'events are append-only' using errcode = 'restrict_violation'; return null; end; $$ language plpgsql;
create trigger "notification_events_append_only" BEFORE UPDATE OR DELETE on "notification"."events" for each ROW execute function "notification"."events_notification_events_append_only_fn"();

create table "notification"."idempotency_keys" ("tenant_id" uuid not null, "action" text not null, "key" text not null, "request_hash" text not null, "response" jsonb null, "created_at" timestamptz not null default now(), primary key ("tenant_id", "action", "key"));
create index "idempotency_keys_created_at_index" on "notification"."idempotency_keys" ("created_at");

create table "notification"."inbox" ("consumer" text not null, "event_id" uuid not null, "tenant_id" uuid not null, "created_at" timestamptz not null default now(), primary key ("consumer", "event_id"));
create index "inbox_created_at_index" on "notification"."inbox" ("created_at");

create table "notification"."outbox" ("id" bigint generated always as identity not null primary key, "tenant_id" uuid not null, "subject" text not null, "message_id" text not null, "payload" jsonb null, "created_at" timestamptz not null default now());
create or replace function "notification"."outbox_notification_outbox_wakes_relay_fn"() returns trigger as $$ begin perform pg_notify('notification_outbox', ''); return null; end; $$ language plpgsql;
create trigger "notification_outbox_wakes_relay" AFTER INSERT on "notification"."outbox" for each STATEMENT execute function "notification"."outbox_notification_outbox_wakes_relay_fn"();

create table "notification"."streams" ("tenant_id" uuid not null, "stream" text not null, "version" int not null, primary key ("tenant_id", "stream"));

create table "notification"."webhook_deliveries" ("id" uuid not null default gen_random_uuid(), "tenant_id" uuid not null, "endpoint_id" uuid not null, "event_id" uuid not null, "event_type" text not null, "body" text not null, "status" text not null default 'pending', "attempts" int not null default 0, "next_attempt_at" timestamptz null, "claimed_until" timestamptz null, "last_status" int null, "last_error" text null, "created_at" timestamptz not null default now(), "delivered_at" timestamptz null, primary key ("id"));
create index "webhook_deliveries_due" on "notification"."webhook_deliveries" ("endpoint_id", "next_attempt_at") where status = 'pending';
alter table "notification"."webhook_deliveries" add constraint "webhook_deliveries_endpoint_id_event_id_unique" unique ("endpoint_id", "event_id");
alter table "notification"."webhook_deliveries" add constraint "webhook_deliveries_status_check" check ("status" in ('pending', 'delivered', 'exhausted'));

create table "notification"."webhook_endpoints" ("id" uuid not null, "tenant_id" uuid not null, "url" text not null, "events" text[] not null, "master_key_id" text not null, "sealed_secret" bytea not null, "enabled" boolean not null default true, "created_at" timestamptz not null default now(), primary key ("id"));
create index "webhook_endpoints_tenant_id_id_index" on "notification"."webhook_endpoints" ("tenant_id", "id");

alter table "notification"."mails" enable row level security;
create policy "tenant_isolation" on "notification"."mails" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');
alter table "notification"."acts" enable row level security;
create policy "tenant_isolation" on "notification"."acts" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');
alter table "notification"."actors" enable row level security;
create policy "tenant_isolation" on "notification"."actors" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');
alter table "notification"."actor_messages" enable row level security;
create policy "tenant_isolation" on "notification"."actor_messages" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');
alter table "notification"."dead_letters" enable row level security;
create policy "tenant_isolation" on "notification"."dead_letters" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');
alter table "notification"."events" enable row level security;
create policy "tenant_isolation" on "notification"."events" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');
alter table "notification"."idempotency_keys" enable row level security;
create policy "tenant_isolation" on "notification"."idempotency_keys" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');
alter table "notification"."inbox" enable row level security;
create policy "tenant_isolation" on "notification"."inbox" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');
alter table "notification"."outbox" enable row level security;
create policy "tenant_isolation" on "notification"."outbox" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');
alter table "notification"."streams" enable row level security;
create policy "tenant_isolation" on "notification"."streams" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');
alter table "notification"."webhook_deliveries" enable row level security;
create policy "tenant_isolation" on "notification"."webhook_deliveries" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');
alter table "notification"."webhook_endpoints" enable row level security;
create policy "tenant_isolation" on "notification"."webhook_endpoints" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');

create or replace function notification.make_event_partitions(ahead int) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp set timezone = 'UTC' set lock_timeout = '5s' as $$
declare
  month timestamptz;
  name text;
begin
  for i in 0 .. least(ahead, 24) loop
    month := date_trunc('month', now()) + i * interval '1 month';
    name := 'events_' || to_char(month, 'YYYY_MM');
    if not exists (select 1 from pg_tables where schemaname = 'notification' and tablename = name) then
      -- Another node may be making it. Asked of the table, not of to_regclass, which may remember that there was none.
      perform pg_advisory_xact_lock(hashtext('notification event partitions'));
      if not exists (select 1 from pg_tables where schemaname = 'notification' and tablename = name) then
        -- Attached rather than made in place: that waits for nobody who reads or writes the table.
        execute format('create table notification.%I (like notification.events including defaults)', name);
        execute format('create unique index %I on notification.%I (tenant_id, stream, version)', name || '_stream', name);
        execute format('alter table notification.%I enable row level security', name);
        execute format('alter table notification.events attach partition notification.%I for values from (%L) to (%L)', name, month, month + interval '1 month');
      end if;
    end if;
  end loop;
end $$;
revoke all on function notification.make_event_partitions(int) from public;

create or replace function notification.archive_event_partitions(keep int) returns setof text
language plpgsql security definer set search_path = pg_catalog, pg_temp set timezone = 'UTC' set lock_timeout = '5s' as $$
declare
  name text;
begin
  if keep < 3 then raise exception 'at least 3 months of events are kept, not %', keep using errcode = 'invalid_parameter_value'; end if;
  for name in
    select c.relname from pg_inherits i join pg_class c on c.oid = i.inhrelid
    where i.inhparent = 'notification.events'::regclass and c.relname < 'events_' || to_char(date_trunc('month', now()) - keep * interval '1 month', 'YYYY_MM')
    order by 1
  loop
    execute format('alter table notification.events detach partition notification.%I', name);
    execute format('alter table notification.%I set schema notification_archive', name);
    return next name;
  end loop;
end $$;
revoke all on function notification.archive_event_partitions(int) from public;
