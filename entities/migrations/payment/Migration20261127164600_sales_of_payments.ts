import { Migration } from '@mikro-orm/migrations';

export class Migration20261127164600_sales_of_payments extends Migration {

  override name = 'Migration20261127164600_sales_of_payments';

  override up(): void | Promise<void> {
    this.addSql(`alter table "payment"."payments" add "sale" jsonb null, add "tax_minor" bigint null;`);
  }

  override down(): void | Promise<void> {
    this.addSql(`alter table "payment"."payments" drop column "sale", drop column "tax_minor";`);
  }

}
