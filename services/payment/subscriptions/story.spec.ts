import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import type { Principal } from "../../../config/permissions.ts";
import type { SubscriptionRow } from "../../../entities/Subscription.ts";
import { testTill, type TestTill } from "../../../test/till.ts";
import { addEntry } from "../fraud/entries.ts";
import { paypalConnection } from "../gateway/connection.ts";
import { createPlan, type NewPlan } from "../plans/create.ts";
import { changePrices, setActive } from "../plans/moves.ts";
import { sweepPlans } from "../plans/plans.ts";
import { eventsToldTo } from "../../../test/toldevents.ts";
import type { Simulator } from "../simulator/server.ts";
import { paypalOf, type Till } from "../till.ts";
import { handlerOf } from "../webhooks/handlers.ts";
import type { PayPalEvent } from "../webhooks/event.ts";
import { announce } from "./attempts.ts";
import { captureOutstanding } from "./capture.ts";
import { changePlan } from "./change.ts";
import { createSubscription } from "./create.ts";
import { entitled } from "./entitlement.ts";
import { gatewayOf, refresh } from "./look.ts";
import { move } from "./moves.ts";
import { mrr } from "./mrr.ts";
import { ownerOfBilled } from "./owner.ts";
import { refundSale } from "./refund.ts";
import { sweepSubscriptions } from "./sweep.ts";
import { listUnanswered } from "./unanswered.ts";

const hour = 3_600_000;
const day = 24 * hour;
const principal = (): Principal => ({ tenantId: randomUUID(), subject: "user:test", userId: randomUUID(), permissions: ["payment:write"] });
const monthly = { tenure: "regular", unit: "month", price: "10.00" } as const;
const aPlan = (of: Partial<NewPlan> = {}): NewPlan => ({ name: "Pro", currency: "EUR", cycles: [monthly], ...of });

describe("subscriptions", () => {
  let till: TestTill;
  let simulator: Simulator;
  beforeAll(async () => {
    till = await testTill({}, { timeoutMs: 10_000 });
    ({ simulator } = till);
  });
  afterAll(() => till?.stop());

  const rows = async <T extends object>(sql: string, ...values: unknown[]) => (await till.database.admin.query<T>(sql, values)).rows;
  const eventsOf = async (id: string) =>
    (await rows<{ type: string }>("select type from payment.events where stream = $1 order by version", `subscription:${id}`)).map(
      ({ type }) => type.replace("subscription.", ""),
    );
  const paymentsOf = (id: string) =>
    rows<{ status: string; amount: string; refunded: string }>(
      `select status, amount_minor::text as amount, refunded_minor::text as refunded from payment.subscription_payments where subscription_id = $1 order by paid_at`,
      id,
    );
  const ledgerOf = (id: string) =>
    rows<{ kind: string; amount: string }>(
      `select kind, sum(amount_minor)::text as amount from payment.ledger_entries where subscription_id = $1 group by kind order by kind`,
      id,
    );
  const read = async (id: string) => (await refresh(till, id, { payments: true })).subscription;
  const subscribe = async (who: Principal, planId: string, of: { customer?: string; quantity?: number } = {}, agrees = true) => {
    const subscription = await createSubscription(till, who, { planId, customer: "4711", ...of });
    if (agrees) simulator.approve(subscription.paypalSubscriptionId!);
    return subscription;
  };
  const failNext = (of: Pick<SubscriptionRow, "paypalSubscriptionId">, times = 1) =>
    simulator.decide({ about: "renewal", status: "FAILED", times, id: of.paypalSubscriptionId! });
  /** Lets an hour more than until then pass at PayPal. */
  const pass = (at: Date | null | undefined) => {
    const { now } = simulator.tell("clock", { ms: 0 }) as { now: string };
    simulator.advance(at!.getTime() - new Date(now).getTime() + hour);
  };
  const due = (id: string) =>
    rows("update payment.subscriptions set next_check_at = now() - interval '1 second', claimed_until = null where id = $1", id);
  const attemptsOf = (id: string) =>
    rows<{ operation: string; outcome: string; sends: number }>(
      "select operation, outcome, sends from payment.subscription_attempts where subject_id = $1 order by created_at, number",
      id,
    );

  const told = () => eventsToldTo(till);
  const hear = (event: PayPalEvent) => handlerOf(event.type)!(till, event);

  it("live through trial, renewals, failed payments, suspension, payment of what is outstanding, resumption and cancellation", async () => {
    const who = principal();
    const plan = await createPlan(
      till,
      who,
      aPlan({ cycles: [{ tenure: "trial", unit: "day", count: 14 }, monthly], failureThreshold: 2, graceDays: 3 }),
    );
    expect(plan).toMatchObject({ status: "active", currency: "EUR", failureType: null });
    const { id, approvalUrl } = await subscribe(who, plan.id, {}, false);
    expect(approvalUrl).toMatch(/^http.*ba_token=/);
    const entitlement = (at: Date) => entitled(till.db, who.tenantId, { customer: "4711" }, at);
    expect(await entitlement(new Date())).toMatchObject({ entitled: false, why: "not_started", status: "approval_pending" });

    simulator.approve((await read(id)).paypalSubscriptionId!);
    const trial = await read(id);
    expect(trial).toMatchObject({ status: "active", approvalUrl: null, failedPayments: 0, payingSince: null });
    expect(trial.paidUntil!.getTime() - trial.activatedAt!.getTime()).toBe(14 * day);
    expect(await entitlement(new Date())).toMatchObject({ entitled: true, why: "paid", until: trial.paidUntil!.toISOString() });
    expect(await till.db.tenant(who.tenantId, (em) => mrr(em, who.tenantId, new Date()))).toEqual([]);

    pass(trial.nextBillingAt);
    const renewed = await read(id);
    expect(await paymentsOf(id)).toEqual([{ status: "completed", amount: "1000", refunded: "0" }]);
    expect(await till.db.tenant(who.tenantId, (em) => mrr(em, who.tenantId, new Date(renewed.lastPaymentAt!.getTime() + 1)))).toEqual([
      { currency: "EUR", amountMinor: 1000n, subscriptions: 1 },
    ]);

    failNext(renewed, 2);
    pass(renewed.nextBillingAt);
    const behind = await read(id);
    expect(behind).toMatchObject({ status: "past_due", failedPayments: 1, outstandingMinor: 1000n, paidUntil: renewed.paidUntil });
    expect(behind.nextRetryAt!.getTime()).toBeGreaterThan(behind.pastDueSince!.getTime());
    const graceEnds = new Date(behind.pastDueSince!.getTime() + 3 * day);
    expect(await entitlement(new Date(graceEnds.getTime() - 1))).toMatchObject({
      entitled: true,
      why: "grace",
      until: graceEnds.toISOString(),
    });
    expect(await entitlement(graceEnds)).toMatchObject({ entitled: false, why: "unpaid" });

    pass(behind.nextRetryAt);
    expect(await read(id)).toMatchObject({ status: "suspended", failedPayments: 2, paypalStatus: "SUSPENDED" });
    await expect(move(till, id, "resume", "please")).rejects.toMatchObject({ type: "SUBSCRIPTION_NOT_RESUMABLE", code: 409 });
    await expect(captureOutstanding(till, id, { amount: "10.01", note: "May" })).rejects.toMatchObject({ type: "OUTSTANDING_EXCEEDED" });
    const collect = () => captureOutstanding(till, id, { note: "May" }, "May");
    expect(await collect()).toMatchObject({
      outstandingMinor: 0n,
      failedPayments: 0,
      status: "suspended",
    });
    expect(await collect()).toMatchObject({ outstandingMinor: 0n });
    expect(await move(till, id, "resume", "paid")).toMatchObject({ status: "active" });
    expect(await move(till, id, "cancel", "enough")).toMatchObject({ status: "cancelled", nextBillingAt: null, nextCheckAt: null });
    await expect(move(till, id, "suspend", "late")).rejects.toMatchObject({
      type: "SUBSCRIPTION_STATE_CONFLICT",
      data: { status: "cancelled" },
    });

    expect(await eventsOf(id)).toEqual([
      ...[
        "created",
        "activated",
        "renewed",
        "payment_failed",
        "past_due",
        "payment_failed",
        "suspended",
        "renewed",
        "resumed",
        "cancelled",
      ],
    ]);
    expect((await paymentsOf(id)).map(({ status, amount }) => `${status} ${amount}`)).toEqual([
      ...["completed 1000", "declined 1000", "declined 1000", "completed 1000"],
    ]);
    // 3.49 % and 0.39 each.
    expect(await ledgerOf(id)).toEqual([
      { kind: "capture", amount: "2000" },
      { kind: "capture_fee", amount: "148" },
    ]);
    expect(await entitled(till.db, randomUUID(), { customer: "4711" })).toMatchObject({ entitled: false, why: "none" });
  });

  it("come to the same whatever order webhooks come in and however often, and those of one organisation do nothing to another's", async () => {
    const [one, other] = [principal(), principal()];
    const plans = [
      await createPlan(till, one, aPlan()),
      await createPlan(till, other, aPlan({ currency: "JPY", cycles: [{ ...monthly, price: "1000" }] })),
    ];
    const [mine, theirs] = [await subscribe(one, plans[0]!.id), await subscribe(other, plans[1]!.id)];
    const nextOf = async ({ paypalSubscriptionId }: SubscriptionRow) => {
      const shown = await (await gatewayOf(till, one)).get(paypalSubscriptionId!);
      return shown.outcome === "ok" ? shown.value.nextBillingAt : null;
    };
    pass(await nextOf(mine));
    pass(await nextOf(mine));
    failNext(mine);
    pass(await nextOf(mine));
    const sale = (await told()).findLast(({ type, tenantId }) => type === "PAYMENT.SALE.COMPLETED" && tenantId === one.tenantId)!;
    simulator.tell(`captures/${String(sale.resource["id"])}/refund`, { value: "4.00" });
    simulator.tell(`captures/${String(sale.resource["id"])}/refund`, { value: "1.50" });

    const events = (await told()).filter(({ tenantId, resource }) => {
      const known = [mine.paypalSubscriptionId, theirs.paypalSubscriptionId];
      return [one.tenantId, other.tenantId].includes(tenantId) || known.some((id) => JSON.stringify(resource).includes(id!));
    });
    const refunds = (await told())
      .filter(({ type }) => type === "PAYMENT.SALE.REFUNDED")
      .map((event) => ({ ...event, tenantId: one.tenantId }));
    const all = [...events, ...refunds];
    expect(all.length).toBeGreaterThan(10);
    // Refunds first, the newest before the oldest, each three times, and those that wait once more.
    const waiting: PayPalEvent[] = [];
    for (const event of [...all].reverse().flatMap((event) => [event, event, event]))
      if ((await hear(event)) === "waits") waiting.push(event);
    expect(waiting.length).toBeGreaterThan(0);
    for (const event of waiting) expect(await hear(event)).toBe("done");
    await Promise.all(all.map(hear));

    const count = (types: string[]) =>
      Object.fromEntries([...new Set(types)].sort().map((type) => [type, types.filter((one) => one === type).length]));
    expect(count(await eventsOf(mine.id))).toEqual({ activated: 1, created: 1, past_due: 1, payment_failed: 1, refunded: 2, renewed: 3 });
    expect(count(await eventsOf(theirs.id))).toEqual({ activated: 1, created: 1, renewed: 4 });
    expect((await paymentsOf(mine.id)).filter(({ refunded: back }) => back === "550")).toHaveLength(1);
    const sums = Object.fromEntries((await ledgerOf(mine.id)).map(({ kind, amount }) => [kind, amount]));
    const captured = (await paymentsOf(mine.id)).filter(({ status }) => status !== "declined");
    expect(sums).toMatchObject({ capture: String(1000 * captured.length), refund: "550" });
    expect((await paymentsOf(theirs.id)).every(({ amount }) => amount === "1000")).toBe(true);

    expect(await till.db.system((em) => ownerOfBilled(em, refunds[0]!.resource))).toEqual({
      tenantId: one.tenantId,
      key: `subscription:${mine.paypalSubscriptionId}`,
    });
    expect(await till.db.system((em) => ownerOfBilled(em, { id: plans[1]!.paypalPlanId }))).toEqual({
      tenantId: other.tenantId,
      key: `plan:${plans[1]!.paypalPlanId}`,
    });
    const forged = {
      ...all.find(({ type, tenantId }) => type === "PAYMENT.SALE.COMPLETED" && tenantId === one.tenantId)!,
      tenantId: other.tenantId,
    };
    expect(await hear(forged)).toBe("ignored");
  });

  it("find whose a payment is that names no subscription", async () => {
    const who = principal();
    const plan = await createPlan(till, who, aPlan());
    const { id, paypalSubscriptionId } = await subscribe(who, plan.id);
    await refresh(till, id);
    await rows("delete from payment.subscription_payments where subscription_id = $1", id);
    const sale = (await told()).find(({ resource }) => resource["billing_agreement_id"] === paypalSubscriptionId)!;
    const { billing_agreement_id: _id, custom: _custom, ...nameless } = sale.resource;
    expect(await hear({ ...sale, tenantId: who.tenantId, resource: nameless })).toBe("done");
    expect(await paymentsOf(id)).toHaveLength(1);
    expect(await hear({ ...sale, tenantId: who.tenantId, resource: { ...nameless, id: "ANOTHERSYSTEMSSALE" } })).toBe("ignored");
    simulator.inject({ operation: "subscriptions.transactions", kind: "refuse", status: 503 });
    expect(await hear({ ...sale, tenantId: who.tenantId, resource: { ...nameless, id: "PERHAPSOURS" } })).toBe("waits");
  });

  it("change their plan once the payer agrees, and not before; between plans of one product alone", async () => {
    const who = principal();
    const basic = await createPlan(till, who, aPlan());
    const yearly = await createPlan(
      till,
      who,
      aPlan({ name: "Yearly", productOf: basic.id, cycles: [{ tenure: "regular", unit: "year", price: "99.00" }] }),
    );
    const alien = await createPlan(till, who, aPlan({ name: "Other" }));
    const foreign = await createPlan(till, principal(), aPlan());
    expect(yearly.productId).toBe(basic.productId);
    const { id, paypalSubscriptionId } = await subscribe(who, basic.id);
    await read(id);
    await expect(changePlan(till, id, { planId: alien.id })).rejects.toMatchObject({ type: "PLAN_NOT_COMPATIBLE", code: 422 });
    await expect(changePlan(till, id, { planId: foreign.id })).rejects.toMatchObject({ type: "PLAN_NOT_FOUND" });
    await expect(changePlan(till, id, { planId: basic.id })).rejects.toMatchObject({ type: "VALIDATION_FAILED" });
    const asked = await changePlan(till, id, { planId: yearly.id });
    expect(asked).toMatchObject({ planId: basic.id, nextPlanId: yearly.id, cycleMinor: 1000n });
    expect(asked.changeUrl).toMatch(/^http/);
    expect(await read(id)).toMatchObject({ planId: basic.id, nextPlanId: yearly.id });
    simulator.approve(paypalSubscriptionId!);
    expect(await read(id)).toMatchObject({ planId: yearly.id, nextPlanId: null, changeUrl: null, cycleMinor: 9900n, unit: "year" });
    expect(await eventsOf(id)).toEqual(["created", "activated", "renewed", "plan_changed"]);
  });

  it.each(["reset", "fail", "empty"] as const)(
    "are suspended, resumed and cancelled once though PayPal's answer is lost (%s)",
    async (kind) => {
      const who = principal();
      const { id } = await subscribe(who, (await createPlan(till, who, aPlan())).id);
      await read(id);
      for (const [name, operation, status] of [
        ["suspend", "subscriptions.suspend", "suspended"],
        ["resume", "subscriptions.activate", "active"],
        ["cancel", "subscriptions.cancel", "cancelled"],
      ] as const) {
        simulator.inject({ operation, kind });
        expect(await move(till, id, name, "spec")).toMatchObject({ status });
        await expect(move(till, id, name, "spec")).rejects.toMatchObject({ type: "SUBSCRIPTION_STATE_CONFLICT" });
      }
      expect((await eventsOf(id)).slice(-3)).toEqual(["suspended", "resumed", "cancelled"]);
      expect((await attemptsOf(id)).slice(-3).map(({ outcome }) => outcome)).toEqual(["ok", "ok", "ok"]);
    },
  );

  it("are suspended by the sweeper when PayPal was away after the wish, and a repeat of the wish finds that it was done", async () => {
    const who = principal();
    const { id } = await subscribe(who, (await createPlan(till, who, aPlan())).id);
    await read(id);
    simulator.inject({ operation: "subscriptions.suspend", kind: "refuse", status: 503 });
    await expect(move(till, id, "suspend", "spec")).rejects.toMatchObject({ type: "PAYMENT_GATEWAY_UNAVAILABLE", retryable: true });
    expect((await attemptsOf(id)).at(-1)).toMatchObject({ operation: "suspend", outcome: "unknown", sends: 1 });
    await due(id);
    await sweepSubscriptions(till, 100);
    expect((await attemptsOf(id)).at(-1)).toMatchObject({ operation: "suspend", outcome: "ok", sends: 2 });
    expect(await read(id)).toMatchObject({ status: "suspended" });
  });

  it("are cancelled by the sweeper when whoever asked was killed before the answer, soon, whatever the next look was planned for", async () => {
    const who = principal();
    const { id } = await subscribe(who, (await createPlan(till, who, aPlan())).id);
    const { tenantId } = await read(id);
    await announce(till.db, "subscriptions", { id, tenantId }, "cancel", { reason: "spec" }, null);
    const [{ soon } = { soon: false }] = await rows<{ soon: boolean }>(
      "select next_check_at < now() + interval '3 minutes' as soon from payment.subscriptions where id = $1",
      id,
    );
    expect(soon).toBe(true);
    await due(id);
    await sweepSubscriptions(till, 100);
    expect(await read(id)).toMatchObject({ status: "cancelled" });
    expect((await attemptsOf(id)).at(-1)).toMatchObject({ operation: "cancel", outcome: "ok", sends: 2 });
  });

  it("are asked for again under the same id when PayPal's answer was lost, so that there is one, also when a webhook was first", async () => {
    const who = principal();
    const plan = await createPlan(till, who, aPlan());
    for (const kind of ["reset", "empty"] as const) {
      simulator.inject({ operation: "subscriptions.create", kind });
      const lost = await createSubscription(till, who, { planId: plan.id, customer: kind }, kind);
      expect(lost).toMatchObject({ status: "created", paypalSubscriptionId: null });
      if (kind === "reset") {
        const created = (await told()).find(({ resource }) => resource["custom_id"] === `${who.tenantId}:${lost.id}`)!;
        expect(await hear(created)).toBe("done");
        expect((await refresh(till, lost.id)).subscription).toMatchObject({ status: "approval_pending" });
      }
      const again = await createSubscription(till, who, { planId: plan.id, customer: kind }, kind);
      expect(again).toMatchObject({ id: lost.id, status: "approval_pending" });
      const made = new Set(
        (await told())
          .filter(({ resource }) => resource["custom_id"] === `${who.tenantId}:${lost.id}`)
          .map(({ resource }) => resource["id"]),
      );
      expect([...made]).toEqual([again.paypalSubscriptionId]);
    }
  });

  it("take what is outstanding once though PayPal's answer is lost", async () => {
    const who = principal();
    const { id } = await subscribe(who, (await createPlan(till, who, aPlan({ failureThreshold: 1 }))).id);
    const begun = await read(id);
    failNext(begun);
    pass(begun.nextBillingAt);
    expect(await read(id)).toMatchObject({ status: "suspended", outstandingMinor: 1000n });
    simulator.inject({ operation: "subscriptions.capture", kind: "reset" });
    await expect(captureOutstanding(till, id, { amount: "4.00", note: "part" })).rejects.toMatchObject({
      type: "PAYMENT_GATEWAY_UNAVAILABLE",
    });
    await expect(captureOutstanding(till, id, { amount: "5.00", note: "part" })).rejects.toMatchObject({ type: "CONFLICT" });
    await due(id);
    await sweepSubscriptions(till, 100);
    expect(await read(id)).toMatchObject({ outstandingMinor: 600n });
    expect((await paymentsOf(id)).filter(({ status }) => status === "completed").map(({ amount }) => amount)).toEqual(["1000", "400"]);
    expect((await attemptsOf(id)).at(-1)).toMatchObject({ operation: "capture", outcome: "ok", sends: 2 });

    // PayPal remembers nothing of it any more: asked again, it would be taken twice.
    const rest = () => captureOutstanding(till, id, { amount: "6.00", note: "rest" }, "rest");
    simulator.inject({ operation: "subscriptions.capture", kind: "reset" });
    await expect(rest()).rejects.toMatchObject({ type: "PAYMENT_GATEWAY_UNAVAILABLE" });
    await rows("update payment.subscription_attempts set key_expires_at = now() where subject_id = $1 and outcome = 'unknown'", id);
    expect(await rest()).toMatchObject({ outstandingMinor: 0n });
    expect((await attemptsOf(id)).at(-1)).toMatchObject({ operation: "capture", outcome: "ok", sends: 1 });
  });

  it("have payments given back once though PayPal's answer is lost, in parts, and never more than was paid; PayPal's webhook tells nothing twice", async () => {
    const who = principal();
    const { id } = await subscribe(who, (await createPlan(till, who, aPlan())).id);
    await read(id);
    const [{ sale }] = (await rows<{ sale: string }>(
      "select sale_id as sale from payment.subscription_payments where subscription_id = $1",
      id,
    )) as [{ sale: string }];
    const refund = (amount?: string) => refundSale(till, id, { saleId: sale, ...(amount !== undefined && { amount }) });
    await expect(refund("10.01")).rejects.toMatchObject({ type: "REFUND_AMOUNT_EXCEEDED", data: { remaining: "10.00" } });
    await expect(refund("-1")).rejects.toMatchObject({ type: "VALIDATION_FAILED" });
    await expect(refundSale(till, id, { saleId: "OTHER" })).rejects.toMatchObject({ type: "PAYMENT_NOT_FOUND" });
    const sums = await Promise.allSettled(["6.00", "6.00"].map(refund));
    expect(sums.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);

    simulator.inject({ operation: "captures.refund", kind: "reset" });
    await expect(refund("1.00")).rejects.toMatchObject({ type: "PAYMENT_GATEWAY_UNAVAILABLE" });
    expect(await listUnanswered(till.db, who.tenantId)).toMatchObject([{ kind: "subscription", id, operation: "refund", sends: 1 }]);
    expect(await listUnanswered(till.db, randomUUID())).toEqual([]);
    await expect(refund("2.00")).rejects.toMatchObject({ type: "CONFLICT" });
    await due(id);
    await sweepSubscriptions(till, 100);
    expect(await listUnanswered(till.db, who.tenantId)).toEqual([]);
    expect(await paymentsOf(id)).toEqual([{ status: "partially_refunded", amount: "1000", refunded: "700" }]);
    expect(await refund()).toMatchObject({ status: "refunded", refundedMinor: 1000n });
    await expect(refund()).rejects.toMatchObject({ type: "PAYMENT_STATE_CONFLICT" });
    for (const event of (await told()).filter(({ resource }) => resource["sale_id"] === sale))
      await hear({ ...event, tenantId: who.tenantId });
    expect((await eventsOf(id)).filter((type) => type === "refunded")).toHaveLength(3);
    expect(await ledgerOf(id)).toContainEqual({ kind: "refund", amount: "1000" });
    const subscription = await read(id);
    expect(subscription.paidUntil!.getTime()).toBeLessThan(subscription.nextBillingAt!.getTime());
  });

  it("believe no amount that an event tells of a refund, and none where PayPal shows no refund", async () => {
    const who = principal();
    const { tenantId } = who;
    const { id } = await subscribe(who, (await createPlan(till, who, aPlan())).id);
    await read(id);
    const [{ sale }] = (await rows<{ sale: string }>(
      "select sale_id as sale from payment.subscription_payments where subscription_id = $1",
      id,
    )) as [{ sale: string }];
    const paid = (await told()).find(({ type, resource }) => type === "PAYMENT.SALE.COMPLETED" && resource["id"] === sale)!;
    simulator.tell(`captures/${sale}/reverse`, { value: "2.50" });
    const reversed = { ...(await told()).find(({ resource }) => resource["sale_id"] === sale)!, tenantId };
    const unread = async (event: PayPalEvent) => {
      expect(await hear(event)).toBe("waits");
      expect((await ledgerOf(id)).map(({ kind }) => kind)).toEqual(["capture", "capture_fee"]);
    };
    await unread({ ...paid, tenantId, type: reversed.type });
    await unread({ ...reversed, resource: { ...reversed.resource, id: "NOREFUND" } });
    simulator.inject({ operation: "refunds.get", kind: "refuse", status: 503 });
    await unread(reversed);
    expect(await hear({ ...reversed, resource: { ...reversed.resource, amount: { total: "9.99", currency: "EUR" } } })).toBe("done");
    expect(await paymentsOf(id)).toEqual([{ status: "reversed", amount: "1000", refunded: "250" }]);
    expect(await ledgerOf(id)).toContainEqual({ kind: "reversal", amount: "250" });
  });

  it("book a payment that was pending while later ones were made, when it comes at last", async () => {
    const who = principal();
    const { id, paypalSubscriptionId } = await subscribe(
      who,
      (await createPlan(till, who, aPlan({ cycles: [{ ...monthly, unit: "week" }] }))).id,
    );
    const begun = await read(id);
    simulator.decide({ about: "renewal", status: "PENDING", reason: "ECHECK", id: paypalSubscriptionId! });
    pass(begun.nextBillingAt);
    const waits = await read(id);
    pass(waits.nextBillingAt);
    await read(id);
    const states = async () => (await paymentsOf(id)).map(({ status }) => status);
    expect(await states()).toEqual(["completed", "pending", "completed"]);
    const own = async (type: string) => (await told()).find(({ type: one, tenantId }) => one === type && tenantId === who.tenantId)!;
    const pending = await own("PAYMENT.SALE.PENDING");
    expect(await hear(pending)).toBe("done");
    // Told before PayPal's list shows it.
    const early = { ...pending, type: "PAYMENT.SALE.COMPLETED", resource: { ...pending.resource, state: "completed" } };
    expect(await hear(early)).toBe("waits");
    simulator.tell(`captures/${String(pending.resource["id"])}/complete`);
    expect(await hear(await own("PAYMENT.SALE.COMPLETED"))).toBe("done");
    expect(await states()).toEqual(["completed", "completed", "completed"]);
    expect(await ledgerOf(id)).toContainEqual({ kind: "capture", amount: "3000" });

    // Neither was heard of, the pending one least of all.
    await rows("delete from payment.subscription_payments where subscription_id = $1 and sale_id = $2", id, pending.resource["id"]);
    expect(await hear(early)).toBe("done");
    expect(await states()).toEqual(["completed", "completed", "completed"]);
  });

  it("read once for all who ask at the same time, and write no old answer over a new one", async () => {
    const who = principal();
    const { id } = await subscribe(who, (await createPlan(till, who, aPlan())).id);
    const found = await Promise.all(Array.from({ length: 20 }, () => refresh(till, id, { waitMs: 5_000, payments: true })));
    expect(new Set(found.map(({ subscription }) => subscription.status))).toEqual(new Set(["active"]));
    expect(await eventsOf(id)).toEqual(["created", "activated", "renewed"]);
    expect(await paymentsOf(id)).toHaveLength(1);
  });

  it("of a plan that PayPal changes are asked of PayPal: prices, states, and one product and plan though answers are lost", async () => {
    const who = principal();
    simulator.inject({ operation: "products.create", kind: "reset" });
    const lost = await createPlan(till, who, aPlan(), "key");
    expect(lost).toMatchObject({ status: "creating", paypalPlanId: null, failureType: "PLAN_UNCONFIRMED" });
    simulator.inject({ operation: "plans.create", kind: "reset" });
    expect(await createPlan(till, who, aPlan(), "key")).toMatchObject({ id: lost.id, status: "creating" });
    await rows("update payment.plans set next_check_at = now() - interval '1 second' where id = $1", lost.id);
    await sweepPlans(till, 100);
    const plan = await createPlan(till, who, aPlan(), "key");
    expect(plan).toMatchObject({ id: lost.id, status: "active", failureType: null, nextCheckAt: null });
    expect(
      (await told()).filter(({ type, resource }) => type === "BILLING.PLAN.CREATED" && resource["product_id"] === plan.productId),
    ).toHaveLength(1);

    expect(await setActive(till, plan.id, false)).toMatchObject({ status: "inactive" });
    await expect(setActive(till, plan.id, false)).rejects.toMatchObject({ type: "PLAN_STATE_CONFLICT", code: 409 });
    await expect(subscribe(who, plan.id)).rejects.toMatchObject({ type: "VALIDATION_FAILED", data: { faults: [{ pointer: "/planId" }] } });
    await expect(changePrices(till, plan, [{ cycle: 1, price: "12.00" }])).rejects.toMatchObject({ type: "PLAN_STATE_CONFLICT" });
    simulator.inject({ operation: "plans.activate", kind: "reset" });
    expect(await setActive(till, plan.id, true)).toMatchObject({ status: "active" });

    // Killed between the question and the answer: the sweeper finds out, and asks for nothing that nobody waits for.
    for (const wish of [{ move: "activate" }, { move: "deactivate" }]) {
      await rows(
        "insert into payment.subscription_attempts (tenant_id, subject_id, operation, number, request) values ($1, $2, $3, 9, $4)",
        ...[who.tenantId, plan.id, wish.move, wish],
      );
    }
    await rows("update payment.plans set next_check_at = now() - interval '1 second' where id = $1", plan.id);
    await sweepPlans(till, 100);
    const left = await rows(
      "select operation, outcome, issue from payment.subscription_attempts where subject_id = $1 and number = 9 order by 1",
      plan.id,
    );
    expect(left).toEqual([
      { operation: "activate", outcome: "ok", issue: null },
      { operation: "deactivate", outcome: "refused", issue: "NOT_CONFIRMED" },
    ]);

    const { id } = await subscribe(who, plan.id);
    const begun = await read(id);
    await expect(
      changePrices(till, plan, [
        { cycle: 2, price: "12.00" },
        { cycle: 1, price: "-1" },
      ]),
    ).rejects.toMatchObject({
      data: { faults: [{ pointer: "/prices/0/cycle" }, { pointer: "/prices/1/price" }] },
    });
    expect((await changePrices(till, plan, [{ cycle: 1, price: "12.00" }])).terms).toMatchObject({ cycles: [{ price: "12.00" }] });
    expect(await read(id)).toMatchObject({ cycleMinor: 1000n });
    pass(begun.nextBillingAt);
    expect(await read(id)).toMatchObject({ cycleMinor: 1200n });
    expect((await paymentsOf(id)).map(({ amount }) => amount)).toEqual(["1000", "1200"]);
  });

  it.each([
    ["USD", "9.99", 3, "2997"],
    ["EUR", "33.33", 3, "9999"],
    ["JPY", "990", 2, "1980"],
    ["HUF", "3999", 2, "7998"],
  ])("are charged in %s in its own minor units", async (currency, price, quantity, minor) => {
    const who = principal();
    const plan = await createPlan(till, who, aPlan({ currency, quantitySupported: true, cycles: [{ ...monthly, price }] }));
    const { id } = await subscribe(who, plan.id, { quantity });
    const subscription: SubscriptionRow = await read(id);
    expect(subscription).toMatchObject({ status: "active", currency, cycleMinor: BigInt(minor), quantity });
    expect(await paymentsOf(id)).toEqual([{ status: "completed", amount: minor, refunded: "0" }]);
  });

  it("stay in the PayPal account that they were made in when the organisation connects another", async () => {
    const who = principal();
    const names: string[] = [randomUUID(), randomUUID()];
    const connections = names.map((clientId) => paypalConnection({ clientId, clientSecret: "secret", url: simulator.url }));
    let newest = 0;
    const moved: Till = {
      ...till,
      paypal: (_tenantId, accountId) => {
        const at = accountId === undefined ? newest : names.indexOf(accountId!);
        return Promise.resolve(paypalOf(connections[at]!, names[at]));
      },
    };
    const plan = await createPlan(moved, who, aPlan());
    const { id, paypalSubscriptionId } = await createSubscription(moved, who, { planId: plan.id, customer: "4711" });
    newest = 1;
    simulator.approve(paypalSubscriptionId!);
    expect((await refresh(moved, id)).subscription).toMatchObject({ status: "active", accountId: names[0] });
    const [joined, other] = [await createPlan(moved, who, aPlan({ productOf: plan.id })), await createPlan(moved, who, aPlan())];
    expect([joined.accountId, other.accountId]).toEqual([names[0], names[1]]);
    expect(await createSubscription(moved, who, { planId: plan.id, customer: "4712" })).toMatchObject({ accountId: names[0] });
    expect(await move(moved, id, "cancel", "spec")).toMatchObject({ status: "cancelled" });
    for (const connection of connections) connection.close();
  });

  it("are blocked by the rules against fraud before PayPal hears of them", async () => {
    const who = principal();
    const plan = await createPlan(till, who, aPlan());
    await till.db.tenant(who.tenantId, (em) =>
      addEntry(em, till.secret, who.tenantId, "user:test", { list: "block", kind: "email", value: "mallory@example.com", note: "spec" }),
    );
    const ask = (email: string) => createSubscription(till, who, { planId: plan.id, customer: email, email }, email);
    const creations = simulator.calls("subscriptions.create");
    for (const _again of [1, 2]) await expect(ask("mallory@example.com")).rejects.toMatchObject({ type: "PAYMENT_BLOCKED" });
    expect(simulator.calls("subscriptions.create")).toBe(creations);
    expect(await ask("alice@example.com")).toMatchObject({ status: "approval_pending" });
    expect(
      await rows("select kind, decision from payment.fraud_assessments where tenant_id = $1 order by created_at", who.tenantId),
    ).toMatchObject([
      { kind: "subscription", decision: "block" },
      { kind: "subscription", decision: "allow" },
    ]);
  });

  it("are refused by name before anything is written: an unknown plan, a quantity that the plan does not know, a start in the past", async () => {
    const who = principal();
    const plan = await createPlan(till, who, aPlan());
    const ask = (of: object) => createSubscription(till, who, { planId: plan.id, customer: "x", ...of });
    await expect(ask({ planId: randomUUID() })).rejects.toMatchObject({ type: "PLAN_NOT_FOUND" });
    await expect(createSubscription(till, principal(), { planId: plan.id, customer: "x" })).rejects.toMatchObject({
      type: "PLAN_NOT_FOUND",
    });
    await expect(ask({ quantity: 2, startAt: "2020-01-01T00:00:00Z", returnUrl: "javascript:alert(1)" })).rejects.toMatchObject({
      data: { faults: [{ pointer: "/quantity" }, { pointer: "/startAt" }, { pointer: "/returnUrl" }] },
    });
    await expect(createPlan(till, who, aPlan({ currency: "XXX", cycles: [{ ...monthly, price: "-1" }] }))).rejects.toMatchObject({
      data: { faults: [{ pointer: "/currency" }, { pointer: "/cycles/0/price" }] },
    });
    expect(await rows("select 1 from payment.subscriptions where tenant_id = $1", who.tenantId)).toEqual([]);
    simulator.inject({ operation: "subscriptions.create", kind: "refuse", status: 422, issue: "PLAN_STATUS_INVALID" });
    await expect(ask({})).rejects.toMatchObject({ type: "PLAN_STATE_CONFLICT", data: { issue: "PLAN_STATUS_INVALID" } });
    expect(await rows("select status, failure_type from payment.subscriptions where tenant_id = $1", who.tenantId)).toEqual([
      { status: "failed", failure_type: "PLAN_STATUS_INVALID" },
    ]);
  });
});
