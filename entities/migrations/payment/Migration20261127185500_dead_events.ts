import { Migration } from '@mikro-orm/migrations';

export class Migration20261127185500_dead_events extends Migration {

  override name = 'Migration20261127185500_dead_events';

  override up(): void | Promise<void> {
    this.addSql(`create index "webhook_inbox_dead" on "payment"."webhook_inbox" ("received_at") where state = 'dead';`);
  }

  override down(): void | Promise<void> {
    this.addSql(`drop index "payment"."webhook_inbox_dead";`);
  }

}
