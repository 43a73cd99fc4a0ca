import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { testTill, type TestTill } from "../../../test/till.ts";
import { createPayment } from "../orders.ts";
import { readPayment } from "../payments.ts";
import type { PayPalEvent } from "./event.ts";
import { handlerOf } from "./handlers.ts";

describe("events about orders and captures", () => {
  let till: TestTill;
  const [acme, other] = [randomUUID(), randomUUID()];
  beforeAll(async () => {
    till = await testTill();
  });
  afterAll(() => till?.stop());

  const wish = { amount: "12.50", currency: "EUR" };
  const create = (tenantId = acme) => createPayment(till, { tenantId, subject: "user:test", userId: null, permissions: [] }, wish);
  const event = (type: string, resource: object, of: Partial<PayPalEvent> = {}): PayPalEvent => ({
    id: `WH-${randomUUID()}`,
    tenantId: acme,
    type,
    resourceType: type.startsWith("CHECKOUT") ? "checkout-order" : "capture",
    resource: resource as Record<string, unknown>,
    createdAt: new Date(),
    ...of,
  });
  const handle = (of: PayPalEvent) => handlerOf(of.type)!(till, of);
  const status = async (id: string) => (await readPayment(till.db, acme, id)).status;

  it("capture a payment that its payer has approved, however often and late they come", async () => {
    const { id, paypalPaymentId } = await create();
    till.simulator.approve(paypalPaymentId!);
    const before = till.simulator.captures();
    const approved = event("CHECKOUT.ORDER.APPROVED", { id: paypalPaymentId, purchase_units: [{ custom_id: `${acme}:${id}` }] });
    const completed = event("PAYMENT.CAPTURE.COMPLETED", { id: "1AB", supplementary_data: { related_ids: { order_id: paypalPaymentId } } });
    const handled = await Promise.all([completed, ...Array<PayPalEvent>(5).fill(approved)].map(handle));
    expect(handled).toEqual(Array(6).fill("done"));
    expect(await status(id)).toBe("captured");
    expect(till.simulator.captures()).toBe(before + 1);
    expect(await handle(approved)).toBe("done");
  });

  it("believe PayPal's order and not the event: a forged state captures nothing", async () => {
    const { id, paypalPaymentId } = await create();
    const said = { id: "1AB", status: "COMPLETED", custom_id: `${acme}:${id}` };
    expect(await handle(event("PAYMENT.CAPTURE.COMPLETED", said))).toBe("waits");
    expect(await handle(event("CHECKOUT.ORDER.APPROVED", { id: paypalPaymentId, status: "APPROVED" }))).toBe("waits");
    expect(await status(id)).toBe("pending");
  });

  it("wait when their payment is not there yet, and are ignored when they are another system's or another organisation's", async () => {
    const { id, paypalPaymentId } = await create();
    till.simulator.approve(paypalPaymentId!);
    expect(await handle(event("PAYMENT.CAPTURE.COMPLETED", { custom_id: `${acme}:${randomUUID()}` }))).toBe("waits");
    expect(await handle(event("CHECKOUT.ORDER.APPROVED", { id: "5O190127TN364715T" }))).toBe("waits");
    expect(await handle(event("PAYMENT.CAPTURE.COMPLETED", { custom_id: "basket 7" }))).toBe("ignored");
    const stranger = { tenantId: other };
    expect(await handle(event("PAYMENT.CAPTURE.COMPLETED", { custom_id: `${acme}:${id}` }, stranger))).toBe("ignored");
    expect(await handle(event("CHECKOUT.ORDER.APPROVED", { id: paypalPaymentId }, stranger))).toBe("waits");
    expect(await status(id)).toBe("pending");
  });

  it("are left to whoever knows the longer beginning of their type; unknown types have nobody", () => {
    expect(handlerOf("PAYMENT.CAPTURE.DENIED")).toBe(handlerOf("CHECKOUT.ORDER.COMPLETED"));
    expect(handlerOf("MERCHANT.ONBOARDING.COMPLETED")).toBeUndefined();
  });
});
