import { Migration } from '@mikro-orm/migrations';

export class Migration20261127190000_due_of_organisations extends Migration {

  override name = 'Migration20261127190000_due_of_organisations';

  override up(): void | Promise<void> {
    this.addSql(`create index "authorizations_due_of" on "payment"."authorizations" ("tenant_id", "next_check_at") where next_check_at is not null;`);
    this.addSql(`create index "captures_due_of" on "payment"."captures" ("tenant_id", "next_check_at") where next_check_at is not null;`);
    this.addSql(`create index "payments_due_of" on "payment"."payments" ("tenant_id", "next_check_at") where next_check_at is not null;`);
    this.addSql(`create index "paypal_invoices_due_of" on "payment"."paypal_invoices" ("tenant_id", "next_check_at") where next_check_at is not null;`);
    this.addSql(`create index "plans_due_of" on "payment"."plans" ("tenant_id", "next_check_at") where next_check_at is not null;`);
    this.addSql(`create index "refunds_due_of" on "payment"."refunds" ("tenant_id", "next_check_at") where next_check_at is not null;`);
    this.addSql(`create index "subscriptions_due_of" on "payment"."subscriptions" ("tenant_id", "next_check_at") where next_check_at is not null;`);
  }

  override down(): void | Promise<void> {
    this.addSql(`drop index "payment"."authorizations_due_of";`);
    this.addSql(`drop index "payment"."captures_due_of";`);
    this.addSql(`drop index "payment"."payments_due_of";`);
    this.addSql(`drop index "payment"."paypal_invoices_due_of";`);
    this.addSql(`drop index "payment"."plans_due_of";`);
    this.addSql(`drop index "payment"."refunds_due_of";`);
    this.addSql(`drop index "payment"."subscriptions_due_of";`);
  }

}
