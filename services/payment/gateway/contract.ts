import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import type { Gateway, NewOrder } from "./gateway.ts";

/** A gateway and what its provider's payer and clerk can do, for the contract. */
export interface Subject {
  gateway: Gateway;
  approve(orderId: string): Promise<void> | void;
  stop(): Promise<void> | void;
}

/** An order nobody has asked for before. */
export const someOrder = (of: Partial<NewOrder> = {}): NewOrder => ({
  paymentId: randomUUID(),
  tenantId: randomUUID(),
  intent: "capture",
  card: false,
  vaultId: null,
  amountMinor: 1250n,
  currency: "EUR",
  description: "Annual plan",
  breakdown: null,
  returnUrl: "https://shop.example/return",
  cancelUrl: "https://shop.example/cancel",
  ...of,
});

/** What every payment gateway must do, whoever stands behind it. */
export function gatewayContract(name: string, start: () => Promise<Subject>): void {
  describe(`${name} keeps the gateway's contract`, () => {
    let subject: Subject;
    beforeAll(async () => {
      subject = await start();
    });
    afterAll(() => subject.stop());

    const create = async (of: Partial<NewOrder> = {}) => {
      const created = await subject.gateway.createOrder(someOrder(of), randomUUID());
      if (created.outcome !== "ok") throw new Error(`no order: ${JSON.stringify(created)}`);
      return created.value;
    };

    it("creates an order that waits for its payer, with the address where the payer agrees", async () => {
      const order = await create();
      expect(["CREATED", "PAYER_ACTION_REQUIRED"]).toContain(order.status);
      expect(order.approvalUrl).toMatch(/^https?:\/\//);
      expect(order.captures).toEqual([]);
    });

    it("gives the same order to the same request id", async () => {
      const order = someOrder();
      const requestId = randomUUID();
      const first = await subject.gateway.createOrder(order, requestId);
      const second = await subject.gateway.createOrder(order, requestId);
      expect(first.outcome).toBe("ok");
      expect(second).toMatchObject({ outcome: "ok", value: { id: (first as { value: { id: string } }).value.id } });
    });

    it("captures an approved order once, whole, and says so again when asked", async () => {
      const { id } = await create({ amountMinor: 1n, currency: "USD" });
      await subject.approve(id);
      expect(await subject.gateway.getOrder(id)).toMatchObject({ outcome: "ok", value: { status: "APPROVED", captures: [] } });
      const captured = await subject.gateway.captureOrder(id, `${id}:1`);
      expect(captured).toMatchObject({
        outcome: "ok",
        value: { status: "COMPLETED", captures: [{ status: "COMPLETED", amount: "0.01", currency: "USD" }] },
      });
      expect(await subject.gateway.captureOrder(id, `${id}:1`)).toMatchObject({
        outcome: "ok",
        value: (captured as { value: object }).value,
      });
      expect(await subject.gateway.captureOrder(id, `${id}:2`)).toMatchObject({
        outcome: "refused",
        issue: "ORDER_ALREADY_CAPTURED",
        httpStatus: 422,
      });
      expect(await subject.gateway.getOrder(id)).toMatchObject({ outcome: "ok", value: (captured as { value: object }).value });
    });

    it("sends amounts of currencies without decimals as whole numbers", async () => {
      const { id } = await create({ amountMinor: 10_000n, currency: "JPY" });
      await subject.approve(id);
      expect(await subject.gateway.captureOrder(id, `${id}:1`)).toMatchObject({
        outcome: "ok",
        value: { captures: [{ amount: "10000", currency: "JPY" }] },
      });
    });

    it("refuses to capture what the payer has not approved", async () => {
      const { id } = await create();
      expect(await subject.gateway.captureOrder(id, `${id}:1`)).toMatchObject({ outcome: "refused", issue: "ORDER_NOT_APPROVED" });
    });

    it("refuses an order that does not exist, with the provider's document as evidence", async () => {
      const answer = await subject.gateway.getOrder("0AA00000AA000000A");
      expect(answer).toMatchObject({
        outcome: "refused",
        httpStatus: 404,
        issue: "INVALID_RESOURCE_ID",
        response: { name: "RESOURCE_NOT_FOUND" },
      });
      expect(answer.debugId).toEqual(expect.any(String));
    });
  });
}
