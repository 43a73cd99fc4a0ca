import {
  ApplicationContextUserAction,
  CaptureType,
  ExperienceContextShippingPreference,
  SubscriptionsController,
} from "@paypal/paypal-server-sdk";
import { formatAmount, type Money } from "../money.ts";
import type { Terms } from "../plans/terms.ts";
import {
  approvalLink,
  readPlan,
  readPlans,
  readSubscription,
  readTransactions,
  type PlanView,
  type SaleView,
  type SubscriptionView,
} from "./billing.ts";
import type { PayPalConnection } from "./connection.ts";
import type { Outcome } from "./gateway.ts";
import { planRequest, schemeOf } from "./planrequest.ts";

const prefer = "return=representation";
const day = 86_400_000;
/** For how long PayPal remembers the request ids of plans, products and subscriptions, in milliseconds. */
export const billingIdLifetimeMs = 3 * day;

export interface NewBillingPlan {
  productId: string;
  name: string;
  description: string | null;
  active: boolean;
  terms: Terms;
}

interface ReturnUrls {
  returnUrl: string;
  cancelUrl: string;
}

export interface NewBillingSubscription extends ReturnUrls {
  subscriptionId: string;
  tenantId: string;
  planId: string;
  /** Null for a plan without quantities: PayPal then refuses even 1. */
  quantity: number | null;
  startAt: Date | null;
  email: string | null;
}

/**
 * Plans and subscriptions at PayPal. No method throws for what PayPal or a network does. Activate, deactivate, suspend, resume, cancel, change
 * and a new price take no request id: look before and after asking. Source: Subscriptions v1.
 */
export interface SubscriptionsGateway {
  createPlan(plan: NewBillingPlan, requestId: string): Promise<Outcome<PlanView>>;
  getPlan(id: string): Promise<Outcome<PlanView>>;
  /** The newest twenty plans of a product. */
  plansOf(productId: string): Promise<Outcome<PlanView[]>>;
  activatePlan(id: string): Promise<Outcome<true>>;
  deactivatePlan(id: string): Promise<Outcome<true>>;
  /** Prices by the sequence of their cycle. */
  changePrices(id: string, prices: { sequence: number; terms: Terms }[]): Promise<Outcome<true>>;
  create(subscription: NewBillingSubscription, requestId: string): Promise<Outcome<SubscriptionView>>;
  get(id: string): Promise<Outcome<SubscriptionView>>;
  suspend(id: string, reason: string): Promise<Outcome<true>>;
  resume(id: string, reason: string): Promise<Outcome<true>>;
  cancel(id: string, reason: string): Promise<Outcome<true>>;
  /** Nothing changes before the payer has agreed at the address that it answers; null when no agreement is needed. */
  change(id: string, to: { planId: string; quantity: number | null } & ReturnUrls): Promise<Outcome<{ approvalUrl: string | null }>>;
  captureOutstanding(id: string, amount: Money, note: string, requestId: string): Promise<Outcome<true>>;
  payments(id: string, from: Date, to: Date): Promise<Outcome<SaleView[]>>;
}

/** A good answer of what has nothing to say. */
const done = () => true as const;

export function subscriptionsGateway(connection: PayPalConnection): SubscriptionsGateway {
  const controller = new SubscriptionsController(connection.transport);
  return {
    createPlan: (plan, paypalRequestId) =>
      connection.ask(
        (abortSignal) => controller.createBillingPlan({ body: planRequest(plan), paypalRequestId, prefer }, { abortSignal }),
        readPlan,
      ),
    getPlan: (id) => connection.ask((abortSignal) => controller.getBillingPlan(id, { abortSignal }), readPlan),
    plansOf: (productId) =>
      connection.ask(
        (abortSignal) => controller.listBillingPlans({ productId, pageSize: 20, page: 1, prefer }, { abortSignal }),
        readPlans,
      ),
    activatePlan: (id) => connection.ask((abortSignal) => controller.activateBillingPlan(id, { abortSignal }), done),
    deactivatePlan: (id) => connection.ask((abortSignal) => controller.deactivateBillingPlan(id, { abortSignal }), done),
    changePrices: (id, prices) => {
      const pricingSchemes = prices.map(({ sequence, terms }) => ({
        billingCycleSequence: sequence,
        pricingScheme: schemeOf(terms.cycles[sequence - 1]!, terms.currency),
      }));
      return connection.ask(
        (abortSignal) => controller.updateBillingPlanPricingSchemes({ id, body: { pricingSchemes } }, { abortSignal }),
        done,
      );
    },
    create: (subscription, paypalRequestId) =>
      connection.ask(
        (abortSignal) =>
          controller.createSubscription({ body: subscriptionRequest(subscription), paypalRequestId, prefer }, { abortSignal }),
        readSubscription,
      ),
    get: (id) =>
      connection.ask((abortSignal) => controller.getSubscription({ id, fields: "last_failed_payment" }, { abortSignal }), readSubscription),
    suspend: (id, reason) =>
      connection.ask((abortSignal) => controller.suspendSubscription({ id, body: { reason } }, { abortSignal }), done),
    resume: (id, reason) =>
      connection.ask((abortSignal) => controller.activateSubscription({ id, body: { reason } }, { abortSignal }), done),
    cancel: (id, reason) => connection.ask((abortSignal) => controller.cancelSubscription({ id, body: { reason } }, { abortSignal }), done),
    change: (id, { planId, quantity, ...urls }) =>
      connection.ask(
        (abortSignal) =>
          controller.reviseSubscription(
            { id, body: { planId, ...(quantity !== null && { quantity: String(quantity) }), applicationContext: urls } },
            { abortSignal },
          ),
        (body) => (typeof body === "object" && body !== null ? { approvalUrl: approvalLink(body) } : null),
      ),
    captureOutstanding: (id, { amountMinor, currency }, note, paypalRequestId) =>
      connection.ask(
        (abortSignal) =>
          controller.captureSubscription(
            {
              id,
              paypalRequestId,
              body: {
                note,
                captureType: CaptureType.OutstandingBalance,
                amount: { currencyCode: currency, value: formatAmount(amountMinor, currency) },
              },
            },
            { abortSignal },
          ),
        done,
      ),
    payments: (id, from, to) =>
      connection.ask(
        (abortSignal) =>
          controller.listSubscriptionTransactions({ id, startTime: from.toISOString(), endTime: to.toISOString() }, { abortSignal }),
        readTransactions,
      ),
  };
}

/** `customId` comes back in every webhook, and tells whose subscription it is although our record of PayPal's id was lost. */
const subscriptionRequest = ({ subscriptionId, tenantId, planId, quantity, startAt, email, ...urls }: NewBillingSubscription) => ({
  planId,
  customId: `${tenantId}:${subscriptionId}`,
  ...(quantity !== null && { quantity: String(quantity) }),
  ...(startAt && { startTime: startAt.toISOString() }),
  ...(email && { subscriber: { emailAddress: email } }),
  applicationContext: {
    ...urls,
    userAction: ApplicationContextUserAction.SubscribeNow,
    shippingPreference: ExperienceContextShippingPreference.NoShipping,
  },
});
