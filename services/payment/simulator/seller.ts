import { IntervalUnit, type PlanRequest, type SubscriptionBillingCycle, TenureType } from "@paypal/paypal-server-sdk";
import type { Simulator } from "./server.ts";
import type { openShop } from "./shop.ts";

export const eur = (value: string) => ({ currencyCode: "EUR", value });

/** A month at a price, without end. */
export const cycle = (value: string, of: Partial<SubscriptionBillingCycle> = {}): SubscriptionBillingCycle => ({
  ...{ tenureType: TenureType.Regular, sequence: 1, totalCycles: 0 },
  frequency: { intervalUnit: IntervalUnit.Month, intervalCount: 1 },
  pricingScheme: { fixedPrice: eur(value) },
  ...of,
});

/** A month for nothing. */
export const trial = (of: Partial<SubscriptionBillingCycle> = {}) => ({
  ...cycle("0.00", { tenureType: TenureType.Trial, totalCycles: 1, ...of }),
  pricingScheme: undefined,
});

/** For specs: a shop that sells plans of one product. */
export async function openSeller(simulator: Simulator, shop: ReturnType<typeof openShop>) {
  const productId = (await shop.ask("POST /v1/catalogs/products", { name: "Sync", type: "SERVICE" })).body.id;
  const plan = (of: Partial<PlanRequest> = {}): PlanRequest => ({
    ...{ productId, name: "Monthly", billingCycles: [cycle("10.00")], paymentPreferences: {} },
    ...of,
  });
  const newPlan = async (of?: Partial<PlanRequest>) =>
    (await shop.subscriptions.createBillingPlan({ body: plan(of), prefer: shop.prefer })).result.id!;
  /** A subscription that its payer has agreed to. */
  const subscribe = async (planId: string, of: object = {}) => {
    const { result } = await shop.subscriptions.createSubscription({ body: { planId, customId: "tenant:1", ...of }, prefer: shop.prefer });
    simulator.approve(result.id!);
    return result.id!;
  };
  /** Its payments so far, e.g. "COMPLETED 10.00". */
  const sales = async (id: string) => {
    const [startTime, endTime] = ["2020-01-01T00:00:00Z", "2100-01-01T00:00:00Z"];
    const { result } = await shop.subscriptions.listSubscriptionTransactions({ id, startTime, endTime });
    return (result.transactions ?? []).map(({ status, amountWithBreakdown }) => `${status} ${amountWithBreakdown.grossAmount.value}`);
  };
  return { productId, plan, newPlan, subscribe, sales };
}
