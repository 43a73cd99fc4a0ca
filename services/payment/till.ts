import type { Database } from "../../mixins/database.ts";
import type { Redis } from "../../mixins/redis.ts";
import type { PayPalConnection } from "./gateway/connection.ts";
import type { Gateway } from "./gateway/gateway.ts";
import { paypalGateway } from "./gateway/paypal.ts";

/** PayPal as one organisation reaches it. */
export interface PayPal {
  connection: PayPalConnection;
  orders: Gateway;
}

/** What the payment functions work with. */
export interface Till {
  db: Database;
  redis: Redis;
  /** Keys what is kept of payers instead of themselves. */
  secret: string;
  /** Where payers reach the edge, without a slash at the end. */
  publicUrl: string;
  /** @throws SERVICE_UNAVAILABLE when there are no credentials for this organisation */
  paypal(tenantId: string): Promise<PayPal>;
}

export const paypalOf = (connection: PayPalConnection): PayPal => ({ connection, orders: paypalGateway(connection) });
