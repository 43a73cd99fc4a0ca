import { Migration } from '@mikro-orm/migrations';

export class Migration20261127164600_accounts_of_subscriptions extends Migration {

  override name = 'Migration20261127164600_accounts_of_subscriptions';

  override up(): void | Promise<void> {
    this.addSql(`alter table "payment"."plans" add "account_id" uuid null;`);
    this.addSql(`alter table "payment"."subscriptions" add "account_id" uuid null;`);
    this.addSql(`create index "subscriptions_account" on "payment"."subscriptions" ("account_id") where account_id is not null and ended_at is null;`);
  }

  override down(): void | Promise<void> {
    this.addSql(`drop index "payment"."subscriptions_account";`);
    this.addSql(`alter table "payment"."subscriptions" drop column "account_id";`);
    this.addSql(`alter table "payment"."plans" drop column "account_id";`);
  }

}
