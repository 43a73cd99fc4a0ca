import {
  IntervalUnit,
  PlanRequestStatus,
  SetupFeeFailureAction,
  SubscriptionPricingModel,
  TenureType,
  type PlanRequest,
  type SubscriptionPricingScheme,
} from "@paypal/paypal-server-sdk";
import { formatAmount, parseAmount, type Currency } from "../money.ts";
import { isFree, type Cycle } from "../plans/terms.ts";
import type { NewBillingPlan } from "./subscriptions.ts";

const units = { day: IntervalUnit.Day, week: IntervalUnit.Week, month: IntervalUnit.Month, year: IntervalUnit.Year };
const money = (amount: string, currencyCode: Currency) => ({
  currencyCode,
  value: formatAmount(parseAmount(amount, currencyCode), currencyCode),
});

/** What a cycle costs, in PayPal's words. */
export const schemeOf = ({ price = "0", model, tiers }: Cycle, currency: Currency): SubscriptionPricingScheme =>
  tiers
    ? {
        pricingModel: model === "volume" ? SubscriptionPricingModel.Volume : SubscriptionPricingModel.Tiered,
        tiers: tiers.map(({ from, to, amount }) => ({
          startingQuantity: String(from),
          ...(to !== undefined && { endingQuantity: String(to) }),
          amount: money(amount, currency),
        })),
      }
    : { fixedPrice: money(price, currency) };

/** A plan as PayPal's SDK takes it. Terms are checked before: PayPal names one fault at a time. */
export function planRequest({ productId, name, description, active, terms }: NewBillingPlan): PlanRequest {
  const { currency, setupFee, taxPercentage } = terms;
  return {
    productId,
    name,
    status: active ? PlanRequestStatus.Active : PlanRequestStatus.Created,
    ...(description !== null && { description }),
    billingCycles: terms.cycles.map((cycle, index) => ({
      tenureType: cycle.tenure === "trial" ? TenureType.Trial : TenureType.Regular,
      sequence: index + 1,
      totalCycles: cycle.total,
      frequency: { intervalUnit: units[cycle.unit], intervalCount: cycle.count },
      // A trial without a scheme is free.
      ...(!isFree(cycle) && { pricingScheme: schemeOf(cycle, currency) }),
    })),
    paymentPreferences: {
      autoBillOutstanding: terms.autoBillOutstanding,
      paymentFailureThreshold: terms.failureThreshold,
      ...(setupFee !== undefined && {
        setupFee: money(setupFee, currency),
        setupFeeFailureAction: terms.setupFeeFailure === "continue" ? SetupFeeFailureAction.Continue : SetupFeeFailureAction.Cancel,
      }),
    },
    ...(taxPercentage !== undefined && { taxes: { percentage: taxPercentage, inclusive: terms.taxInclusive } }),
    quantitySupported: terms.quantitySupported,
  };
}
