import { Migration } from '@mikro-orm/migrations';

export class Migration20261127191500_makers_of_plans extends Migration {

  override name = 'Migration20261127191500_makers_of_plans';

  override up(): void | Promise<void> {
    this.addSql(`alter table "payment"."plans" add "user_id" uuid null;`);
  }

  override down(): void | Promise<void> {
    this.addSql(`alter table "payment"."plans" drop column "user_id";`);
  }

}
