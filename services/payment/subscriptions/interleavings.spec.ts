import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import type { Principal } from "../../../config/permissions.ts";
import { eventsToldTo } from "../../../test/toldevents.ts";
import { testTill, type TestTill } from "../../../test/till.ts";
import { readSum } from "../gateway/billing.ts";
import { createPlan } from "../plans/create.ts";
import type { Simulator } from "../simulator/server.ts";
import { handlerOf } from "../webhooks/handlers.ts";
import type { PayPalEvent } from "../webhooks/event.ts";
import { captureOutstanding } from "./capture.ts";
import { createSubscription } from "./create.ts";
import { gatewayOf, refresh } from "./look.ts";
import { move } from "./moves.ts";
import { refundSale } from "./refund.ts";
import { statusOf } from "./state.ts";
import { sweepSubscriptions } from "./sweep.ts";

const hour = 3_600_000;

const steps = [
  "due",
  "fail",
  "webhook",
  "look",
  "sweep",
  "lost",
  "away",
  "suspend",
  "resume",
  "cancel",
  "capture",
  "refund",
  "giveback",
] as const;
const moves = ["suspend", "resume", "cancel", "capture", "giveback"] as const;
const asks = [
  "subscriptions.get",
  "subscriptions.transactions",
  "subscriptions.suspend",
  "subscriptions.activate",
  "subscriptions.capture",
] as const;
type Step = { step: (typeof steps)[number]; at: number };

describe("whatever happens to a subscription, in whatever order", () => {
  let till: TestTill;
  let simulator: Simulator;
  beforeAll(async () => {
    till = await testTill({}, { timeoutMs: 10_000 });
    ({ simulator } = till);
  });
  afterAll(() => till?.stop());

  const rows = async <T extends object>(sql: string, ...values: unknown[]) => (await till.database.admin.query<T>(sql, values)).rows;

  async function begin() {
    const who: Principal = { tenantId: randomUUID(), subject: "user:test", userId: randomUUID(), permissions: ["payment:write"] };
    const cycles = [{ tenure: "regular", unit: "month", price: "10.00" }] as const;
    const plan = await createPlan(till, who, { name: "Pro", currency: "EUR", cycles: [...cycles], failureThreshold: 2 });
    const subscription = await createSubscription(till, who, { planId: plan.id, customer: "4711" });
    const { id } = subscription;
    const paypalId = subscription.paypalSubscriptionId!;
    simulator.approve(paypalId);
    const gateway = await gatewayOf(till, who);
    /** What PayPal told of this organisation; refunds name nothing but their sale. */
    const events = async () => {
      const all = await eventsToldTo(till);
      const own = all.filter(({ tenantId, type }) => tenantId === who.tenantId && /SUBSCRIPTION|SALE/.test(type));
      const sales = new Set(own.map(({ resource }) => resource["id"]));
      const back = all.filter(({ resource }) => sales.has(resource["sale_id"])).map((event) => ({ ...event, tenantId: who.tenantId }));
      return [...back, ...own];
    };
    const listed = async () => {
      const answer = await gateway.payments(paypalId, new Date(0), new Date("2100-01-01"));
      return answer.outcome === "ok" ? answer.value : [];
    };
    return { id, paypalId, gateway, events, listed };
  }
  type World = Awaited<ReturnType<typeof begin>>;
  const hear = (event: PayPalEvent) => handlerOf(event.type)!(till, event);

  async function take({ id, paypalId, gateway, events, listed }: World, { step, at }: Step): Promise<void> {
    switch (step) {
      case "due": {
        const shown = await gateway.get(paypalId);
        const next = shown.outcome === "ok" && (shown.value.lastFailure?.retryAt ?? shown.value.nextBillingAt);
        const { now } = simulator.tell("clock", { ms: 0 }) as { now: string };
        return simulator.advance(Math.max(next ? next.getTime() - new Date(now).getTime() : 0, 0) + hour);
      }
      case "fail":
        return simulator.decide({ about: "renewal", status: "FAILED", id: paypalId });
      case "webhook": {
        const known = await events();
        const event = known[at % known.length]!;
        // The same event on two nodes at once.
        return void (await Promise.all([hear(event), hear(event)]));
      }
      case "look":
        return void (await Promise.all([1, 2, 3].map(() => refresh(till, id, { payments: at % 2 === 0 }))));
      case "sweep":
        await rows(
          "update payment.subscriptions set next_check_at = now() - interval '1 second' where id = $1 and next_check_at is not null",
          id,
        );
        return void (await sweepSubscriptions(till, 100));
      case "lost":
        return simulator.inject({ operation: asks[at % asks.length]!, kind: (["reset", "fail", "empty"] as const)[at % 3]! });
      case "away":
        return simulator.inject({ operation: asks[at % asks.length]!, kind: "refuse", status: 503 });
      case "refund": {
        const paid = (await listed()).filter(({ status }) => status === "COMPLETED" || status === "PARTIALLY_REFUNDED");
        const sale = paid[at % (paid.length || 1)];
        if (sale) simulator.tell(`captures/${sale.id}/${at % 5 === 0 ? "reverse" : "refund"}`, { value: "0.50" });
        return;
      }
      case "capture":
        return void (await captureOutstanding(till, id, { note: "spec" }));
      case "giveback": {
        const known = await rows<{ id: string }>(
          "select sale_id as id from payment.subscription_payments where subscription_id = $1 order by paid_at",
          id,
        );
        const sale = known[at % (known.length || 1)];
        if (sale) await refundSale(till, id, { saleId: sale.id, amount: "0.25" });
        return;
      }
      case "suspend":
      case "resume":
      case "cancel":
        return void (await move(till, id, step, "spec"));
    }
  }

  /** Only what a caller can do something about is refused, and what PayPal did not answer. */
  const tolerate =
    ({ step }: Step) =>
    (error: unknown) => {
      const { code, type } = error as { code?: number; type?: string };
      const isMove = (moves as readonly string[]).includes(step);
      if (!isMove || !((code !== undefined && code < 500) || type === "PAYMENT_GATEWAY_UNAVAILABLE")) throw error;
    };

  it("the mirror, the payments and the books come to what PayPal shows, and each payment and refund is told and booked once", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ step: fc.constantFrom(...steps), at: fc.nat({ max: 60 }) }), { minLength: 8, maxLength: 20 }),
        async (script) => {
          const world = await begin();
          const { id, paypalId, gateway } = world;
          for (const one of script) await take(world, one).catch(tolerate(one));

          // Then the weather clears, and everything that was told comes again, newest first.
          while ((await gateway.get(paypalId)).outcome !== "ok");
          while ((await gateway.payments(paypalId, new Date(0), new Date())).outcome !== "ok");
          await refresh(till, id, { waitMs: 2_000, payments: true });
          const all = await world.events();
          for (const event of all) expect(await hear(event)).toBe("done");

          const shown = await gateway.get(paypalId);
          if (shown.outcome !== "ok") throw new Error(JSON.stringify(shown));
          const { subscription } = await refresh(till, id, { waitMs: 2_000 });
          expect(subscription).toMatchObject({
            status: statusOf(shown.value),
            outstandingMinor: shown.value.outstanding!.amountMinor,
            failedPayments: shown.value.failedPayments,
          });
          const sales = await world.listed();
          const payments = await rows<{ sale_id: string; status: string; refunded: string }>(
            "select sale_id, status, refunded_minor::text as refunded from payment.subscription_payments where subscription_id = $1",
            id,
          );
          expect(payments.map(({ sale_id: sale }) => sale).sort()).toEqual(sales.map((sale) => sale.id).sort());
          const paid = sales.filter(({ status }) => status !== "DECLINED");
          const events = await rows<{ type: string; count: string }>(
            "select type, count(*)::text as count from payment.events where stream = $1 group by type",
            `subscription:${id}`,
          );
          const told = Object.fromEntries(events.map(({ type, count }) => [type, Number(count)]));
          const back = all.filter(({ type }) => /SALE.(REFUNDED|REVERSED)/.test(type));
          expect(told["subscription.renewed"] ?? 0).toBe(paid.length);
          expect(told["subscription.refunded"] ?? 0).toBe(back.length);
          expect(told["subscription.activated"]).toBe(1);
          expect(told["subscription.cancelled"] ?? 0).toBe(subscription.status === "cancelled" ? 1 : 0);
          const booked = await rows<{ kind: string; sum: string }>(
            "select kind, sum(amount_minor)::text as sum from payment.ledger_entries where subscription_id = $1 group by kind",
            id,
          );
          const sums = Object.fromEntries(booked.map(({ kind, sum }) => [kind, BigInt(sum)]));
          expect(sums["capture"] ?? 0n).toBe(paid.reduce((sum, sale) => sum + sale.gross.amountMinor, 0n));
          const given = back.reduce((sum, { resource }) => sum + readSum(resource["amount"])!.amountMinor, 0n);
          expect((sums["refund"] ?? 0n) + (sums["reversal"] ?? 0n)).toBe(given);
          const open = await rows(
            "select 1 from payment.subscription_attempts where subject_id = $1 and outcome in ('sent', 'unknown')",
            id,
          );
          expect(open.length).toBeLessThanOrEqual(2);
        },
      ),
      { numRuns: 8, seed: 20261127 },
    );
  }, 120_000);
});
