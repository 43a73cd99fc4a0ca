import type { Currency } from "../money.ts";

/** What came back, unmapped, to be kept as evidence. */
export interface Evidence {
  httpStatus: number | null;
  debugId: string | null;
  /** The body as JSON where it is JSON, else as text; null when nothing came. */
  response: unknown;
}

/**
 * How a request to a provider ended. `unknown` is never guessed: the money may have moved, so look before doing anything else.
 * `sent: false` says that nothing left this house (open breaker, no token).
 */
export type Outcome<T> =
  | ({ outcome: "ok"; value: T } & Evidence)
  | ({ outcome: "refused"; issue: string; detail: string } & Evidence)
  | ({ outcome: "unknown"; reason: string; sent: boolean } & Evidence);

export interface NewOrder {
  paymentId: string;
  tenantId: string;
  amountMinor: bigint;
  currency: Currency;
  /** At most 127 characters. */
  description: string | null;
  returnUrl: string;
  cancelUrl: string;
}

export interface CaptureView {
  id: string;
  /** PayPal's word: COMPLETED, PENDING, DECLINED, FAILED, PARTIALLY_REFUNDED or REFUNDED. */
  status: string;
  /** Decimal string as the provider wrote it; null where it left it out. */
  amount: string | null;
  currency: string | null;
  /** Why it is not completed, e.g. PENDING_REVIEW. */
  reason: string | null;
}

export interface OrderView {
  id: string;
  /** PayPal's word: CREATED, PAYER_ACTION_REQUIRED, APPROVED, COMPLETED, VOIDED, … A completed order is not a paid one: see its captures. */
  status: string;
  /** Where the payer agrees; null once that is over. */
  approvalUrl: string | null;
  captures: CaptureView[];
}

/** The narrow door to a payment provider. No method throws for what a provider or a network does. */
export interface Gateway {
  /** For how long a request id makes a repeat harmless, in milliseconds. */
  readonly requestIdLifetimeMs: number;
  createOrder(order: NewOrder, requestId: string): Promise<Outcome<OrderView>>;
  getOrder(orderId: string): Promise<Outcome<OrderView>>;
  captureOrder(orderId: string, requestId: string): Promise<Outcome<OrderView>>;
}
