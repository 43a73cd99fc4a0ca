import { randomUUID } from "node:crypto";
import { CheckoutPaymentIntent, type PaymentSource, StoreInVaultInstruction, VaultTokenRequestType } from "@paypal/paypal-server-sdk";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { issueOf, openListener, openShop } from "./shop.ts";
import { startPayPalSimulator, type Simulator } from "./server.ts";

const card = { number: "4111111111111111", expiry: "2035-12", securityCode: "123", name: "Pat Payer" };

describe("saved ways to pay and cards at the PayPal simulator", () => {
  let simulator: Simulator;
  let shop: ReturnType<typeof openShop>;
  let listener: Awaited<ReturnType<typeof openListener>>;
  beforeAll(async () => {
    [simulator, listener] = [await startPayPalSimulator(), await openListener()];
    shop = openShop(simulator);
    await shop.ask("POST /v1/notifications/webhooks", { url: listener.url, event_types: [{ name: "*" }] });
  });
  afterAll(async () => {
    await simulator.close();
    await listener.close();
  });
  const order = (paymentSource: PaymentSource, intent = CheckoutPaymentIntent.Capture, of = shop) =>
    of.orders.createOrder({
      body: { intent, purchaseUnits: [{ amount: { currencyCode: "EUR", value: "10.00" } }], paymentSource },
      ...{ prefer: shop.prefer, paypalRequestId: randomUUID() },
    });
  const press = async (address: string, action: string) => {
    const sent = await fetch(address, { method: "POST", body: new URLSearchParams({ action }), redirect: "manual" });
    return new URL(sent.headers.get("location")!);
  };
  const context = { returnUrl: "https://shop.example/back?basket=7", cancelUrl: "https://shop.example/no" };
  const saved = async (customer?: string) => {
    const { result } = await shop.vault.createPaymentToken({
      body: { paymentSource: { card }, ...(customer && { customer: { id: customer } }) },
      paypalRequestId: randomUUID(),
    });
    return result;
  };

  it("pay at once with a card, of which only the end is ever shown", async () => {
    const { result, body } = await order({ card });
    expect(result).toMatchObject({
      status: "COMPLETED",
      paymentSource: { card: { lastDigits: "1111", brand: "VISA", expiry: "2035-12" } },
    });
    expect(result.purchaseUnits![0]!.payments!.captures![0]).toMatchObject({
      status: "COMPLETED",
      processorResponse: { responseCode: "0000" },
    });
    expect(body).not.toContain(card.number);
  });

  it.each([
    ["CARD_EXPIRED", { expiry: "2020-01" }],
    ["INVALID_PARAMETER_VALUE", { number: "4111111111111112" }],
    ["INVALID_PARAMETER_SYNTAX", { expiry: "12/2035" }],
  ])("refuse a card with %s", async (issue, of) => {
    expect(await issueOf(order({ card: { ...card, ...of } }))).toBe(issue);
  });

  it("leave an order completed whose card was declined, without money", async () => {
    simulator.decide({ about: "capture", status: "DECLINED", merchant: shop.clientId });
    const { result } = await order({ card });
    expect(result.status).toBe("COMPLETED");
    expect(result.purchaseUnits![0]!.payments!.captures![0]).toMatchObject({
      status: "DECLINED",
      processorResponse: { responseCode: "5120" },
    });
  });

  it.each([
    ["success", { liabilityShift: "POSSIBLE", threeDSecure: { enrollmentStatus: "Y", authenticationStatus: "Y" } }],
    ["failure", { liabilityShift: "NO", threeDSecure: { enrollmentStatus: "Y", authenticationStatus: "N" } }],
    ["unavailable", { liabilityShift: "UNKNOWN", threeDSecure: { enrollmentStatus: "Y", authenticationStatus: "U" } }],
  ])("ask the payer's bank when told to, on a page: %s", async (button, authenticationResult) => {
    const experience_context = { return_url: context.returnUrl, cancel_url: context.cancelUrl };
    const wish = { number: card.number, expiry: card.expiry, attributes: { verification: { method: "SCA_ALWAYS" } }, experience_context };
    const asked = await shop.ask(
      "POST /v2/checkout/orders",
      { intent: "CAPTURE", purchase_units: [{ amount: { currency_code: "EUR", value: "1.00" } }], payment_source: { card: wish } },
      { "paypal-request-id": randomUUID() },
    );
    const { id, status } = asked.body;
    expect(status).toBe("PAYER_ACTION_REQUIRED");
    expect(await issueOf(shop.orders.captureOrder({ id }))).toBe("ORDER_NOT_APPROVED");
    const address = asked.body.links.find(({ rel }) => rel === "payer-action")!.href;
    expect(await (await fetch(address)).text()).toContain("card ending in 1111");
    const back = await press(address, button);
    expect([back.searchParams.get("basket"), back.searchParams.get("token")]).toEqual(["7", id]);
    const { result } = await shop.orders.getOrder({ id });
    expect(result).toMatchObject({ status: "APPROVED", paymentSource: { card: { authenticationResult } } });
    expect((await shop.orders.captureOrder({ id, prefer: shop.prefer })).result.status).toBe("COMPLETED");
  });

  it("are saved with a purchase, and pay the next without the payer", async () => {
    const attributes = { vault: { storeInVault: StoreInVaultInstruction.OnSuccess }, customer: { id: "customer-7" } };
    const { result } = await order({ card: { ...card, attributes } });
    const vaulted = result.paymentSource!.card!.attributes!.vault!;
    expect(vaulted).toMatchObject({ status: "VAULTED", customer: { id: "customer-7" } });
    expect(
      (await order({ card: { vaultId: vaulted.id! } }, CheckoutPaymentIntent.Authorize)).result.purchaseUnits![0]!.payments!.authorizations,
    ).toHaveLength(1);
    expect(await issueOf(order({ paypal: { vaultId: vaulted.id! } }))).toBe("MISMATCHED_VAULT_ID_TO_PAYMENT_SOURCE");
    expect(await issueOf(order({ card: { vaultId: vaulted.id! } }, CheckoutPaymentIntent.Capture, openShop(simulator)))).toBe(
      "INVALID_RESOURCE_ID",
    );
    await shop.vault.deletePaymentToken(vaulted.id!);
    expect(await issueOf(order({ card: { vaultId: vaulted.id! } }))).toBe("AGREEMENT_ALREADY_CANCELLED");
    while (!listener.types().includes("VAULT.PAYMENT-TOKEN.DELETED")) await listener.until(listener.arrived.length + 1);
    const told = listener.arrived.find(({ event_type }) => event_type === "VAULT.PAYMENT-TOKEN.CREATED");
    expect(told?.resource).toMatchObject({ id: vaulted.id, customer: { id: "customer-7" } });
  });

  it("are saved after the payer has agreed on a page, once", async () => {
    const setup = await shop.vault.createSetupToken({
      body: { paymentSource: { paypal: { experienceContext: context } }, customer: { id: "customer-8" } },
      paypalRequestId: randomUUID(),
    });
    const id = setup.result.id!;
    expect(setup.result.status).toBe("PAYER_ACTION_REQUIRED");
    const save = () =>
      shop.vault.createPaymentToken({
        body: { paymentSource: { token: { id, type: VaultTokenRequestType.SetupToken } } },
        paypalRequestId: randomUUID(),
      });
    expect(await issueOf(save())).toBe("PAYER_ACTION_REQUIRED");
    const back = await press(setup.result.links!.find(({ rel }) => rel === "approve")!.href, "approve");
    expect(back.searchParams.get("approval_token_id")).toBe(id);
    const { result } = await save();
    expect(result).toMatchObject({ customer: { id: "customer-8" }, paymentSource: { paypal: { emailAddress: "payer@example.com" } } });
    expect(await issueOf(save())).toBe("TOKEN_ALREADY_USED");
    expect((await order({ paypal: { vaultId: result.id! } })).result).toMatchObject({
      status: "COMPLETED",
      payer: { emailAddress: "payer@example.com" },
    });
  });

  it("are listed by customer, shown and deleted, to their own merchant alone", async () => {
    const [one, two] = [await saved("customer-9"), await saved("customer-9")];
    const listed = async (of = shop) =>
      (await of.vault.listCustomerPaymentTokens({ customerId: "customer-9" })).result.paymentTokens!.map(({ id }) => id);
    expect(await listed()).toEqual([one.id, two.id]);
    expect(await listed(openShop(simulator))).toEqual([]);
    await shop.vault.deletePaymentToken(one.id!);
    expect(await listed()).toEqual([two.id]);
    expect(await issueOf(shop.vault.getPaymentToken(one.id!))).toBe("INVALID_RESOURCE_ID");
    expect(await issueOf(openShop(simulator).vault.deletePaymentToken(two.id!))).toBe("INVALID_RESOURCE_ID");
  });

  it("can be given when an order exists already, and with its capture", async () => {
    const unit = { intent: "CAPTURE", purchase_units: [{ amount: { currency_code: "EUR", value: "3.00" } }] };
    const [one, two] = [await shop.ask("POST /v2/checkout/orders", unit), await shop.ask("POST /v2/checkout/orders", unit)];
    const wish = { card: { number: card.number, expiry: card.expiry } };
    expect((await shop.ask(`POST /v2/checkout/orders/${one.body.id}/confirm-payment-source`, { payment_source: wish })).body.status).toBe(
      "APPROVED",
    );
    expect((await shop.orders.captureOrder({ id: one.body.id })).result.status).toBe("COMPLETED");
    const { id } = await saved();
    expect(
      (await shop.ask(`POST /v2/checkout/orders/${two.body.id}/capture`, { payment_source: { card: { vault_id: id } } })).body.status,
    ).toBe("COMPLETED");
  });
});
