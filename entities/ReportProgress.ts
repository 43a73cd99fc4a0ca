import { defineEntity, p } from "@mikro-orm/core";
import { systemPolicy } from "./tenancy.ts";

/** How far a read model has got: the cursor of the last ledger entry in it, moved in the transaction that writes its rows. */
export const ReportProgress = defineEntity({
  name: "ReportProgress",
  tableName: "report_progress",
  schema: "payment",
  properties: {
    name: p.text().primary(),
    transaction: p.string().columnType("xid8").defaultRaw("'0'"),
    position: p.bigint("bigint").default(0),
  },
  policies: systemPolicy(),
});
