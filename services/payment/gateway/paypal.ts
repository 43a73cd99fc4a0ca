import {
  CheckoutPaymentIntent,
  OrdersController,
  PaypalExperienceLandingPage,
  PaypalExperienceUserAction,
  PaypalWalletContextShippingPreference,
} from "@paypal/paypal-server-sdk";
import { formatAmount, type Currency } from "../money.ts";
import type { OrderBreakdown } from "../tax/paypal.ts";
import { readOrder } from "./answer.ts";
import type { PayPalConnection } from "./connection.ts";
import type { Gateway, NewOrder } from "./gateway.ts";

/** `return=minimal` is the SDK's default and leaves out amounts and captures. */
const prefer = "return=representation";
const hour = 3_600_000;

/** Orders through PayPal's own SDK. Source: Orders v2; the ids of Orders requests are remembered for six hours. */
export function paypalGateway(connection: PayPalConnection): Gateway {
  const orders = new OrdersController(connection.transport);
  return {
    requestIdLifetimeMs: 6 * hour,
    createOrder: (order, paypalRequestId) =>
      connection.ask(
        (abortSignal) => orders.createOrder({ body: orderRequest(order), paypalRequestId, prefer }, { abortSignal }),
        readOrder,
      ),
    getOrder: (id) => connection.ask((abortSignal) => orders.getOrder({ id }, { abortSignal }), readOrder),
    captureOrder: (id, paypalRequestId) =>
      connection.ask((abortSignal) => orders.captureOrder({ id, paypalRequestId, prefer }, { abortSignal }), readOrder),
    authorizeOrder: (id, paypalRequestId) =>
      connection.ask((abortSignal) => orders.authorizeOrder({ id, paypalRequestId, prefer }, { abortSignal }), readOrder),
  };
}

/** `invoiceId` makes PayPal itself refuse a second capture for the same payment; `customId` finds tenant and payment in its reports. */
const orderRequest = (order: NewOrder) => ({
  intent: order.intent === "capture" ? CheckoutPaymentIntent.Capture : CheckoutPaymentIntent.Authorize,
  purchaseUnits: [
    {
      amount: {
        currencyCode: order.currency,
        value: formatAmount(order.amountMinor, order.currency),
        ...(order.breakdown && totalsOf(order.breakdown, order.currency)),
      },
      ...(order.breakdown && { items: itemsOf(order.breakdown, order.currency) }),
      customId: `${order.tenantId}:${order.paymentId}`,
      invoiceId: order.paymentId,
      ...(order.description !== null && { description: order.description }),
    },
  ],
  paymentSource: {
    paypal: order.vaultId === null ? { experienceContext: experienceOf(order) } : { vaultId: order.vaultId },
  },
});

/** A card's number is typed in at PayPal: it never comes here. */
const experienceOf = (order: NewOrder) => ({
  returnUrl: order.returnUrl,
  cancelUrl: order.cancelUrl,
  userAction: PaypalExperienceUserAction.PayNow,
  shippingPreference: PaypalWalletContextShippingPreference.NoShipping,
  ...(order.card && { landingPage: PaypalExperienceLandingPage.GuestCheckout }),
});

/** An amount as PayPal writes it. */
const inPayPals = (minor: bigint, currencyCode: Currency) => ({ currencyCode, value: formatAmount(minor, currencyCode) });

const totalsOf = ({ itemTotalMinor, taxTotalMinor, shippingMinor, discountMinor }: OrderBreakdown, currency: Currency) => ({
  breakdown: {
    itemTotal: inPayPals(itemTotalMinor, currency),
    taxTotal: inPayPals(taxTotalMinor, currency),
    shipping: inPayPals(shippingMinor, currency),
    discount: inPayPals(discountMinor, currency),
  },
});

const itemsOf = ({ items }: OrderBreakdown, currency: Currency) =>
  items.map(({ name, sku, quantity, unitMinor, taxMinor }) => ({
    name,
    quantity: String(quantity),
    unitAmount: inPayPals(unitMinor, currency),
    ...(sku !== null && { sku }),
    ...(taxMinor !== null && { tax: inPayPals(taxMinor, currency) }),
  }));
