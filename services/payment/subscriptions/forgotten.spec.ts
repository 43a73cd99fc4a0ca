import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import type { Principal } from "../../../config/permissions.ts";
import { Subscription } from "../../../entities/Subscription.ts";
import { testTill, type TestTill } from "../../../test/till.ts";
import { createPlan } from "../plans/create.ts";
import { eventsToldTo } from "../../../test/toldevents.ts";
import { handlerOf } from "../webhooks/handlers.ts";
import { createSubscription } from "./create.ts";
import { gatewayOf, refresh } from "./look.ts";
import { refundSale } from "./refund.ts";
import { sweepSubscriptions } from "./sweep.ts";
import { listUnanswered } from "./unanswered.ts";

describe("a refund of a subscription that PayPal has not answered and whose request id it has forgotten", () => {
  let till: TestTill;
  beforeAll(async () => {
    till = await testTill({}, { timeoutMs: 10_000 });
  });
  afterAll(() => till?.stop());

  const query = (sql: string, ...values: unknown[]) => till.database.admin.query(sql, values);
  /** A subscription with a payment of 10.00 EUR, of which 1.00 was asked for without an answer; PayPal's clock has gone on since. */
  async function asked(how: "reset" | "refuse", { isForgotten = true } = {}) {
    const who: Principal = { tenantId: randomUUID(), subject: "user:test", userId: randomUUID(), permissions: ["payment:write"] };
    const cycles = [{ tenure: "regular", unit: "year", price: "10.00" } as const];
    const plan = await createPlan(till, who, { name: "Pro", currency: "EUR", cycles });
    const { id, paypalSubscriptionId } = await createSubscription(till, who, { planId: plan.id, customer: "4711" });
    till.simulator.approve(paypalSubscriptionId!);
    await refresh(till, id, { payments: true });
    const { rows } = await query("select sale_id as sale from payment.subscription_payments where subscription_id = $1", id);
    const { sale } = rows[0] as { sale: string };
    till.simulator.inject({ operation: "captures.refund", kind: how, ...(how === "refuse" && { status: 500 }) });
    const refund = (amount?: string) => refundSale(till, id, { saleId: sale, ...(amount !== undefined && { amount }) });
    await expect(refund("1.00")).rejects.toMatchObject({ type: "PAYMENT_GATEWAY_UNAVAILABLE" });
    if (!isForgotten) return { who, id, sale, refund };
    till.simulator.advance(46 * 86_400_000);
    await query("update payment.subscription_attempts set key_expires_at = now() where subject_id = $1 and operation = 'refund'", id);
    return { who, id, sale, refund };
  }
  const sweep = async (id: string) => {
    await query("update payment.subscriptions set next_check_at = now() - interval '1 second', claimed_until = null where id = $1", id);
    await sweepSubscriptions(till, 100);
  };
  const refundedOf = async (id: string) =>
    (await query("select refunded_minor::int as minor from payment.subscription_payments where subscription_id = $1", id))
      .rows[0] as object;
  /** What PayPal itself has given back. */
  const atPayPal = async (sale: string): Promise<number> =>
    (await eventsToldTo(till)).filter(({ type, resource }) => type === "PAYMENT.SALE.REFUNDED" && resource["sale_id"] === sale).length;
  const compared = (tenantId: string) =>
    query("insert into payment.reconciliations (tenant_id, compared_until) values ($1, now() + interval '1 day')", tenantId);
  const open = (tenantId: string) => listUnanswered(till.db, tenantId);

  it("is not asked for again while nobody can say whether it was made, by whoever asks, and stays in the operators' list", async () => {
    const { who, id, sale, refund } = await asked("reset");
    for (const wish of ["1.00", "2.00", "x", undefined]) await expect(refund(wish)).rejects.toMatchObject({ type: "CONFLICT" });
    await sweep(id);
    expect(await open(who.tenantId)).toMatchObject([{ id, operation: "refund", sends: 1, nextLookAt: expect.any(String) as unknown }]);
    expect(await open(randomUUID())).toEqual([]);
    expect(await atPayPal(sale)).toBe(1);
    expect(await refundedOf(id)).toEqual({ minor: 0 });
  });

  it("is known to be made once anybody has told of it, and then given back no second time", async () => {
    const { who, sale, refund } = await asked("reset");
    const event = (await eventsToldTo(till)).find(
      ({ type, resource }) => type === "PAYMENT.SALE.REFUNDED" && resource["sale_id"] === sale,
    )!;
    expect(await handlerOf(event.type)!(till, { ...event, tenantId: who.tenantId })).toBe("done");
    expect(await refund("1.00")).toMatchObject({ refundedMinor: 100n });
    expect(await open(who.tenantId)).toEqual([]);
    expect(await refund("2.00")).toMatchObject({ refundedMinor: 300n });
    expect(await atPayPal(sale)).toBe(2);
  });

  /** The merchant cancels at PayPal, which tells of it. @returns for how many minutes nobody looks after that; null: for ever */
  async function cancelled(who: Principal, id: string): Promise<number | null> {
    const { subscription } = await refresh(till, id);
    await (await gatewayOf(till, who)).cancel(subscription.paypalSubscriptionId!, "spec");
    expect((await refresh(till, id)).subscription.status).toBe("cancelled");
    return minutesTill(id);
  }
  async function minutesTill(id: string): Promise<number | null> {
    const { nextCheckAt } = await till.db.system((em) => em.findOneOrFail(Subscription, { id }));
    return nextCheckAt ? (nextCheckAt.getTime() - Date.now()) / 60_000 : null;
  }
  const sweepDue = async (id: string) => {
    await query(
      "update payment.subscriptions set next_check_at = now() - interval '1 second' where id = $1 and next_check_at is not null",
      id,
    );
    await sweepSubscriptions(till, 100);
  };

  it("is looked for day by day also when the subscription has ended meanwhile; one that lacks no answer is looked at no more", async () => {
    const [{ who, id }, other] = [await asked("reset"), await asked("refuse", { isForgotten: false })];
    await sweepDue(other.id);
    expect(await open(other.who.tenantId)).toEqual([]);
    expect(await cancelled(other.who, other.id)).toBeNull();
    expect(await cancelled(who, id)).toBeLessThan(3);
    for (let day = 0; day < 2; day++) {
      await sweepDue(id);
      expect(await minutesTill(id)).toBeGreaterThan(23 * 60);
      await refresh(till, id);
      expect(await minutesTill(id)).toBeLessThanOrEqual(24 * 60);
    }
    expect(await open(who.tenantId)).toMatchObject([{ id, operation: "refund", sends: 1 }]);
  });

  it("is asked for again under its id while PayPal remembers it, also when the subscription has ended meanwhile", async () => {
    const { who, id, sale } = await asked("reset", { isForgotten: false });
    expect(await cancelled(who, id)).toBeLessThan(3);
    await sweepDue(id);
    expect(await open(who.tenantId)).toEqual([]);
    expect(await refundedOf(id)).toEqual({ minor: 100 });
    expect(await atPayPal(sale)).toBe(1);
  });

  it("is known not to be made when PayPal's list shows that nothing went back, and can be asked for anew", async () => {
    const { who, id, sale, refund } = await asked("refuse");
    await sweep(id);
    expect(await open(who.tenantId)).toEqual([]);
    expect(await refund("1.00")).toMatchObject({ refundedMinor: 100n });
    expect(await atPayPal(sale)).toBe(1);
  });

  it("is known not to be made beside others once the books were compared with PayPal's report", async () => {
    const { who, id, sale, refund } = await asked("refuse");
    till.simulator.tell(`captures/${sale}/refund`, { value: "4.00" });
    const event = (await eventsToldTo(till)).find(
      ({ type, resource }) => type === "PAYMENT.SALE.REFUNDED" && resource["sale_id"] === sale,
    )!;
    await handlerOf(event.type)!(till, { ...event, tenantId: who.tenantId });
    await expect(refund("1.00")).rejects.toMatchObject({ type: "CONFLICT" });
    await compared(who.tenantId);
    expect(await refund("1.00")).toMatchObject({ refundedMinor: 500n });
    expect(await refundedOf(id)).toEqual({ minor: 500 });
    expect(await atPayPal(sale)).toBe(2);
  });
});
