import { Migration } from '@mikro-orm/migrations';

export class Migration20261127184500_untold extends Migration {

  override name = 'Migration20261127184500_untold';

  override up(): void | Promise<void> {
    this.addSql(`alter table "sync"."batches" add "untold" uuid[] null;`);
    this.addSql(`create index "batches_untold" on "sync"."batches" ("job_id") where untold is not null;`);
  }

  override down(): void | Promise<void> {
    this.addSql(`drop index "sync"."batches_untold";`);
    this.addSql(`alter table "sync"."batches" drop column "untold";`);
  }

}
