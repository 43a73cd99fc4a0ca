import { Migration } from '@mikro-orm/migrations';

export class Migration20261127161000_reviews extends Migration {

  override name = 'Migration20261127161000_reviews';

  override up(): void | Promise<void> {
    this.addSql(`alter table "payment"."payments" drop constraint "payments_status_check";`);
    this.addSql(`alter table "payment"."payments" add constraint "payments_status_check" check ("status" in ('created', 'review', 'pending', 'approved', 'authorized', 'held', 'partially_captured', 'captured', 'partially_refunded', 'refunded', 'voided', 'failed'));`);
  }

  override down(): void | Promise<void> {
    this.addSql(`alter table "payment"."payments" drop constraint "payments_status_check";`);
    this.addSql(`alter table "payment"."payments" add constraint "payments_status_check" check ("status" in ('created', 'pending', 'approved', 'authorized', 'held', 'partially_captured', 'captured', 'partially_refunded', 'refunded', 'voided', 'failed'));`);
  }

}
