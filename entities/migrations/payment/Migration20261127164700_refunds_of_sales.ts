import { Migration } from '@mikro-orm/migrations';

export class Migration20261127164700_refunds_of_sales extends Migration {

  override name = 'Migration20261127164700_refunds_of_sales';

  override up(): void | Promise<void> {
    this.addSql(`alter table "payment"."subscription_attempts" drop constraint "subscription_attempts_operation_check";`);
    this.addSql(`alter table "payment"."subscription_attempts" add constraint "subscription_attempts_operation_check" check ("operation" in ('product', 'plan', 'create', 'capture', 'refund', 'activate', 'deactivate', 'price', 'suspend', 'resume', 'cancel', 'change'));`);
  }

  override down(): void | Promise<void> {
    this.addSql(`alter table "payment"."subscription_attempts" drop constraint "subscription_attempts_operation_check";`);
    this.addSql(`alter table "payment"."subscription_attempts" add constraint "subscription_attempts_operation_check" check ("operation" in ('product', 'plan', 'create', 'capture', 'activate', 'deactivate', 'price', 'suspend', 'resume', 'cancel', 'change'));`);
  }

}
