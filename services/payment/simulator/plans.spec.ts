import { IntervalUnit, type PlanRequest, SubscriptionPricingModel } from "@paypal/paypal-server-sdk";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { cycle, eur, openSeller, trial } from "./seller.ts";
import { startPayPalSimulator, type Simulator } from "./server.ts";
import { issueOf, openShop } from "./shop.ts";

const day = 86_400_000;

describe("plans at the PayPal simulator", () => {
  let simulator: Simulator;
  let shop: ReturnType<typeof openShop>;
  let seller: Awaited<ReturnType<typeof openSeller>>;
  beforeAll(async () => {
    simulator = await startPayPalSimulator();
    shop = openShop(simulator);
    seller = await openSeller(simulator, shop);
  });
  afterAll(() => simulator.close());

  it.each<[string, Partial<PlanRequest>]>([
    ["MISSING_REGULAR_BILLING_CYCLE", { billingCycles: [trial()] }],
    ["INVALID_BILLING_CYCLE_SEQUENCE", { billingCycles: [cycle("1.00", { sequence: 2 })] }],
    ["INVALID_BILLING_CYCLE_SEQUENCE", { billingCycles: [cycle("1.00"), trial({ sequence: 2 })] }],
    ["MULTIPLE_REGULAR_BILLING_CYCLES_NOT_SUPPORTED", { billingCycles: [cycle("1.00"), cycle("2.00", { sequence: 2 })] }],
    [
      "MULTIPLE_FREE_TRIAL_BILLING_CYCLES_NOT_SUPPORTED",
      { billingCycles: [trial(), trial({ sequence: 2 }), cycle("1.00", { sequence: 3 })] },
    ],
    ["INVALID_TRIAL_BILLING_TOTAL_CYCLES", { billingCycles: [trial({ totalCycles: 0 }), cycle("1.00", { sequence: 2 })] }],
    [
      "INVALID_INTEGER_MAX_VALUE",
      { billingCycles: [cycle("1.00", { frequency: { intervalUnit: IntervalUnit.Month, intervalCount: 13 } })] },
    ],
    ["CURRENCY_MISMATCH", { paymentPreferences: { setupFee: { currencyCode: "USD", value: "1.00" } } }],
    ["INVALID_RESOURCE_ID", { productId: "PROD-NONE" }],
    ["MISSING_REQUIRED_PARAMETER", { name: "" }],
  ])("refuses a plan with %s", async (issue, of) => {
    expect(await issueOf(shop.subscriptions.createBillingPlan({ body: seller.plan(of) }))).toBe(issue);
  });

  it("sells a plan only while it is active", async () => {
    const id = await seller.newPlan();
    expect(await issueOf(shop.subscriptions.activateBillingPlan(id))).toBe("PLAN_STATUS_INVALID");
    await shop.subscriptions.deactivateBillingPlan(id);
    expect(await issueOf(shop.subscriptions.createSubscription({ body: { planId: id } }))).toBe("PLAN_STATUS_INVALID");
    await shop.subscriptions.activateBillingPlan(id);
    expect(await issueOf(shop.subscriptions.createSubscription({ body: { planId: id, quantity: "2" } }))).toBe(
      "SUBSCRIPTION_CANNOT_HAVE_QUANTITY",
    );
    expect((await shop.subscriptions.listBillingPlans({ productId: seller.productId })).result.plans!.map((one) => one.id)).toContain(id);
  });

  it("counts units by tiers and adds taxes that the price does not contain", async () => {
    const tiers = [
      { startingQuantity: "1", endingQuantity: "10", amount: eur("2.00") },
      { startingQuantity: "11", amount: eur("1.00") },
    ];
    const of = (pricingModel: SubscriptionPricingModel) => ({
      billingCycles: [cycle("0.00", { pricingScheme: { pricingModel, tiers } })],
      quantitySupported: true,
      taxes: { percentage: "19", inclusive: false },
    });
    expect(
      await seller.sales(await seller.subscribe(await seller.newPlan(of(SubscriptionPricingModel.Volume)), { quantity: "20" })),
    ).toEqual(["COMPLETED 23.80"]);
    expect(
      await seller.sales(await seller.subscribe(await seller.newPlan(of(SubscriptionPricingModel.Tiered)), { quantity: "20" })),
    ).toEqual(["COMPLETED 35.70"]);
  });

  it("raises a price only for payments that are more than ten days off", async () => {
    const planId = await seller.newPlan({
      billingCycles: [cycle("10.00", { frequency: { intervalUnit: IntervalUnit.Day, intervalCount: 6 } })],
    });
    const id = await seller.subscribe(planId);
    const pricingSchemes = [{ billingCycleSequence: 1, pricingScheme: { fixedPrice: eur("12.00") } }];
    await shop.subscriptions.updateBillingPlanPricingSchemes({ id: planId, body: { pricingSchemes } });
    simulator.advance(13 * day);
    expect(await seller.sales(id)).toEqual(["COMPLETED 10.00", "COMPLETED 10.00", "COMPLETED 12.00"]);
    expect(await seller.sales(await seller.subscribe(planId))).toEqual(["COMPLETED 12.00"]);
  });

  it("are unknown to another merchant", async () => {
    const [id, stranger] = [await seller.newPlan(), openShop(simulator)];
    expect(await issueOf(stranger.subscriptions.getBillingPlan(id))).toBe("INVALID_RESOURCE_ID");
    expect(await issueOf(stranger.subscriptions.createSubscription({ body: { planId: id } }))).toBe("INVALID_RESOURCE_ID");
    expect((await stranger.subscriptions.listBillingPlans({})).result.plans).toEqual([]);
  });
});
