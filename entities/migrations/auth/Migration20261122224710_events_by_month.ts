import { Migration } from "@mikro-orm/migrations";
import { eventsByMonth, eventsInOne } from "../monthly.ts";

export class Migration20261122224710_events_by_month extends Migration {
  override name = "Migration20261122224710_events_by_month";

  override up(): void {
    for (const sql of eventsByMonth("auth")) this.addSql(sql);
  }

  override down(): void {
    for (const sql of eventsInOne("auth")) this.addSql(sql);
  }
}
