import {
  type ApiResponse,
  CheckoutPaymentIntent,
  OrdersController,
  PaypalExperienceUserAction,
  PaypalWalletContextShippingPreference,
} from "@paypal/paypal-server-sdk";
import CircuitBreaker from "opossum";
import { formatAmount } from "../money.ts";
import type { Gateway, NewOrder, OrderView, Outcome } from "./gateway.ts";
import { isOutage, outcomeOfAnswer, outcomeOfError } from "./outcome.ts";
import { fetchGrant, tokenSource } from "./token.ts";
import { isPayPal, originOf, PayPalTransport } from "./transport.ts";

export interface PayPalOptions {
  clientId: string;
  clientSecret: string;
  environment?: "sandbox" | "production";
  /** Another origin than PayPal's own: the simulator's. */
  url?: string;
  /** After which a call is given up and its outcome unknown, in milliseconds. */
  timeoutMs?: number;
  breaker?: CircuitBreaker.Options;
}

type Call = (abortSignal: AbortSignal) => Promise<ApiResponse<unknown>>;

/** `return=minimal` is the SDK's default and leaves out amounts and captures. */
const prefer = "return=representation";
const hour = 3_600_000;

/** PayPal through its own SDK. Source: Orders v2; the ids of Orders requests are remembered for six hours. */
export function paypalGateway(options: PayPalOptions): Gateway {
  const { clientId, clientSecret, environment = "sandbox", url, timeoutMs = 15_000 } = options;
  const origin = originOf(environment, url);
  const tokens = tokenSource(() => fetchGrant(origin, clientId, clientSecret, timeoutMs));
  const orders = new OrdersController(new PayPalTransport(origin, tokens, timeoutMs));

  const breaker = new CircuitBreaker((call: Call) => call(AbortSignal.timeout(timeoutMs)), {
    name: "paypal",
    // The signal ends a call; this ends one that does not listen to its signal.
    timeout: timeoutMs + 1_000,
    errorThresholdPercentage: 50,
    volumeThreshold: 5,
    resetTimeout: 10_000,
    rollingCountTimeout: 30_000,
    // A refusal is an answer: only outages open the breaker.
    errorFilter: (error: unknown) => !isOutage(error),
    ...options.breaker,
  });

  async function ask(call: Call): Promise<Outcome<OrderView>> {
    try {
      return outcomeOfAnswer(await breaker.fire(call));
    } catch (error) {
      return outcomeOfError(error);
    }
  }

  return {
    simulated: !isPayPal(origin),
    requestIdLifetimeMs: 6 * hour,
    createOrder: (order, paypalRequestId) =>
      ask((abortSignal) => orders.createOrder({ body: orderRequest(order), paypalRequestId, prefer }, { abortSignal })),
    getOrder: (id) => ask((abortSignal) => orders.getOrder({ id }, { abortSignal })),
    captureOrder: (id, paypalRequestId) => ask((abortSignal) => orders.captureOrder({ id, paypalRequestId, prefer }, { abortSignal })),
    close: () => breaker.shutdown(),
  };
}

/** `invoiceId` makes PayPal itself refuse a second capture for the same payment; `customId` finds tenant and payment in its reports. */
const orderRequest = (order: NewOrder) => ({
  intent: CheckoutPaymentIntent.Capture,
  purchaseUnits: [
    {
      amount: { currencyCode: order.currency, value: formatAmount(order.amountMinor, order.currency) },
      customId: `${order.tenantId}:${order.paymentId}`,
      invoiceId: order.paymentId,
      ...(order.description !== null && { description: order.description }),
    },
  ],
  paymentSource: {
    paypal: {
      experienceContext: {
        returnUrl: order.returnUrl,
        cancelUrl: order.cancelUrl,
        userAction: PaypalExperienceUserAction.PayNow,
        shippingPreference: PaypalWalletContextShippingPreference.NoShipping,
      },
    },
  },
});
