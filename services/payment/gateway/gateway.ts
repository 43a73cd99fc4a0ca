import type { PaymentIntent } from "../../../config/states.ts";
import type { Currency, Money } from "../money.ts";
import type { OrderBreakdown } from "../tax/paypal.ts";

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
  /** Whether its money is to be taken at once, or reserved first. */
  intent: PaymentIntent;
  amountMinor: bigint;
  currency: Currency;
  /** Whether the payer is asked for a card at once. */
  card: boolean;
  /** What PayPal keeps of the payer, to be paid with without them. */
  vaultId: string | null;
  /** At most 127 characters. */
  description: string | null;
  /** What the amount is made up of; null when that is nobody's business. */
  breakdown: OrderBreakdown | null;
  returnUrl: string;
  cancelUrl: string;
}

/** What PayPal keeps of a movement, and in which balance it ends. Every part is null while PayPal has not said. */
export interface Breakdown {
  /** PayPal's fee; of a refund, what it gives back of it. In the movement's currency. */
  fee: Money | null;
  net: Money | null;
  /** Where the balance has another currency: what arrived or left there, and the rate. */
  settled: { net: Money; rate: string } | null;
}

export interface CaptureView extends Breakdown {
  id: string;
  /** PayPal's word: COMPLETED, PENDING, DECLINED, FAILED, PARTIALLY_REFUNDED or REFUNDED. */
  status: string;
  /** Decimal string as the provider wrote it; null where it left it out. */
  amount: string | null;
  currency: string | null;
  /** Why it is not completed, e.g. PENDING_REVIEW. */
  reason: string | null;
  /** What we called it when we asked for it. */
  invoiceId: string | null;
  /** Whether it is the last of its authorization. */
  final: boolean;
  /** PayPal's id of the authorization that it takes from. */
  authorizationId: string | null;
  at: Date | null;
}

export interface RefundView extends Breakdown {
  id: string;
  /** PayPal's word: COMPLETED, PENDING, FAILED or CANCELLED. */
  status: string;
  amount: string | null;
  currency: string | null;
  reason: string | null;
  /** What we called it when we asked for it; the payment, where somebody else did. */
  invoiceId: string | null;
  /** What has been given back of the capture in all, this refund included. */
  total: Money | null;
  /** PayPal's id of the capture that it gives back. */
  captureId: string | null;
  at: Date | null;
}

export interface AuthorizationView {
  id: string;
  /** PayPal's word: CREATED, PENDING, DENIED, PARTIALLY_CAPTURED, CAPTURED or VOIDED. */
  status: string;
  amount: string | null;
  currency: string | null;
  reason: string | null;
  expiresAt: Date | null;
  at: Date | null;
}

export interface OrderView {
  id: string;
  /** PayPal's word: CREATED, PAYER_ACTION_REQUIRED, APPROVED, COMPLETED, VOIDED, … A completed order is not a paid one: see its captures. */
  status: string;
  /** Where the payer agrees; null once that is over. */
  approvalUrl: string | null;
  /** What 3-D Secure found out of a card's owner: POSSIBLE or YES (the bank answers for fraud), NO, UNKNOWN; null without it. */
  liabilityShift: string | null;
  captures: CaptureView[];
  authorizations: AuthorizationView[];
  refunds: RefundView[];
}

/** The narrow door to a payment provider. No method throws for what a provider or a network does. */
export interface Gateway {
  /** For how long a request id makes a repeat harmless, in milliseconds. */
  readonly requestIdLifetimeMs: number;
  createOrder(order: NewOrder, requestId: string): Promise<Outcome<OrderView>>;
  getOrder(orderId: string): Promise<Outcome<OrderView>>;
  captureOrder(orderId: string, requestId: string): Promise<Outcome<OrderView>>;
  /** Reserves the money of an order that intends it. */
  authorizeOrder(orderId: string, requestId: string): Promise<Outcome<OrderView>>;
}
