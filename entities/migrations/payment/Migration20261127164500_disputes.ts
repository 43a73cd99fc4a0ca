import { Migration } from "@mikro-orm/migrations";

export class Migration20261127164500_disputes extends Migration {
  override name = "Migration20261127164500_disputes";

  override up(): void | Promise<void> {
    this.addSql(`create table "payment"."disputes" ("id" uuid not null default gen_random_uuid(), "tenant_id" uuid not null, "account_id" uuid null, "paypal_id" varchar(255) not null, "payment_id" uuid null, "subscription_id" uuid null, "capture_id" varchar(255) not null, "state" text not null default 'open', "outcome" text null, "reason" text not null, "paypal_status" text not null, "stage" text not null, "channel" text not null, "amount_minor" bigint not null, "currency" varchar(3) not null, "lost_minor" bigint null, "fee_minor" bigint null, "due_at" timestamptz null, "reminders" int not null default 0, "held_at" timestamptz null, "accepted_at" timestamptz null, "answered_at" timestamptz null, "next_check_at" timestamptz null, "opened_at" timestamptz not null, "changed_at" timestamptz not null, "resolved_at" timestamptz null, "noticed_at" timestamptz null, "created_at" timestamptz not null default now(), primary key ("id"));`);
    this.addSql(`create index "disputes_tenant_id_opened_at_id_index" on "payment"."disputes" ("tenant_id", "opened_at", "id");`);
    this.addSql(`create index "disputes_tenant_id_capture_id_index" on "payment"."disputes" ("tenant_id", "capture_id");`);
    this.addSql(`create index "disputes_payment_id_index" on "payment"."disputes" ("payment_id");`);
    this.addSql(`create index "disputes_due" on "payment"."disputes" ("next_check_at") where next_check_at is not null;`);
    this.addSql(`create index "disputes_deadlines" on "payment"."disputes" ("due_at") where due_at is not null;`);
    this.addSql(`alter table "payment"."disputes" add constraint "disputes_tenant_id_paypal_id_unique" unique ("tenant_id", "paypal_id");`);
    this.addSql(`alter table "payment"."disputes" add constraint "disputes_amount_positive" check (amount_minor > 0);`);
    this.addSql(`alter table "payment"."disputes" add constraint "disputes_about_something" check (payment_id is not null or subscription_id is not null);`);
    this.addSql(`alter table "payment"."disputes" add constraint "disputes_state_check" check ("state" in ('open', 'resolved'));`);
    this.addSql(`alter table "payment"."disputes" add constraint "disputes_outcome_check" check ("outcome" in ('won', 'lost', 'paid_by_paypal', 'withdrawn', 'other'));`);
    this.addSql(`alter table "payment"."disputes" enable row level security;`);
    this.addSql(`create policy "tenant_isolation" on "payment"."disputes" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');`);
  }

  override down(): void | Promise<void> {
    this.addSql(`drop table if exists "payment"."disputes" cascade;`);
  }
}
