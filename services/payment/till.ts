import type { Database } from "../../mixins/database.ts";
import type { Gateway } from "./gateway/gateway.ts";

/** What the payment functions work with. */
export interface Till {
  db: Database;
  gateway: Gateway;
  /** Where payers reach the edge, without a slash at the end. */
  publicUrl: string;
}
