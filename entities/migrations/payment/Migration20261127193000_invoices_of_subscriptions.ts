import { Migration } from '@mikro-orm/migrations';

export class Migration20261127193000_invoices_of_subscriptions extends Migration {

  override name = 'Migration20261127193000_invoices_of_subscriptions';

  override up(): void | Promise<void> {
    this.addSql(`alter table "payment"."subscriptions" add "billing" jsonb null;`);
    this.addSql(`alter table "payment"."invoices" add "subscription_id" uuid null, add "sale_id" varchar(50) null;`);
    this.addSql(`create unique index "invoices_of_sale" on "payment"."invoices" ("tenant_id", "sale_id") where sale_id is not null and status <> 'void';`);
    this.addSql(`create index "invoices_of_subscription" on "payment"."invoices" ("tenant_id", "subscription_id", "created_at") where subscription_id is not null;`);
  }

  override down(): void | Promise<void> {
    this.addSql(`drop index "payment"."invoices_of_subscription";`);
    this.addSql(`drop index "payment"."invoices_of_sale";`);
    this.addSql(`alter table "payment"."invoices" drop column "subscription_id", drop column "sale_id";`);
    this.addSql(`alter table "payment"."subscriptions" drop column "billing";`);
  }

}
