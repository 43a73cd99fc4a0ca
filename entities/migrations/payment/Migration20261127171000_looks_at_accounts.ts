import { Migration } from '@mikro-orm/migrations';

export class Migration20261127171000_looks_at_accounts extends Migration {

  override name = 'Migration20261127171000_looks_at_accounts';

  override up(): void | Promise<void> {
    this.addSql(`drop index "payment"."paypal_accounts_listed_until_index";`);
    this.addSql(`alter table "payment"."paypal_accounts" add "next_look_at" timestamptz null;`);
    this.addSql(`create index "paypal_accounts_next_look_at_index" on "payment"."paypal_accounts" ("next_look_at");`);
  }

  override down(): void | Promise<void> {
    this.addSql(`drop index "payment"."paypal_accounts_next_look_at_index";`);
    this.addSql(`alter table "payment"."paypal_accounts" drop column "next_look_at";`);
    this.addSql(`create index "paypal_accounts_listed_until_index" on "payment"."paypal_accounts" ("listed_until");`);
  }

}
