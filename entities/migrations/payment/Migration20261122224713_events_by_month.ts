import { Migration } from "@mikro-orm/migrations";
import { eventsByMonth, eventsInOne } from "../monthly.ts";

export class Migration20261122224713_events_by_month extends Migration {
  override name = "Migration20261122224713_events_by_month";

  override up(): void {
    for (const sql of eventsByMonth("payment")) this.addSql(sql);
  }

  override down(): void {
    for (const sql of eventsInOne("payment")) this.addSql(sql);
  }
}
