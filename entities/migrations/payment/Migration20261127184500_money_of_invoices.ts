import { Migration } from '@mikro-orm/migrations';

export class Migration20261127184500_money_of_invoices extends Migration {

  override name = 'Migration20261127184500_money_of_invoices';

  override up(): void | Promise<void> {
    this.addSql(`alter table "payment"."disputes" drop constraint "disputes_about_something";`);
    this.addSql(`alter table "payment"."disputes" add "invoice_id" uuid null;`);
    this.addSql(`alter table "payment"."disputes" add constraint "disputes_about_something" check (payment_id is not null or subscription_id is not null or invoice_id is not null);`);
    this.addSql(`alter table "payment"."ledger_entries" add "invoice_id" uuid null;`);
    this.addSql(`create index "ledger_entries_invoice" on "payment"."ledger_entries" ("tenant_id", "invoice_id") where invoice_id is not null;`);
    this.addSql(`alter table "payment"."reconciliation_breaks" add "invoice_id" uuid null;`);
    this.addSql(`create index "paypal_invoices_paypal_id_index" on "payment"."paypal_invoices" ("paypal_id");`);
  }

  override down(): void | Promise<void> {
    this.addSql(`drop index "payment"."paypal_invoices_paypal_id_index";`);
    this.addSql(`alter table "payment"."reconciliation_breaks" drop column "invoice_id";`);
    this.addSql(`drop index "payment"."ledger_entries_invoice";`);
    this.addSql(`alter table "payment"."ledger_entries" drop column "invoice_id";`);
    this.addSql(`alter table "payment"."disputes" drop constraint "disputes_about_something";`);
    this.addSql(`alter table "payment"."disputes" drop column "invoice_id";`);
    this.addSql(`alter table "payment"."disputes" add constraint "disputes_about_something" check (payment_id is not null or subscription_id is not null);`);
  }

}
