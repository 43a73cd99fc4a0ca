import type { Database } from "../../mixins/database.ts";
import type { Redis } from "../../mixins/redis.ts";
import type { PayPalConnection } from "./gateway/connection.ts";
import type { Gateway } from "./gateway/gateway.ts";
import { paymentsGateway, type PaymentsGateway } from "./gateway/payments.ts";
import { paypalGateway } from "./gateway/paypal.ts";

/** PayPal as one organisation reaches it. */
export interface PayPal {
  /** To be kept with what is made by it; null for the platform's account. */
  accountId: string | null;
  connection: PayPalConnection;
  orders: Gateway;
  payments: PaymentsGateway;
}

/** What the payment functions work with. */
export interface Till {
  db: Database;
  redis: Redis;
  /** Keys what is kept of payers instead of themselves. */
  secret: string;
  /** Where payers reach the edge, without a slash at the end. */
  publicUrl: string;
  /**
   * @param accountId what an earlier payment was made with; left out for what is new
   * @throws SERVICE_UNAVAILABLE when there are no credentials for this organisation, PAYMENT_GATEWAY_DENIED when those of that account are gone
   */
  paypal(tenantId: string, accountId?: string | null): Promise<PayPal>;
}

export const paypalOf = (connection: PayPalConnection, accountId: string | null = null): PayPal => ({
  accountId,
  connection,
  orders: paypalGateway(connection),
  payments: paymentsGateway(connection),
});
