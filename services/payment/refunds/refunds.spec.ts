import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import type { Principal } from "../../../config/permissions.ts";
import { Refund } from "../../../entities/Refund.ts";
import { testTill, type TestTill } from "../../../test/till.ts";
import { createPayment } from "../orders.ts";
import { readPayment } from "../payments.ts";
import { settle } from "../settle.ts";
import { handlerOf } from "../webhooks/handlers.ts";
import { createRefund, type NewRefund } from "./create.ts";
import { resolveRefund, sweepRefunds } from "./resolve.ts";

const principal = (): Principal => ({
  tenantId: randomUUID(),
  subject: "user:test",
  userId: randomUUID(),
  permissions: ["payment:refund"],
});

describe("refunds", () => {
  let till: TestTill;
  beforeAll(async () => {
    till = await testTill();
  });
  afterAll(() => till?.stop());

  /** A captured payment. */
  const paid = async (amount = "12.50", currency = "EUR", who = principal()) => {
    const { id, paypalPaymentId } = await createPayment(till, who, { amount, currency });
    till.simulator.approve(paypalPaymentId!);
    const payment = await settle(till, id);
    return {
      who,
      id,
      captureId: payment.captureId!,
      refund: (of: Omit<NewRefund, "id"> = {}, key?: string) => createRefund(till, who, { id, ...of }, key),
    };
  };
  const stateOf = async ({ who, id }: { who: Principal; id: string }) => {
    const { status, refundedMinor } = await readPayment(till.db, who.tenantId, id);
    return { status, refundedMinor };
  };
  const rowsOf = (paymentId: string) => till.db.system((em) => em.find(Refund, { paymentId }, { orderBy: { createdAt: "asc" } }));
  const query = async <T>(text: string, ...params: unknown[]) => (await till.database.admin.query<T & object>(text, params)).rows;
  const eventsOf = async (id: string) =>
    (await query<{ type: string }>("select type from payment.events where stream = $1 order by version", `payment:${id}`))
      .map(({ type }) => type)
      .slice(3);
  /** What the ledger says of a payment: sums by kind, and what is wrong if anything is. */
  const booked = async (id: string) => ({
    sums: await query(
      `select l.currency, sum(l.amount_minor)::int as sum from payment.ledger_entries e join payment.ledger_lines l on l.entry_id = e.id
       where e.payment_id = $1 group by 1 having sum(l.amount_minor) <> 0`,
      id,
    ),
    refunds: (
      await query<{ amount: string }>(
        "select amount_minor as amount from payment.ledger_entries where payment_id = $1 and kind = 'refund' order by amount_minor",
        id,
      )
    ).map(({ amount }) => Number(amount)),
  });
  const letTimePass = () => query("update payment.refunds set next_check_at = now(), claimed_until = null where next_check_at is not null");
  /** PayPal's event about a refund, delivered. */
  const deliver = (tenantId: string, type: string, resource: object) =>
    handlerOf(type)!(till, {
      id: `WH-${randomUUID()}`,
      tenantId,
      type,
      resourceType: "refund",
      resource: resource as Record<string, unknown>,
      createdAt: new Date(),
    });
  const refundsAtPayPal = () => till.simulator.calls("captures.refund");

  it("gives all of a payment back, books it and tells it once", async () => {
    const payment = await paid();
    const refund = await payment.refund({ note: "Sorry" });
    expect(refund).toMatchObject({
      status: "completed",
      amountMinor: 1250n,
      currency: "EUR",
      origin: "here",
      kind: "refund",
      totalMinor: 1250n,
    });
    expect(await stateOf(payment)).toEqual({ status: "refunded", refundedMinor: 1250n });
    expect(await eventsOf(payment.id)).toEqual(["payment.refunded"]);
    expect(await booked(payment.id)).toEqual({ sums: [], refunds: [1250] });
    await expect(payment.refund()).rejects.toMatchObject({ type: "REFUND_AMOUNT_EXCEEDED", data: { remaining: "0.00" } });
  });

  it.each([
    ["100.00", "USD", "33.33", 3333n],
    ["100.00", "EUR", "0.01", 1n],
    ["1000", "JPY", "333", 333n],
    ["4500", "HUF", "1", 1n],
  ])("gives parts of %s %s back until nothing is left", async (amount, currency, part, minor) => {
    const payment = await paid(amount, currency);
    expect(await payment.refund({ amount: part, currency })).toMatchObject({ status: "completed", amountMinor: minor });
    expect(await stateOf(payment)).toEqual({ status: "partially_refunded", refundedMinor: minor });
    const rest = await payment.refund();
    expect(await stateOf(payment)).toEqual({ status: "refunded", refundedMinor: minor + rest.amountMinor });
    expect(await eventsOf(payment.id)).toEqual(["payment.refunded", "payment.refunded"]);
    expect((await booked(payment.id)).sums).toEqual([]);
  });

  it("gives back no more than was captured, of however many refunds at once", async () => {
    const payment = await paid();
    const asked = refundsAtPayPal();
    const all = await Promise.allSettled(Array.from({ length: 12 }, () => payment.refund({ amount: "3.00" })));
    const refused = all.flatMap((one) => (one.status === "rejected" ? [one.reason as unknown] : []));
    expect(refused).toHaveLength(8);
    for (const one of refused)
      expect(one).toMatchObject({ type: "REFUND_AMOUNT_EXCEEDED", code: 422, data: { remaining: "0.50", currency: "EUR" } });
    expect(refundsAtPayPal()).toBe(asked + 4);
    expect(await stateOf(payment)).toEqual({ status: "partially_refunded", refundedMinor: 1200n });
    expect((await booked(payment.id)).refunds).toEqual([300, 300, 300, 300]);
  });

  it.each([
    [{ amount: "12.51" }, { type: "REFUND_AMOUNT_EXCEEDED", data: { remaining: "12.50", currency: "EUR" } }],
    [{ amount: "1.005" }, { type: "VALIDATION_FAILED", data: { faults: [{ pointer: "/amount" }] } }],
    [{ amount: "0.00" }, { type: "VALIDATION_FAILED", data: { faults: [{ pointer: "/amount", detail: "must be more than zero" }] } }],
    [{ amount: "-1.00" }, { type: "VALIDATION_FAILED", data: { faults: [{ pointer: "/amount" }] } }],
    [
      { amount: "5.00", currency: "USD" },
      { type: "VALIDATION_FAILED", data: { faults: [{ pointer: "/currency" }] } },
    ],
    [
      { amount: "5.000", currency: "TND" },
      { type: "VALIDATION_FAILED", data: { faults: [{ pointer: "/currency" }] } },
    ],
    [{ currency: "XXX" }, { type: "VALIDATION_FAILED", data: { faults: [{ pointer: "/currency" }] } }],
    [{ captureId: "ANOTHER" }, { type: "VALIDATION_FAILED", data: { faults: [{ pointer: "/captureId" }] } }],
  ])("refuses %j with a precise problem, and changes nothing", async (wish, problem) => {
    const payment = await paid();
    const asked = refundsAtPayPal();
    await expect(payment.refund(wish)).rejects.toMatchObject(problem);
    expect(refundsAtPayPal()).toBe(asked);
    expect(await rowsOf(payment.id)).toEqual([]);
    expect(await stateOf(payment)).toEqual({ status: "captured", refundedMinor: 0n });
  });

  it("refuses what was not captured, what PayPal still holds, and what is another organisation's", async () => {
    const who = principal();
    const open = await createPayment(till, who, { amount: "5.00", currency: "EUR" });
    await expect(createRefund(till, who, { id: open.id })).rejects.toMatchObject({
      type: "PAYMENT_STATE_CONFLICT",
      code: 409,
      data: { status: "pending" },
    });
    till.simulator.approve(open.paypalPaymentId!);
    till.simulator.decide({ about: "capture", status: "PENDING", reason: "ECHECK" });
    expect(await settle(till, open.id)).toMatchObject({ status: "held", failureType: "CAPTURE_PENDING" });
    await expect(createRefund(till, who, { id: open.id })).rejects.toMatchObject({
      type: "PAYMENT_STATE_CONFLICT",
      message: "This payment can't be refunded: PayPal still holds its money.",
    });
    const { id } = await paid();
    await expect(createRefund(till, who, { id })).rejects.toMatchObject({ type: "PAYMENT_NOT_FOUND", code: 404 });
    expect(await rowsOf(id)).toEqual([]);
  });

  it.each(["hang", "reset", "empty", "fail", "strip"] as const)(
    "finds a refund whose answer was lost (%s), and makes no second one",
    async (kind) => {
      const payment = await paid();
      const asked = refundsAtPayPal();
      till.simulator.inject({ operation: "captures.refund", kind });
      expect(await payment.refund({ amount: "5.00" })).toMatchObject({ status: "completed", amountMinor: 500n });
      expect(refundsAtPayPal()).toBe(asked + 1);
      expect(await eventsOf(payment.id)).toEqual(["payment.refunded"]);
      expect((await booked(payment.id)).refunds).toEqual([500]);
    },
  );

  it("asks again under the same request id for a refund that PayPal does not have", async () => {
    const payment = await paid();
    till.simulator.inject({ operation: "captures.refund", kind: "refuse", status: 503 });
    const { id, ...lost } = await payment.refund({ amount: "5.00" });
    expect(lost).toMatchObject({ status: "requested", givenUpAt: null });
    await expect(payment.refund({ amount: "7.51" })).rejects.toMatchObject({ type: "REFUND_AMOUNT_EXCEEDED", data: { remaining: "7.50" } });
    await letTimePass();
    await sweepRefunds(till, 100);
    expect(await rowsOf(payment.id)).toMatchObject([{ id, status: "completed", amountMinor: 500n }]);
    expect(await query("select outcome, sends, number from payment.payment_attempts where object_id = $1", id)).toEqual([
      { outcome: "ok", sends: 2, number: 1 },
    ]);
  });

  it("sends nothing again while PayPal can't be looked at", async () => {
    const payment = await paid();
    till.simulator.inject({ operation: "captures.refund", kind: "reset" });
    till.simulator.inject({ operation: "orders.get", kind: "refuse", status: 503, times: 2 });
    const { id } = await payment.refund({ amount: "5.00" });
    const asked = refundsAtPayPal();
    expect(await resolveRefund(till, id)).toMatchObject({ status: "requested" });
    expect(refundsAtPayPal()).toBe(asked);
    expect(await resolveRefund(till, id)).toMatchObject({ status: "completed" });
    expect(refundsAtPayPal()).toBe(asked);
    expect((await booked(payment.id)).refunds).toEqual([500]);
  });

  it("gives the same refund to the same Idempotency-Key, and refuses another request under it", async () => {
    const payment = await paid();
    const asked = refundsAtPayPal();
    const made = await Promise.all(Array.from({ length: 5 }, () => payment.refund({ amount: "5.00" }, "key")));
    expect(new Set(made.map(({ id }) => id)).size).toBe(1);
    expect(refundsAtPayPal()).toBe(asked + 1);
    await expect(payment.refund({ amount: "6.00" }, "key")).rejects.toMatchObject({ type: "IDEMPOTENCY_KEY_REUSED" });
  });

  it("reserves an e-check on its way, and completes it when it arrives", async () => {
    const payment = await paid();
    till.simulator.decide({ about: "refund", status: "PENDING", reason: "ECHECK" });
    const pending = await payment.refund({ amount: "10.00" });
    expect(pending).toMatchObject({ status: "pending", reason: "ECHECK" });
    expect(await stateOf(payment)).toEqual({ status: "captured", refundedMinor: 0n });
    expect(await eventsOf(payment.id)).toEqual([]);
    await expect(payment.refund({ amount: "2.51" })).rejects.toMatchObject({ type: "REFUND_AMOUNT_EXCEEDED" });
    till.simulator.tell(`refunds/${pending.paypalId}/complete`);
    await letTimePass();
    await sweepRefunds(till, 100);
    expect(await stateOf(payment)).toEqual({ status: "partially_refunded", refundedMinor: 1000n });
    expect(await eventsOf(payment.id)).toEqual(["payment.refunded"]);
  });

  it("frees the amount of an e-check that bounced", async () => {
    const payment = await paid();
    till.simulator.decide({ about: "refund", status: "PENDING" });
    const { paypalId } = await payment.refund();
    const resource = till.simulator.tell(`refunds/${paypalId}/fail`);
    expect(await deliver(payment.who.tenantId, "PAYMENT.REFUND.FAILED", resource as object)).toBe("done");
    expect(await rowsOf(payment.id)).toMatchObject([{ status: "failed" }]);
    expect(await eventsOf(payment.id)).toEqual(["payment.refund.failed"]);
    expect(await booked(payment.id)).toEqual({ sums: [], refunds: [] });
    expect(await payment.refund()).toMatchObject({ status: "completed", amountMinor: 1250n });
  });

  it("counts a refund of PayPal's website and our own once each, by their own amounts, however often they are told", async () => {
    const payment = await paid();
    const own = await payment.refund({ amount: "2.00" });
    const theirs = till.simulator.tell(`captures/${payment.captureId}/refund`, { value: "3.00" }) as { id: string };
    const told = {
      id: own.paypalId,
      status: "COMPLETED",
      amount: { value: "2.00", currency_code: "EUR" },
      links: [{ rel: "up", href: `/v2/payments/captures/${payment.captureId}` }],
    };
    const events = [theirs, told, theirs, told].map((resource) => deliver(payment.who.tenantId, "PAYMENT.CAPTURE.REFUNDED", resource));
    expect(await Promise.all(events)).toEqual(Array(4).fill("done"));
    expect(await rowsOf(payment.id)).toMatchObject([
      { origin: "here", amountMinor: 200n, totalMinor: 200n },
      { origin: "paypal", amountMinor: 300n, totalMinor: 500n, userId: null },
    ]);
    expect(await stateOf(payment)).toEqual({ status: "partially_refunded", refundedMinor: 500n });
    expect(await eventsOf(payment.id)).toEqual(["payment.refunded", "payment.refunded"]);
    expect(await booked(payment.id)).toEqual({ sums: [], refunds: [200, 300] });
  });

  it("finds out about a refund of PayPal's website by the total of the next one, without any webhook", async () => {
    const payment = await paid();
    till.simulator.tell(`captures/${payment.captureId}/refund`, { value: "3.00" });
    await payment.refund({ amount: "2.00" });
    expect(await stateOf(payment)).toEqual({ status: "partially_refunded", refundedMinor: 500n });
    expect((await booked(payment.id)).refunds).toEqual([200, 300]);
  });

  it("finds out about it by PayPal's refusal too, and refuses its own refund with what is left", async () => {
    const payment = await paid();
    till.simulator.tell(`captures/${payment.captureId}/refund`, { value: "12.00" });
    await expect(payment.refund()).rejects.toMatchObject({ type: "REFUND_REFUSED", code: 422, data: { issue: "REFUND_AMOUNT_EXCEEDED" } });
    expect(await stateOf(payment)).toEqual({ status: "partially_refunded", refundedMinor: 1200n });
    expect(await payment.refund()).toMatchObject({ status: "completed", amountMinor: 50n });
    expect(await stateOf(payment)).toEqual({ status: "refunded", refundedMinor: 1250n });
  });

  it("says why PayPal refuses, and leaves the amount to be refunded later", async () => {
    const payment = await paid();
    till.simulator.inject({ operation: "captures.refund", kind: "refuse", status: 422, issue: "REFUND_FAILED_INSUFFICIENT_FUNDS" });
    await expect(payment.refund({}, "once")).rejects.toMatchObject({
      type: "REFUND_REFUSED",
      data: { issue: "REFUND_FAILED_INSUFFICIENT_FUNDS" },
    });
    await expect(payment.refund({}, "once")).rejects.toMatchObject({ type: "REFUND_REFUSED" });
    expect(await eventsOf(payment.id)).toEqual(["payment.refund.failed"]);
    expect(await payment.refund({}, "twice")).toMatchObject({ status: "completed" });
  });

  it("tells what PayPal takes back as a reversal", async () => {
    const payment = await paid();
    const resource = till.simulator.tell(`captures/${payment.captureId}/reverse`) as object;
    expect(await deliver(payment.who.tenantId, "PAYMENT.CAPTURE.REVERSED", resource)).toBe("done");
    expect(await rowsOf(payment.id)).toMatchObject([{ kind: "reversal", origin: "paypal", status: "completed" }]);
    expect(await eventsOf(payment.id)).toEqual(["payment.reversed"]);
    expect((await booked(payment.id)).sums).toEqual([]);
  });

  it("believes no event of another organisation's account, and waits for a payment that is not there yet", async () => {
    const payment = await paid();
    const theirs = till.simulator.tell(`captures/${payment.captureId}/refund`, { value: "3.00" }) as object;
    expect(await deliver(randomUUID(), "PAYMENT.CAPTURE.REFUNDED", theirs)).toBe("ignored");
    expect(await rowsOf(payment.id)).toEqual([]);
    const unknown = { id: "1", status: "COMPLETED", custom_id: `${payment.who.tenantId}:${randomUUID()}` };
    expect(await deliver(payment.who.tenantId, "PAYMENT.CAPTURE.REFUNDED", unknown)).toBe("waits");
  });

  it("is given up after three days without an answer, in the open, and still reserves its amount", async () => {
    const payment = await paid();
    till.simulator.inject({ operation: "captures.refund", kind: "refuse", status: 503, times: 2 });
    const { id } = await payment.refund();
    await query("update payment.refunds set created_at = now() - interval '73 hours' where id = $1", id);
    expect(await resolveRefund(till, id)).toMatchObject({ status: "requested", nextCheckAt: null, givenUpAt: expect.any(Date) as unknown });
    await expect(payment.refund()).rejects.toMatchObject({ type: "REFUND_AMOUNT_EXCEEDED" });
    expect(await resolveRefund(till, id)).toMatchObject({ status: "completed", givenUpAt: null });
  });
});
