import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import type { Principal } from "../../config/permissions.ts";
import { Payment } from "../../entities/Payment.ts";
import { Death, mortalTill } from "../../test/mortal.ts";
import { testTill, type TestTill } from "../../test/till.ts";
import { captureReserved } from "./authorizations/capture.ts";
import { resolveCapture } from "./authorizations/resolve.ts";
import { createPayment, sweep, type NewPayment } from "./orders.ts";
import { createRefund } from "./refunds/create.ts";
import { resolveRefund } from "./refunds/resolve.ts";
import { settle } from "./settle.ts";
import type { Operation } from "./simulator/faults.ts";
import type { Till } from "./till.ts";
import { handlerOf } from "./webhooks/handlers.ts";

const principal = (): Principal => ({ tenantId: randomUUID(), subject: "user:test", userId: randomUUID(), permissions: [] });
const wish: NewPayment = { amount: "12.50", currency: "EUR" };

describe("whatever happens to a payment", () => {
  let till: TestTill;
  beforeAll(async () => {
    till = await testTill({}, { timeoutMs: 250 });
  });
  afterAll(() => till?.stop());

  const query = async <T>(text: string, ...params: unknown[]) => (await till.database.admin.query<T & object>(text, params)).rows;
  /** As if the time until the next looks, and any claims, had passed. */
  const letTimePass = async () => {
    for (const table of ["payments", "refunds", "captures"])
      await query(`update payment.${table} set next_check_at = now(), claimed_until = null where next_check_at is not null`);
  };
  const paymentOf = async ({ tenantId }: Principal) => (await till.db.system((em) => em.find(Payment, { tenantId })))[0];
  /** Everything that is told and booked of a payment. */
  async function outcome(id: string) {
    const told = await query<{ type: string }>("select type from payment.events where stream = $1 order by version", `payment:${id}`);
    const unbalanced = await query(
      `select e.kind, l.currency from payment.ledger_entries e join payment.ledger_lines l on l.entry_id = e.id where e.payment_id = $1
       group by 1, 2 having sum(l.amount_minor) <> 0`,
      id,
    );
    const booked = await query<{ kind: string; amount: string }>(
      "select kind, amount_minor as amount from payment.ledger_entries where payment_id = $1 and kind in ('capture', 'refund') order by kind",
      id,
    );
    return { told: told.map(({ type }) => type), booked: booked.map(({ kind, amount }) => `${kind} ${amount}`), unbalanced };
  }
  const clean = { told: ["payment.created", "payment.approved", "payment.captured"], booked: ["capture 1250"], unbalanced: [] };
  const deliver = (tenantId: string, type: string, orderId: string) =>
    handlerOf(type)!(till, {
      ...{ id: `WH-${randomUUID()}`, tenantId, type, resourceType: "checkout-order", resource: { id: orderId }, createdAt: new Date() },
    });

  /** What may come at the same moment as twenty deliveries of PayPal's events. */
  type Actor = "return" | "sweeper" | "caller" | "lapse";
  const actors: fc.Arbitrary<Actor[]> = fc.array(fc.constantFrom<Actor>("return", "sweeper", "caller", "lapse"), {
    minLength: 2,
    maxLength: 8,
  });
  const faults = fc.array(
    fc.record({
      operation: fc.constantFrom<Operation>("orders.get", "orders.capture"),
      kind: fc.constantFrom("refuse", "fail", "hang", "reset", "empty", "strip"),
    }),
    { maxLength: 4 },
  );

  it("return page, callers, sweepers, twenty webhooks and a PayPal that fails make one capture, one event each, and no error for the payer", async () => {
    await fc.assert(
      fc.asyncProperty(actors, faults, async (crowd, script) => {
        const who = principal();
        const { id, paypalPaymentId } = await createPayment(till, who, wish);
        till.simulator.approve(paypalPaymentId!);
        const before = till.simulator.captures();
        for (const fault of script) till.simulator.inject({ ...fault, id: paypalPaymentId! });
        const come: Record<Actor, () => Promise<unknown>> = {
          return: () => settle(till, id, { payerActed: true, waitMs: 5_000 }),
          caller: () => settle(till, id, { waitMs: 100 }),
          sweeper: () => sweep(till, 10),
          lapse: letTimePass,
        };
        const webhooks = Array.from({ length: 20 }, (_, at) => {
          const type = at % 2 ? "CHECKOUT.ORDER.APPROVED" : "PAYMENT.CAPTURE.COMPLETED";
          return () => deliver(who.tenantId, type, paypalPaymentId!);
        });
        await Promise.all([...webhooks, ...crowd.map((actor) => come[actor])].map((go) => go()));
        // What PayPal's bad moment has left undone is done by the next looks.
        for (let round = 0; round < 6 && (await settle(till, id)).status !== "captured"; round++) await letTimePass();
        expect(till.simulator.captures()).toBe(before + 1);
        expect(await outcome(id)).toEqual(clean);
      }),
      { numRuns: 6, seed: 20261127, endOnFailure: true },
    );
  });

  /** Does `work` with a process that dies at its first step, its second, … until one survives; `check` looks at what the next process makes of it. */
  async function diesEverywhere(
    work: (till: Till) => Promise<unknown>,
    check: (died: boolean) => Promise<void>,
    prepare: () => Promise<void>,
  ) {
    let deaths = 0;
    for (; ; deaths++) {
      await prepare();
      const mortal = await mortalTill(till, deaths);
      await work(mortal.till).catch((error: unknown) => {
        if (!(error instanceof Death)) throw error;
      });
      await letTimePass();
      await check(mortal.isDead());
      if (!mortal.isDead()) return deaths;
      if (deaths > 60) throw new Error("it never ends");
    }
  }

  it("a process that dies at any line of creating it leaves one order at most, which the sweeper finds", async () => {
    let who = principal();
    let orders = 0;
    const deaths = await diesEverywhere(
      (mortal) => createPayment(mortal, who, wish, "key"),
      async () => {
        await sweep(till, 10);
        const again = await createPayment(till, who, wish, "key");
        expect(again).toMatchObject({ status: "pending" });
        expect(till.simulator.orders()).toBe(orders + 1);
      },
      async () => {
        who = principal();
        orders = till.simulator.orders();
        await letTimePass();
      },
    );
    expect(deaths).toBeGreaterThan(5);
  });

  it("a process that dies at any line of settling leads to one capture", async () => {
    let who = principal();
    let before = 0;
    const deaths = await diesEverywhere(
      async (mortal) => settle(mortal, (await paymentOf(who))!.id, { payerActed: true }),
      async () => {
        const { id } = (await paymentOf(who))!;
        expect(await settle(till, id)).toMatchObject({ status: "captured" });
        expect(till.simulator.captures()).toBe(before + 1);
        expect(await outcome(id)).toEqual(clean);
      },
      async () => {
        who = principal();
        const { paypalPaymentId } = await createPayment(till, who, wish);
        till.simulator.approve(paypalPaymentId!);
        before = till.simulator.captures();
      },
    );
    expect(deaths).toBeGreaterThan(8);
  });

  it("a process that dies at any line of a refund leads to one refund, or to none that was asked for", async () => {
    let who = principal();
    let id = "";
    const deaths = await diesEverywhere(
      (mortal) => createRefund(mortal, who, { id, amount: "5.00" }, "key"),
      async () => {
        const refund = await createRefund(till, who, { id, amount: "5.00" }, "key");
        expect(await resolveRefund(till, refund.id)).toMatchObject({ status: "completed" });
        expect(await outcome(id)).toMatchObject({
          told: [...clean.told, "payment.refunded"],
          booked: ["capture 1250", "refund 500"],
          unbalanced: [],
        });
      },
      async () => {
        who = principal();
        const payment = await createPayment(till, who, wish);
        ({ id } = payment);
        till.simulator.approve(payment.paypalPaymentId!);
        await settle(till, id);
      },
    );
    expect(deaths).toBeGreaterThan(7);
  });

  it("a process that dies at any line of capturing what is reserved leads to one capture", async () => {
    let who = principal();
    let id = "";
    const deaths = await diesEverywhere(
      (mortal) => captureReserved(mortal, who, { id, amount: "5.00" }, "key"),
      async () => {
        const capture = await captureReserved(till, who, { id, amount: "5.00" }, "key");
        expect(await resolveCapture(till, capture.id)).toMatchObject({ status: "completed" });
        expect(await outcome(id)).toMatchObject({ booked: ["capture 500"], unbalanced: [] });
      },
      async () => {
        who = principal();
        const payment = await createPayment(till, who, { ...wish, intent: "authorize" });
        ({ id } = payment);
        till.simulator.approve(payment.paypalPaymentId!);
        await settle(till, id);
      },
    );
    expect(deaths).toBeGreaterThan(7);
  });
});
