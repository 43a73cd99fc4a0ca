import { handleDispute } from "../disputes/webhook.ts";
import { handleInvoice } from "../invoicing/webhook.ts";
import { handleToken } from "../methods/webhook.ts";
import { handleRefund } from "../refunds/webhook.ts";
import type { Handle } from "./event.ts";
import { handlePlan, handleProduct, handleSale, handleSubscription } from "../subscriptions/webhook.ts";
import { handleOrder } from "./orders.ts";

/** Who takes which events, by the beginning of their type. Each area adds its line. */
const handlers: Record<string, Handle> = {
  "CHECKOUT.": handleOrder,
  "PAYMENT.CAPTURE.": handleOrder,
  "PAYMENT.AUTHORIZATION.": handleOrder,
  "VAULT.PAYMENT-TOKEN.": handleToken,
  "PAYMENT.SALE.": handleSale,
  "BILLING.SUBSCRIPTION.": handleSubscription,
  "BILLING.PLAN.": handlePlan,
  "CATALOG.PRODUCT.": handleProduct,
  "PAYMENT.CAPTURE.REFUNDED": handleRefund,
  "PAYMENT.CAPTURE.REVERSED": handleRefund,
  "PAYMENT.REFUND.": handleRefund,
  "CUSTOMER.DISPUTE.": handleDispute,
  "INVOICING.INVOICE.": handleInvoice,
};

/** The handler with the longest beginning; undefined for types that nobody here knows. */
export function handlerOf(type: string): Handle | undefined {
  const beginnings = Object.keys(handlers).filter((beginning) => type.startsWith(beginning));
  const [longest] = beginnings.sort((a, b) => b.length - a.length);
  return longest === undefined ? undefined : handlers[longest];
}
