import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import type { Principal } from "../../config/permissions.ts";
import { testTill, type TestTill } from "../../test/till.ts";
import { createPayment } from "./orders.ts";
import { createRefund } from "./refunds/create.ts";
import { settle } from "./settle.ts";
import { listUnanswered, lookNow } from "./unanswered.ts";

describe("what PayPal has not answered", () => {
  let till: TestTill;
  beforeAll(async () => {
    till = await testTill({}, { timeoutMs: 250 });
  });
  afterAll(() => till?.stop());

  const principal = (): Principal => ({ tenantId: randomUUID(), subject: "user:test", userId: null, permissions: [] });
  const wish = { amount: "12.50", currency: "EUR" };
  const age = (table: string, id: string) =>
    till.database.admin.query(
      `update payment.${table} set created_at = created_at - interval '80 hours' ${table === "payments" ? ", approved_at = approved_at - interval '80 hours'" : ""} where id = $1`,
      [id],
    );

  it("is listed with its schedule for its own organisation, until a look finds what happened", async () => {
    const who = principal();
    const { id, paypalPaymentId } = await createPayment(till, who, wish);
    till.simulator.approve(paypalPaymentId!);
    till.simulator.inject({ operation: "orders.capture", kind: "refuse", status: 503, id: paypalPaymentId! });
    await settle(till, id);
    const [one, ...others] = await listUnanswered(till.db, who.tenantId);
    expect(others).toEqual([]);
    expect(one).toMatchObject({
      paymentId: id,
      id,
      kind: "payment",
      operation: "capture",
      sends: 1,
      reason: "SERVICE_UNAVAILABLE",
      givenUpAt: null,
    });
    expect(one!.requestId).toBe(`${id}:capture:1`);
    expect(Date.parse(one!.nextLookAt!)).toBeGreaterThan(Date.now());
    expect(await listUnanswered(till.db, principal().tenantId)).toEqual([]);
    await expect(lookNow(till, principal().tenantId, one!.attemptId)).rejects.toMatchObject({ type: "NOT_FOUND", code: 404 });
    expect(await lookNow(till, who.tenantId, one!.attemptId)).toBeNull();
    expect(await listUnanswered(till.db, who.tenantId)).toEqual([]);
    expect(await settle(till, id)).toMatchObject({ status: "captured" });
  });

  it("does not list a lost answer of which a look has found what happened", async () => {
    const who = principal();
    const { id, paypalPaymentId } = await createPayment(till, who, wish);
    till.simulator.approve(paypalPaymentId!);
    till.simulator.inject({ operation: "orders.capture", kind: "reset" });
    expect(await settle(till, id)).toMatchObject({ status: "captured" });
    expect(await listUnanswered(till.db, who.tenantId)).toEqual([]);
  });

  it("is given up after three days of looking, stays in the list, and can be looked for by hand", async () => {
    const who = principal();
    const { id, paypalPaymentId } = await createPayment(till, who, wish);
    till.simulator.approve(paypalPaymentId!);
    till.simulator.inject({ operation: "orders.capture", kind: "refuse", status: 503, times: 2, id: paypalPaymentId! });
    await settle(till, id);
    await age("payments", id);
    expect(await settle(till, id)).toMatchObject({ status: "approved", nextCheckAt: null });
    const [given] = await listUnanswered(till.db, who.tenantId);
    expect(given).toMatchObject({ id, operation: "capture", nextLookAt: null, givenUpAt: expect.any(String) as unknown });
    expect(await lookNow(till, who.tenantId, given!.attemptId)).toBeNull();
    expect(await settle(till, id)).toMatchObject({ status: "captured", givenUpAt: null });

    till.simulator.inject({ operation: "captures.refund", kind: "refuse", status: 503 });
    const refund = await createRefund(till, who, { id });
    const [lost] = await listUnanswered(till.db, who.tenantId);
    expect(lost).toMatchObject({ kind: "refund", id: refund.id, paymentId: id, operation: "refund" });
    expect(await lookNow(till, who.tenantId, lost!.attemptId)).toBeNull();
  });
});
