import { Migration } from '@mikro-orm/migrations';

export class Migration20261127155500_fraud extends Migration {

  override name = 'Migration20261127155500_fraud';

  override up(): void | Promise<void> {
    this.addSql(`create table "payment"."fraud_assessments" ("id" uuid not null default gen_random_uuid(), "tenant_id" uuid not null, "kind" text not null, "object_id" uuid not null, "rule_set_version" int not null, "facts" jsonb not null, "decision" text not null, "score" int not null, "reasons" jsonb not null, "shadow" jsonb null, "differs" boolean not null default false, "amount_minor" bigint not null, "currency" varchar(3) not null, "email_key" text null, "ip_key" text null, "card_key" text null, "user_key" text null, "review_state" text null, "review_until" timestamptz null, "reviewed_by" text null, "review_note" text null, "reviewed_at" timestamptz null, "created_at" timestamptz not null default now(), primary key ("id"));`);
    this.addSql(`create index "fraud_assessments_tenant_id_created_at_id_index" on "payment"."fraud_assessments" ("tenant_id", "created_at", "id");`);
    this.addSql(`create index "fraud_assessments_differ" on "payment"."fraud_assessments" ("tenant_id", "created_at", "id") where differs;`);
    this.addSql(`create index "fraud_assessments_refused" on "payment"."fraud_assessments" ("tenant_id", "decision", "created_at", "id") where decision <> 'allow';`);
    this.addSql(`create index "fraud_assessments_reviews" on "payment"."fraud_assessments" ("tenant_id", "review_state", "created_at", "id") where review_state is not null;`);
    this.addSql(`create index "fraud_assessments_open" on "payment"."fraud_assessments" ("review_until") where review_state = 'open';`);
    this.addSql(`create index "fraud_assessments_email" on "payment"."fraud_assessments" ("tenant_id", "email_key", "created_at") where email_key is not null;`);
    this.addSql(`create index "fraud_assessments_ip" on "payment"."fraud_assessments" ("tenant_id", "ip_key", "created_at") where ip_key is not null;`);
    this.addSql(`create index "fraud_assessments_card" on "payment"."fraud_assessments" ("tenant_id", "card_key", "created_at") where card_key is not null;`);
    this.addSql(`create index "fraud_assessments_user" on "payment"."fraud_assessments" ("tenant_id", "user_key", "created_at") where user_key is not null;`);
    this.addSql(`alter table "payment"."fraud_assessments" add constraint "fraud_assessments_object_id_unique" unique ("object_id");`);
    this.addSql(`alter table "payment"."fraud_assessments" add constraint "fraud_assessments_kind_check" check ("kind" in ('payment', 'subscription'));`);
    this.addSql(`alter table "payment"."fraud_assessments" add constraint "fraud_assessments_decision_check" check ("decision" in ('allow', 'review', 'block'));`);
    this.addSql(`alter table "payment"."fraud_assessments" add constraint "fraud_assessments_review_state_check" check ("review_state" in ('open', 'approved', 'rejected', 'expired'));`);
    this.addSql(`create table "payment"."fraud_list_entries" ("id" uuid not null default gen_random_uuid(), "tenant_id" uuid not null, "list" text not null, "kind" text not null, "value" text not null, "shown" text not null, "note" text not null, "created_by" text not null, "created_at" timestamptz not null default now(), "expires_at" timestamptz null, primary key ("id"));`);
    this.addSql(`create index "fraud_list_entries_tenant_id_created_at_id_index" on "payment"."fraud_list_entries" ("tenant_id", "created_at", "id");`);
    this.addSql(`alter table "payment"."fraud_list_entries" add constraint "fraud_list_entries_tenant_id_list_kind_value_unique" unique ("tenant_id", "list", "kind", "value");`);
    this.addSql(`alter table "payment"."fraud_list_entries" add constraint "fraud_list_entries_list_check" check ("list" in ('block', 'allow'));`);
    this.addSql(`alter table "payment"."fraud_list_entries" add constraint "fraud_list_entries_kind_check" check ("kind" in ('email', 'domain', 'ip', 'country', 'card', 'user'));`);
    this.addSql(`create table "payment"."fraud_rule_sets" ("id" uuid not null default gen_random_uuid(), "tenant_id" uuid not null, "version" int not null, "state" text not null default 'draft', "note" text not null, "rules" jsonb not null, "created_by" text not null, "created_at" timestamptz not null default now(), "activated_at" timestamptz null, primary key ("id"));`);
    this.addSql(`create unique index "fraud_rule_sets_in_use" on "payment"."fraud_rule_sets" ("tenant_id", "state") where state in ('active', 'shadow');`);
    this.addSql(`alter table "payment"."fraud_rule_sets" add constraint "fraud_rule_sets_tenant_id_version_unique" unique ("tenant_id", "version");`);
    this.addSql(`alter table "payment"."fraud_rule_sets" add constraint "fraud_rule_sets_state_check" check ("state" in ('draft', 'shadow', 'active', 'retired'));`);
    this.addSql(`alter table "payment"."fraud_assessments" enable row level security;`);
    this.addSql(`create policy "tenant_isolation" on "payment"."fraud_assessments" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');`);
    this.addSql(`alter table "payment"."fraud_list_entries" enable row level security;`);
    this.addSql(`create policy "tenant_isolation" on "payment"."fraud_list_entries" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');`);
    this.addSql(`alter table "payment"."fraud_rule_sets" enable row level security;`);
    this.addSql(`create policy "tenant_isolation" on "payment"."fraud_rule_sets" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');`);
  }

  override down(): void | Promise<void> {
    this.addSql(`drop table if exists "payment"."fraud_rule_sets" cascade;`);
    this.addSql(`drop table if exists "payment"."fraud_assessments" cascade;`);
    this.addSql(`drop table if exists "payment"."fraud_list_entries" cascade;`);
  }

}
