import { Migration } from '@mikro-orm/migrations';

export class Migration20261127163500_invoices_by_issue_date extends Migration {

  override name = 'Migration20261127163500_invoices_by_issue_date';

  override up(): void | Promise<void> {
    this.addSql(`create index "invoices_issue_date" on "payment"."invoices" ("tenant_id", "issue_date") where issue_date is not null;`);
  }

  override down(): void | Promise<void> {
    this.addSql(`drop index "payment"."invoices_issue_date";`);
  }

}
