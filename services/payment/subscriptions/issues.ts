import { errors } from "../../../config/errors.ts";
import type { Outcome } from "../gateway/gateway.ts";

/** Kinds of refusals, each an error of our own. */
type Kind = keyof typeof makers;

const makers = {
  /** The thing is in another state than the request needs. */
  subscriptionState: errors.subscriptionState,
  planState: errors.planState,
  notResumable: errors.subscriptionNotResumable,
  outstanding: errors.outstandingExceeded,
  incompatible: errors.planIncompatible,
  payer: errors.payerUnusable,
  /** About the organisation's PayPal account, not about the request. */
  account: errors.gatewayDenied,
  plan: errors.planRefused,
  subscription: errors.subscriptionRefused,
};

/** PayPal's issue → what it is about. What is missing here is about the plan's or the subscription's request itself. */
const kinds: Record<string, Kind> = {
  SUBSCRIPTION_STATUS_INVALID: "subscriptionState",
  BILLING_CYCLE_EXECUTION_COMPLETED: "subscriptionState",
  PLAN_STATUS_INVALID: "planState",
  PLAN_STATUS_INACTIVE: "planState",
  PRICING_SCHEME_UPDATE_NOT_ALLOWED: "planState",
  SUBSCRIPTION_CANNOT_BE_ACTIVATED: "notResumable",
  AMOUNT_GREATER_THAN_OUTSTANDING_BALANCE: "outstanding",
  ZERO_OUTSTANDING_BALANCE: "outstanding",
  PLAN_PRODUCT_NOT_COMPATIBLE: "incompatible",
  SUBSCRIBER_ACCOUNT_CLOSED: "payer",
  SUBSCRIBER_ACCOUNT_LOCKED: "payer",
  SUBSCRIBER_ACCOUNT_RESTRICTED: "payer",
  USER_ACCOUNT_CLOSED: "account",
  INVALID_ACCOUNT_STATUS: "account",
  PERMISSION_DENIED: "account",
  NOT_AUTHORIZED: "account",
  AUTHENTICATION_FAILURE: "account",
  COUNTRY_NOT_SUPPORTED: "account",
  CURRENCY_NOT_SUPPORTED_FOR_RECEIVER: "account",
  CARD_SUBSCRIPTIONS_NOT_ENABLED: "account",
};

/** The error that a refusal of PayPal's is for the caller, with PayPal's issue in its data. @param subject what was asked about, for the data */
export function refusal(answer: Extract<Outcome<unknown>, { outcome: "refused" }>, about: "plan" | "subscription", subject: object) {
  const kind = kinds[answer.issue] ?? about;
  return makers[kind](`PayPal refused: ${answer.detail}`, { ...subject, issue: answer.issue });
}

/** For what PayPal has not answered in a way that could be read. */
export const unconfirmed = (answer: Extract<Outcome<unknown>, { outcome: "unknown" }>, subject: object) =>
  errors.gatewayUnavailable(`PayPal has not confirmed it yet (${answer.reason}); what became of it is being looked for.`, { ...subject });

/** For sweepers, who have nobody to tell a refusal: it stands in the row. @throws what is none */
export function ignoreRefusal(error: unknown): void {
  if (((error as { code?: number }).code ?? 500) >= 500) throw error;
}
