import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import type { Principal } from "../../config/permissions.ts";
import { Capture } from "../../entities/Capture.ts";
import { Payment } from "../../entities/Payment.ts";
import type { TestDatabase } from "../../test/database.ts";
import { testTill, type TestTill } from "../../test/till.ts";
import { createPayment, sweep, type NewPayment } from "./orders.ts";
import { settle } from "./settle.ts";
import type { Simulator } from "./simulator/server.ts";

const principal = (): Principal => ({ tenantId: randomUUID(), subject: "user:test", userId: randomUUID(), permissions: ["payment:write"] });
const wish: NewPayment = { amount: "12.50", currency: "EUR", description: "Annual plan" };

const until = async (isSo: () => boolean | Promise<boolean>) => {
  const deadline = Date.now() + 10_000;
  while (!(await isSo())) {
    if (Date.now() > deadline) throw new Error("it did not happen within 10 s");
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
};

describe("payments", () => {
  let till: TestTill;
  let simulator: Simulator;
  let database: TestDatabase;
  beforeAll(async () => {
    till = await testTill({ latencyMs: 10 });
    ({ simulator, database } = till);
  });
  afterAll(() => till?.stop());

  const approved = async (who = principal()) => {
    const payment = await createPayment(till, who, wish);
    simulator.approve(payment.paypalPaymentId!);
    return payment;
  };
  const eventsOf = async (id: string) => {
    const { rows } = await database.admin.query<{ type: string }>("select type from payment.events where stream = $1 order by version", [
      `payment:${id}`,
    ]);
    return rows.map(({ type }) => type);
  };
  const attemptsOf = async (id: string) => {
    const text =
      "select operation, number, outcome, issue, sends from payment.payment_attempts where payment_id = $1 order by created_at, number";
    return (
      await database.admin.query<{ operation: string; number: number; outcome: string; issue: string | null; sends: number }>(text, [id])
    ).rows;
  };
  /** As if the time until the next look, and any claim, had passed. */
  const letTimePass = (id: string) =>
    database.admin.query("update payment.payments set next_check_at = now(), claimed_until = now() where id = $1", [id]);

  it("creates an order at PayPal and hands out the address where the payer approves it", async () => {
    const payment = await createPayment(till, principal(), wish);
    expect(payment).toMatchObject({ status: "pending", amountMinor: 1250n, amount: "12.50", currency: "EUR", simulated: true, version: 1 });
    expect(payment.approvalUrl).toBe(`${simulator.url}/checkoutnow?token=${payment.paypalPaymentId}`);
    expect(await eventsOf(payment.id)).toEqual(["payment.created"]);
    expect(await attemptsOf(payment.id)).toMatchObject([{ operation: "create", number: 1, outcome: "ok" }]);
  });

  it("has row, attempt and event committed before PayPal has answered", async () => {
    const who = principal();
    simulator.inject({ operation: "orders.create", kind: "hang" });
    const creating = createPayment(till, who, wish);
    const text =
      "select p.status, a.outcome, e.type from payment.payments p join payment.payment_attempts a on a.payment_id = p.id join payment.events e on e.tenant_id = p.tenant_id where p.tenant_id = $1";
    const seen = async () => (await database.admin.query<object>(text, [who.tenantId])).rows;
    await until(async () => (await seen()).length > 0);
    expect(await seen()).toEqual([{ status: "created", outcome: "sent", type: "payment.created" }]);
    expect(await creating).toMatchObject({ status: "created", approvalUrl: null, failureType: "ORDER_UNCONFIRMED" });
  });

  it("asks again under the same id when PayPal's answer to the order was lost, so that there is one order", async () => {
    const who = principal();
    const orders = simulator.orders();
    simulator.inject({ operation: "orders.create", kind: "reset" });
    const lost = await createPayment(till, who, wish, "key-1");
    expect(lost).toMatchObject({ status: "created", paypalPaymentId: null });
    const found = await createPayment(till, who, wish, "key-1");
    expect(found).toMatchObject({ id: lost.id, status: "pending", failureType: null });
    expect(simulator.orders()).toBe(orders + 1);
    expect(await attemptsOf(lost.id)).toMatchObject([{ number: 1, outcome: "ok", sends: 2 }]);
  });

  it("gives the same payment to the same Idempotency-Key, per tenant, and refuses another request under it", async () => {
    const [one, other] = [principal(), principal()];
    const first = await Promise.all(Array.from({ length: 5 }, () => createPayment(till, one, wish, "same")));
    expect(new Set(first.map(({ id }) => id)).size).toBe(1);
    expect((await createPayment(till, other, wish, "same")).id).not.toBe(first[0]!.id);
    await expect(createPayment(till, one, { ...wish, amount: "13.00" }, "same")).rejects.toMatchObject({ type: "IDEMPOTENCY_KEY_REUSED" });
  });

  it("captures once and tells it once when twenty settle at the same time", async () => {
    const { id } = await approved();
    const before = simulator.captures();
    const settled = await Promise.all(Array.from({ length: 20 }, () => settle(till, id, { waitMs: 5_000 })));
    expect(settled.map(({ status }) => status)).toEqual(Array(20).fill("captured"));
    expect(simulator.captures()).toBe(before + 1);
    expect(await eventsOf(id)).toEqual(["payment.created", "payment.approved", "payment.captured"]);
    expect(settled[0]!.captureId).toMatch(/^[A-Z0-9]{17}$/);
    expect(settled[0]!.executedAt).toBeInstanceOf(Date);
  });

  it.each([
    ["12.50", "EUR"],
    ["0.50", "USD"],
    ["1000", "JPY"],
    ["4500", "HUF"],
  ])("writes down a capture of %s %s with its fee, and books it, once", async (amount, currency) => {
    const { id, paypalPaymentId } = await createPayment(till, principal(), { amount, currency });
    simulator.approve(paypalPaymentId!);
    const { captureId, capturedMinor, amountMinor } = await settle(till, id);
    expect(capturedMinor).toBe(amountMinor);
    const [capture, ...others] = await till.db.system((em) => em.find(Capture, { paymentId: id }));
    expect(others).toEqual([]);
    expect(capture).toMatchObject({ paypalId: captureId, status: "completed", paypalStatus: "COMPLETED", amountMinor, currency });
    expect(capture!.netMinor! + capture!.feeMinor!).toBe(amountMinor);
    const text = `select e.kind, l.currency, sum(l.amount_minor)::int as sum, count(*)::int as lines
      from payment.ledger_entries e join payment.ledger_lines l on l.entry_id = e.id where e.payment_id = $1 group by 1, 2 order by 1`;
    expect((await database.admin.query<object>(text, [id])).rows).toEqual([
      { kind: "capture", currency, sum: 0, lines: 2 },
      { kind: "capture_fee", currency, sum: 0, lines: 2 },
    ]);
  });

  it("captures once even when every claim lapses at once and twenty believe that it is theirs", async () => {
    const { id } = await approved();
    const before = simulator.captures();
    await Promise.all(
      Array.from({ length: 20 }, async () => {
        await letTimePass(id);
        await settle(till, id);
      }),
    );
    await letTimePass(id);
    expect(await settle(till, id)).toMatchObject({ status: "captured" });
    expect(simulator.captures()).toBe(before + 1);
    expect(await eventsOf(id)).toEqual(["payment.created", "payment.approved", "payment.captured"]);
  });

  it.each(["hang", "reset", "empty", "strip"] as const)("finds the capture when PayPal's answer is lost (%s)", async (kind) => {
    const { id } = await approved();
    const before = simulator.captures();
    simulator.inject({ operation: "orders.capture", kind });
    expect(await settle(till, id)).toMatchObject({ status: "captured" });
    expect(simulator.captures()).toBe(before + 1);
    expect(await eventsOf(id)).toEqual(["payment.created", "payment.approved", "payment.captured"]);
  });

  it("guesses nothing while PayPal is away: the payment stays approved until the sweeper finds what happened", async () => {
    const { id } = await approved();
    const before = simulator.captures();
    simulator.inject({ operation: "orders.capture", kind: "hang" });
    const settling = settle(till, id);
    await until(() => simulator.captures() > before);
    simulator.inject({ operation: "orders.get", kind: "refuse", status: 503 });
    expect(await settling).toMatchObject({ status: "approved", captureId: null });
    await letTimePass(id);
    expect(await sweep(till, 100)).toBeGreaterThanOrEqual(1);
    expect(await settle(till, id)).toMatchObject({ status: "captured", nextCheckAt: null });
    expect(simulator.captures()).toBe(before + 1);
    expect(await eventsOf(id)).toEqual(["payment.created", "payment.approved", "payment.captured"]);
  });

  it("settles what a killed node left behind once its claim has lapsed", async () => {
    const { id } = await approved();
    await database.admin.query(
      "update payment.payments set claim = gen_random_uuid(), claimed_until = now() + interval '90 seconds' where id = $1",
      [id],
    );
    expect(await settle(till, id)).toMatchObject({ status: "pending" });
    await letTimePass(id);
    expect(await settle(till, id)).toMatchObject({ status: "captured" });
  });

  it("sends a declined payer back, takes nothing behind their back, and captures when they come again", async () => {
    const { id } = await approved();
    simulator.inject({ operation: "orders.capture", kind: "refuse", status: 422, issue: "INSTRUMENT_DECLINED" });
    expect(await settle(till, id)).toMatchObject({ status: "pending", failureType: "INSTRUMENT_DECLINED" });
    expect(await settle(till, id)).toMatchObject({ status: "pending", failureType: "INSTRUMENT_DECLINED" });
    expect(await settle(till, id, { payerActed: true })).toMatchObject({ status: "captured", failureType: null });
    expect((await attemptsOf(id)).filter(({ operation }) => operation === "capture")).toMatchObject([
      { number: 1, outcome: "refused", issue: "INSTRUMENT_DECLINED" },
      { number: 2, outcome: "ok" },
    ]);
  });

  it("ends with PayPal's refusal when PayPal refuses for good, and tells it once", async () => {
    const { id } = await approved();
    simulator.inject({ operation: "orders.capture", kind: "refuse", status: 422, issue: "TRANSACTION_REFUSED" });
    expect(await settle(till, id)).toMatchObject({ status: "failed", failureType: "TRANSACTION_REFUSED", nextCheckAt: null });
    expect(await settle(till, id)).toMatchObject({ status: "failed" });
    expect(await eventsOf(id)).toEqual(["payment.created", "payment.approved", "payment.failed"]);
  });

  it("refuses a payment that PayPal refuses to make an order of, with PayPal's issue", async () => {
    const who = principal();
    simulator.inject({ operation: "orders.create", kind: "refuse", status: 422, issue: "PAYEE_ACCOUNT_RESTRICTED" });
    const refused = await createPayment(till, who, wish).catch(
      (error: unknown) => error as { type: string; data: { paymentId: string; issue: string } },
    );
    expect(refused).toMatchObject({ type: "PAYMENT_REFUSED", code: 422, data: { issue: "PAYEE_ACCOUNT_RESTRICTED" } });
    expect(await eventsOf((refused as { data: { paymentId: string } }).data.paymentId)).toEqual(["payment.created", "payment.failed"]);
  });

  it("names every fault of a wish before anything is written", async () => {
    const who = principal();
    const bad = { amount: "0", currency: "EUR", returnUrl: "javascript:alert(1)", cancelUrl: "/relative" };
    await expect(createPayment(till, who, bad)).rejects.toMatchObject({
      type: "VALIDATION_FAILED",
      data: { faults: [{ pointer: "/amount" }, { pointer: "/returnUrl" }, { pointer: "/cancelUrl" }] },
    });
    expect(await till.db.system((em) => em.count(Payment, { tenantId: who.tenantId }))).toBe(0);
  });

  it("shows a payment to its own tenant alone", async () => {
    const who = principal();
    const { id } = await createPayment(till, who, wish);
    const look = (tenantId: string) => till.db.tenant(tenantId, (em) => em.findOne(Payment, { id }));
    expect(await look(who.tenantId)).toMatchObject({ id });
    expect(await look(randomUUID())).toBeNull();
    expect(await till.db.nobody((em) => em.findOne(Payment, { id }))).toBeNull();
  });
});
