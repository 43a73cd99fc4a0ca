import { CaptureType, IntervalUnit, SetupFeeFailureAction } from "@paypal/paypal-server-sdk";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { cycle, eur, openSeller, trial } from "./seller.ts";
import { issueOf, openListener, openShop } from "./shop.ts";
import { startPayPalSimulator, type Simulator } from "./server.ts";

const day = 86_400_000;

describe("subscriptions at the PayPal simulator", () => {
  let simulator: Simulator;
  let shop: ReturnType<typeof openShop>;
  let listener: Awaited<ReturnType<typeof openListener>>;
  let seller: Awaited<ReturnType<typeof openSeller>>;
  beforeAll(async () => {
    [simulator, listener] = [await startPayPalSimulator(), await openListener()];
    shop = openShop(simulator);
    await shop.ask("POST /v1/notifications/webhooks", { url: listener.url, event_types: [{ name: "*" }] });
    seller = await openSeller(simulator, shop);
  });
  afterAll(async () => {
    await simulator.close();
    await listener.close();
  });

  const get = async (id: string) => (await shop.subscriptions.getSubscription({ id })).result;
  const told = (type: string, id: string) =>
    listener.arrived.filter(
      ({ event_type, resource }) => event_type === type && [resource["id"], resource["billing_agreement_id"]].includes(id),
    );
  const hear = async (type: string, id: string, count = 1) => {
    const deadline = Date.now() + 20_000;
    while (told(type, id).length < count && Date.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 5));
    expect(told(type, id)).toHaveLength(count);
    return told(type, id).at(-1)!;
  };
  const failNext = (of: { times?: number; id?: string } = {}) =>
    simulator.decide({ about: "renewal", status: "FAILED", merchant: shop.clientId, ...of });

  it("keeps the day on which its regular cycle began after a trial of days", async () => {
    const days = { frequency: { intervalUnit: IntervalUnit.Day, intervalCount: 10 } };
    const id = await seller.subscribe(await seller.newPlan({ billingCycles: [trial(days), cycle("10.00", { sequence: 2 })] }));
    const first = new Date((await get(id)).billingInfo!.nextBillingTime!);
    simulator.advance(10 * day + 60_000);
    const second = new Date((await get(id)).billingInfo!.nextBillingTime!);
    const lastDay = new Date(Date.UTC(second.getUTCFullYear(), second.getUTCMonth() + 1, 0)).getUTCDate();
    expect((second.getUTCMonth() - first.getUTCMonth() + 12) % 12).toBe(1);
    expect(second.getUTCDate()).toBe(Math.min(first.getUTCDate(), lastDay));
  });

  it("renews when its time comes, and tells it as a v1 sale", async () => {
    const id = await seller.subscribe(await seller.newPlan());
    expect(await get(id)).toMatchObject({
      status: "ACTIVE",
      billingInfo: { failedPaymentsCount: 0, lastPayment: { amount: eur("10.00") } },
    });
    simulator.advance(63 * day);
    expect(await seller.sales(id)).toEqual(Array(3).fill("COMPLETED 10.00"));
    const { resource } = await hear("PAYMENT.SALE.COMPLETED", id, 3);
    expect(resource).toMatchObject({
      ...{ state: "completed", billing_agreement_id: id, custom: "tenant:1", transaction_fee: { value: "0.74", currency: "EUR" } },
      amount: { total: "10.00", currency: "EUR" },
    });
    const saleId = resource["id"] as string;
    await shop.payments.refundCapturedPayment({ captureId: saleId });
    expect((await shop.ask<{ state: string }>(`GET /v1/payments/sale/${saleId}`)).body.state).toBe("refunded");
    expect(listener.types()).not.toContain("PAYMENT.CAPTURE.COMPLETED");
  });

  it("passes from a free trial to its price, while the event of its activation names a stale date", async () => {
    const id = await seller.subscribe(await seller.newPlan({ billingCycles: [trial(), cycle("10.00", { sequence: 2, totalCycles: 2 })] }));
    const { startTime, billingInfo } = await get(id);
    const { resource } = await hear("BILLING.SUBSCRIPTION.ACTIVATED", id);
    expect((resource["billing_info"] as { next_billing_time: string }).next_billing_time).toBe(startTime);
    expect(Date.parse(billingInfo!.nextBillingTime!)).toBeGreaterThan(Date.parse(startTime!) + 27 * day);
    expect(await seller.sales(id)).toEqual([]);
    simulator.advance(100 * day);
    expect(await seller.sales(id)).toEqual(["COMPLETED 10.00", "COMPLETED 10.00"]);
    expect((await get(id)).status).toBe("EXPIRED");
    await hear("BILLING.SUBSCRIPTION.EXPIRED", id);
  });

  it("takes the setup fee first, and ends when it can't be had and the plan says so", async () => {
    const fee = { setupFee: eur("5.00"), setupFeeFailureAction: SetupFeeFailureAction.Cancel };
    expect(await seller.sales(await seller.subscribe(await seller.newPlan({ paymentPreferences: fee })))).toEqual([
      "COMPLETED 5.00",
      "COMPLETED 10.00",
    ]);
    failNext();
    expect((await get(await seller.subscribe(await seller.newPlan({ paymentPreferences: fee })))).status).toBe("CANCELLED");
    failNext();
    const goesOn = { ...fee, setupFeeFailureAction: SetupFeeFailureAction.Continue, autoBillOutstanding: false };
    expect(await get(await seller.subscribe(await seller.newPlan({ paymentPreferences: goesOn })))).toMatchObject({
      status: "ACTIVE",
      billingInfo: { outstandingBalance: eur("5.00") },
    });
  });

  it("tries a failed payment again, suspends after too many, and goes on once the balance is collected", async () => {
    const id = await seller.subscribe(await seller.newPlan({ paymentPreferences: { paymentFailureThreshold: 2 } }));
    failNext({ id, times: 2 });
    simulator.advance(31 * day);
    const { status, billingInfo } = await get(id);
    expect([status, billingInfo!.failedPaymentsCount, billingInfo!.outstandingBalance.value]).toEqual(["ACTIVE", 1, "10.00"]);
    expect(billingInfo!.lastFailedPayment!.nextPaymentRetryTime).toBeDefined();
    simulator.advance(5 * day);
    expect((await get(id)).status).toBe("SUSPENDED");
    await hear("BILLING.SUBSCRIPTION.PAYMENT.FAILED", id, 2);
    await hear("BILLING.SUBSCRIPTION.SUSPENDED", id);
    expect(await issueOf(shop.subscriptions.activateSubscription({ id }))).toBe("SUBSCRIPTION_CANNOT_BE_ACTIVATED");
    const collect = (value: string) =>
      shop.subscriptions.captureSubscription({
        id,
        body: { note: "owed", captureType: CaptureType.OutstandingBalance, amount: eur(value) },
      });
    expect(await issueOf(collect("10.01"))).toBe("AMOUNT_GREATER_THAN_OUTSTANDING_BALANCE");
    await collect("10.00");
    expect(await issueOf(collect("10.00"))).toBe("ZERO_OUTSTANDING_BALANCE");
    await shop.subscriptions.activateSubscription({ id });
    expect((await get(id)).status).toBe("ACTIVE");
    expect(await seller.sales(id)).toEqual(["COMPLETED 10.00", "DECLINED 10.00", "DECLINED 10.00", "COMPLETED 10.00"]);
  });

  it("charges for what a retry finds, together with nothing else", async () => {
    const id = await seller.subscribe(await seller.newPlan());
    failNext({ id });
    simulator.advance(37 * day);
    expect(await seller.sales(id)).toEqual(["COMPLETED 10.00", "DECLINED 10.00", "COMPLETED 10.00"]);
    expect((await get(id)).billingInfo).toMatchObject({ failedPaymentsCount: 0, outstandingBalance: eur("0.00") });
  });

  it("changes its plan once the payer agrees, within one product", async () => {
    const [id, dearer] = [await seller.subscribe(await seller.newPlan()), await seller.newPlan({ billingCycles: [cycle("20.00")] })];
    const revised = await shop.subscriptions.reviseSubscription({ id, body: { planId: dearer } });
    expect(revised.result.links!.map(({ rel }) => rel)).toContain("approve");
    expect((await get(id)).planId).not.toBe(dearer);
    simulator.approve(id);
    expect((await get(id)).planId).toBe(dearer);
    simulator.advance(31 * day);
    expect(await seller.sales(id)).toEqual(["COMPLETED 10.00", "COMPLETED 20.00"]);
    await hear("BILLING.SUBSCRIPTION.UPDATED", id);
    const { body } = await shop.ask("POST /v1/catalogs/products", { name: "Other" });
    const other = await seller.newPlan({ productId: body.id });
    expect(await issueOf(shop.subscriptions.reviseSubscription({ id, body: { planId: other } }))).toBe("PLAN_PRODUCT_NOT_COMPATIBLE");
  });

  it("allows each move in its own states only", async () => {
    const { result } = await shop.subscriptions.createSubscription({ body: { planId: await seller.newPlan() }, prefer: shop.prefer });
    const id = result.id!;
    const suspend = () => issueOf(shop.subscriptions.suspendSubscription({ id, body: { reason: "pause" } }));
    const cancel = () => issueOf(shop.subscriptions.cancelSubscription({ id, body: { reason: "enough" } }));
    const activate = () => issueOf(shop.subscriptions.activateSubscription({ id, body: { reason: "again" } }));
    const invalid = "SUBSCRIPTION_STATUS_INVALID";
    expect([await suspend(), await cancel(), await activate()]).toEqual([invalid, invalid, invalid]);
    simulator.approve(id);
    expect([await activate(), await suspend(), await suspend(), await activate()]).toEqual([invalid, "", invalid, ""]);
    await suspend();
    simulator.advance(70 * day);
    expect(await seller.sales(id)).toHaveLength(1);
    await activate();
    expect(Date.parse((await get(id)).billingInfo!.nextBillingTime!)).toBeGreaterThan(Date.now() + 70 * day);
    expect([await cancel(), await cancel(), await activate(), await suspend()]).toEqual(["", invalid, invalid, invalid]);
    const { resource } = await hear("BILLING.SUBSCRIPTION.CANCELLED", id);
    expect(resource).toMatchObject({ status: "CANCELLED", status_change_note: "enough" });
  });

  it("is agreed to on a page that sends the payer back with the subscription's id", async () => {
    const applicationContext = { returnUrl: "https://shop.example/back?x=1", cancelUrl: "https://shop.example/no", userAction: "CONTINUE" };
    const { result } = await shop.subscriptions.createSubscription({
      body: { planId: await seller.newPlan(), applicationContext } as never,
      prefer: shop.prefer,
    });
    const address = result.links!.find(({ rel }) => rel === "approve")!.href;
    expect(await (await fetch(address)).text()).toContain("Monthly");
    const sent = await fetch(address, { method: "POST", body: new URLSearchParams({ action: "approve" }), redirect: "manual" });
    expect(new URL(sent.headers.get("location")!).searchParams.get("subscription_id")).toBe(result.id);
    expect((await get(result.id!)).status).toBe("APPROVED");
    await shop.subscriptions.activateSubscription({ id: result.id! });
    expect((await get(result.id!)).status).toBe("ACTIVE");
  });

  it("is unknown to another merchant", async () => {
    const [id, stranger] = [await seller.subscribe(await seller.newPlan()), openShop(simulator)];
    expect(await issueOf(stranger.subscriptions.getSubscription({ id }))).toBe("INVALID_RESOURCE_ID");
    expect(await issueOf(stranger.subscriptions.cancelSubscription({ id, body: { reason: "" } }))).toBe("INVALID_RESOURCE_ID");
  });
});
