import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import type { Principal } from "../../../config/permissions.ts";
import { testTill, type TestTill } from "../../../test/till.ts";
import { createPayment, sweep, type NewPayment } from "../orders.ts";
import { readPayment } from "../payments.ts";
import { settle } from "../settle.ts";
import type { SellerWish } from "../seller/schema.ts";
import { writeSeller } from "../seller/seller.ts";
import { plantRates } from "../tax/seed.ts";
import { assess } from "./assess.ts";
import { listAssessments, readAssessment, type ReviewState } from "./assessments.ts";
import { approveReview, expireReviews, rejectReview } from "./review.ts";
import type { RuleSet } from "./ruleset.ts";
import { moveRules, proposeRules } from "./rulesets.ts";

const principal = (): Principal => ({ tenantId: randomUUID(), subject: "user:test", userId: randomUUID(), permissions: ["payment:write"] });
const wish: NewPayment = { amount: "12.50", currency: "EUR", description: "Annual plan", payer: { email: "ada@example.com" } };

/** Reviews more than 100.00, blocks more than 1000.00, and reviews from the 26th attempt on. */
const rules: RuleSet = {
  thresholds: { review: 50, block: 100 },
  rules: [
    { id: "much", description: "Much.", when: { amount: { over: { EUR: "100.00" } } }, effect: "score", points: 60 },
    { id: "very-much", description: "Very much.", when: { amount: { over: { EUR: "1000.00" } } }, effect: "score", points: 60 },
    { id: "often", description: "Often.", when: { velocity: { of: "email", minutes: 10080, countOver: 25 } }, effect: "review" },
  ],
};

const seller: SellerWish = {
  ...{ name: "Söhne GmbH", street: "Hauptstraße 1", postcode: "10115", city: "Berlin", country: "DE", vatId: "DE136695976" },
};

describe("payments that are judged first", () => {
  let till: TestTill;
  beforeAll(async () => void (till = await testTill({ latencyMs: 5 }, { timeoutMs: 30_000 })));
  afterAll(() => till.stop());

  const withRules = async () => {
    const who = principal();
    await till.db.tenant(who.tenantId, async (em) => {
      const { version } = await proposeRules(em, who.tenantId, who.subject, rules, "spec");
      await moveRules(em, who.tenantId, version, "active");
    });
    return who;
  };
  const reviewed = async (who: Principal) => {
    const payment = await createPayment(till, who, { ...wish, amount: "500.00" });
    expect(payment).toMatchObject({ status: "review", paypalPaymentId: null, nextCheckAt: null });
    return payment;
  };
  const refusal = (work: Promise<unknown>) =>
    work.then(
      () => undefined,
      (error: unknown) => error as { type: string; code: number; message: string; data: { paymentId: string } },
    );
  const eventsOf = async (id: string) => {
    const text = "select type, actor from payment.events where stream = $1 order by version";
    return (await till.database.admin.query<{ type: string; actor: string }>(text, [`payment:${id}`])).rows.map(({ type }) => type);
  };
  const attempts = async (tenantId: string) => {
    const text = "select count(*)::int as n from payment.payment_attempts where tenant_id = $1";
    return (await till.database.admin.query<{ n: number }>(text, [tenantId])).rows[0]!.n;
  };
  const assessmentOf = ({ tenantId }: Principal, id: string) => till.db.tenant(tenantId, (em) => readAssessment(em, tenantId, id));
  const queue = async ({ tenantId }: Principal, review: ReviewState = "open") =>
    (await till.db.tenant(tenantId, (em) => listAssessments(em, till.secret, tenantId, { review }))).data.map(({ objectId }) => objectId);
  const expireNow = (id: string) =>
    till.database.admin.query("update payment.fraud_assessments set review_until = now() where object_id = $1", [id]);

  it("refuses a blocked payment without a word of the rules, and asks PayPal nothing", async () => {
    const [who, orders] = [await withRules(), till.simulator.orders()];
    const refused = await refusal(createPayment(till, who, { ...wish, amount: "2000.00" }, "key"));
    expect(refused).toMatchObject({ type: "PAYMENT_BLOCKED", code: 422, message: "This payment can't be taken." });
    expect(Object.keys(refused!.data)).toEqual(["paymentId"]);
    const { paymentId } = refused!.data;
    const again = await refusal(createPayment(till, who, { ...wish, amount: "2000.00" }, "key"));
    expect(again).toMatchObject({ type: "PAYMENT_BLOCKED", data: { paymentId } });
    expect(await readPayment(till.db, who.tenantId, paymentId)).toMatchObject({ status: "failed", failureType: "PAYMENT_BLOCKED" });
    expect(await eventsOf(paymentId)).toEqual(["payment.created", "payment.failed"]);
    expect(await assessmentOf(who, paymentId)).toMatchObject({ decision: "block", score: 120, review: null });
    expect([till.simulator.orders(), await attempts(who.tenantId)]).toEqual([orders, 0]);
    // Another organisation has other rules.
    expect(await createPayment(till, principal(), { ...wish, amount: "2000.00" })).toMatchObject({ status: "pending" });
  });

  it("keeps a payment in review from PayPal, whoever settles or sweeps, and sends it there when it is approved", async () => {
    const [who, other, orders] = [await withRules(), await withRules(), till.simulator.orders()];
    const { id } = await reviewed(who);
    expect(await settle(till, id, { payerActed: true })).toMatchObject({ status: "review" });
    await till.database.admin.query("update payment.payments set next_check_at = now() where id = $1", [id]);
    await sweep(till, 100);
    expect([till.simulator.orders(), await attempts(who.tenantId)]).toEqual([orders, 0]);
    expect(await queue(who)).toEqual([id]);
    expect(await queue(other)).toEqual([]);
    for (const decide of [approveReview, rejectReview])
      await expect(decide(till, other, id, "Not ours.")).rejects.toMatchObject({ type: "PAYMENT_NOT_FOUND", code: 404 });

    const payment = await approveReview(till, who, id, "Known customer.");
    expect(payment).toMatchObject({ status: "pending", approvalUrl: expect.stringContaining("token=") });
    till.simulator.approve(payment.paypalPaymentId!);
    expect(await settle(till, id)).toMatchObject({ status: "captured" });
    expect(await eventsOf(id)).toEqual([
      ...["payment.created", "payment.review.opened", "payment.review.approved"],
      ...["payment.approved", "payment.captured"],
    ]);
    expect(await assessmentOf(who, id)).toMatchObject({
      decision: "review",
      review: { state: "approved", by: who.subject, note: "Known customer." },
    });
    expect([await queue(who), await queue(who, "approved")]).toEqual([[], [id]]);
    // Who has paid is no new customer.
    expect(
      (await assess(till, { ...who, attempt: randomUUID(), amountMinor: 100n, currency: "EUR", payer: wish.payer })).facts.payer.isNew,
    ).toBe(false);
  });

  it("decides a review once, though ten approve and ten reject at the same time: one order at most, one event", async () => {
    const [who, orders] = [await withRules(), till.simulator.orders()];
    const { id } = await reviewed(who);
    const decided = await Promise.allSettled(
      Array.from({ length: 20 }, (_, index) => (index % 2 ? rejectReview : approveReview)(till, who, id, `No. ${index}`)),
    );
    const done = decided.filter(({ status }) => status === "fulfilled");
    const refused = decided.filter((one): one is PromiseRejectedResult => one.status === "rejected");
    expect(done).toHaveLength(1);
    expect(new Set(refused.map(({ reason }) => (reason as { type: string }).type))).toEqual(new Set(["REVIEW_OVER"]));
    const { status } = await readPayment(till.db, who.tenantId, id);
    expect(till.simulator.orders() - orders).toBe(status === "failed" ? 0 : 1);
    expect((await eventsOf(id)).filter((type) => type.startsWith("payment.review.")).sort()).toEqual([
      ...(status === "failed" ? [] : ["payment.review.approved"]),
      "payment.review.opened",
      ...(status === "failed" ? ["payment.review.rejected"] : []),
    ]);
  });

  it("fails a payment that a reviewer rejects or nobody comes to in time, and says no more of it to the payer than of a blocked one", async () => {
    const who = await withRules();
    const rejected = await createPayment(till, who, { ...wish, amount: "500.00" }, "rejected");
    expect(await rejectReview(till, who, rejected.id, "Stolen card.")).toMatchObject({ status: "failed", failureType: "REVIEW_REJECTED" });
    const late = await reviewed(who);
    await expireNow(late.id);
    await expect(approveReview(till, who, late.id, "Too late.")).rejects.toMatchObject({ type: "REVIEW_OVER", code: 409 });
    const ended = await Promise.all(Array.from({ length: 5 }, () => expireReviews(till, 100)));
    expect(ended.reduce((sum, some) => sum + some, 0)).toBe(1);
    expect(await readPayment(till.db, who.tenantId, late.id)).toMatchObject({ status: "failed", failureType: "REVIEW_EXPIRED" });
    expect(await eventsOf(rejected.id)).toEqual(["payment.created", "payment.review.opened", "payment.review.rejected", "payment.failed"]);
    expect(await eventsOf(late.id)).toEqual(["payment.created", "payment.review.opened", "payment.review.expired", "payment.failed"]);
    const repeated = await refusal(createPayment(till, who, { ...wish, amount: "500.00" }, "rejected"));
    expect(repeated).toMatchObject({ type: "PAYMENT_BLOCKED", message: "This payment can't be taken.", data: { paymentId: rejected.id } });
  });

  it("goes on with an approved payment when the process died before PayPal was asked", async () => {
    const who = await withRules();
    const { id } = await reviewed(who);
    const dying = {
      ...till,
      paypal: async (tenantId: string) => {
        const paypal = await till.paypal(tenantId);
        const createOrder = () => Promise.reject(new Error("killed"));
        return { ...paypal, orders: { ...paypal.orders, createOrder } };
      },
    };
    await expect(approveReview(dying, who, id, "Fine.")).rejects.toThrow("killed");
    expect(await readPayment(till.db, who.tenantId, id)).toMatchObject({ status: "created" });
    await till.database.admin.query("update payment.payments set next_check_at = now(), claimed_until = now() where id = $1", [id]);
    await sweep(till, 100);
    expect(await readPayment(till.db, who.tenantId, id)).toMatchObject({ status: "pending" });
  });

  it("counts right under fifty creates at once: the first 25 go through, the others wait, none twice", async () => {
    const [who, other, orders] = [await withRules(), await withRules(), till.simulator.orders()];
    const made = await Promise.all([
      ...Array.from({ length: 50 }, (_, index) => createPayment(till, who, wish, `key-${index}`)),
      ...Array.from({ length: 20 }, () => createPayment(till, other, wish, "one-key")),
    ]);
    const [ours, theirs] = [made.slice(0, 50), made.slice(50)];
    expect([ours.filter(({ status }) => status === "pending").length, ours.filter(({ status }) => status === "review").length]).toEqual([
      25, 25,
    ]);
    expect(new Set(theirs.map(({ id }) => id)).size).toBe(1);
    expect(till.simulator.orders() - orders).toBe(26);
    const counts = await till.database.admin.query<{ n: number }>(
      "select (facts#>>'{velocity,email,60,count}')::int as n from payment.fraud_assessments where tenant_id = $1 order by 1",
      [who.tenantId],
    );
    expect(counts.rows.map(({ n }) => n)).toEqual(Array.from({ length: 50 }, (_, index) => index + 1));
    expect((await assessmentOf(other, theirs[0]!.id)).facts.velocity.email![60]).toEqual({ count: 1, sumMinor: "1250" });
    // All of them come again, as after a lost connection.
    const again = await Promise.all(Array.from({ length: 50 }, (_, index) => createPayment(till, who, wish, `key-${index}`)));
    expect(again.map(({ id, status }) => [id, status])).toEqual(ours.map(({ id, status }) => [id, status]));
    const after = await assess(till, { ...who, attempt: randomUUID(), amountMinor: 1n, currency: "EUR", payer: wish.payer });
    expect(after.facts.velocity.email![60]).toEqual({ count: 51, sumMinor: "62501" });
  });

  it("loses and doubles nothing when the process dies between the assessment and the row", async () => {
    const who = await withRules();
    const { tenantId, userId } = who;
    await assess(till, { tenantId, userId, attempt: "payment key", amountMinor: 1250n, currency: "EUR", payer: wish.payer });
    const stored = async () =>
      (await till.database.admin.query<object>("select object_id from payment.fraud_assessments where tenant_id = $1", [tenantId])).rows;
    expect(await stored()).toEqual([]);
    const { id, status } = await createPayment(till, who, wish, "key");
    expect([status, await stored()]).toEqual(["pending", [{ object_id: id }]]);
    expect((await assessmentOf(who, id)).facts.velocity.email![60]).toEqual({ count: 1, sumMinor: "1250" });
    await expect(createPayment(till, who, { ...wish, amount: "13.00" }, "key")).rejects.toMatchObject({ type: "IDEMPOTENCY_KEY_REUSED" });
    expect(await stored()).toHaveLength(1);
  });

  it("looks at what the payment is for and where it is taxed, too", async () => {
    const who = principal();
    await plantRates(till.db);
    await till.db.tenant(who.tenantId, (em) => writeSeller(em, who.tenantId, seller));
    const items = [
      { name: "Pens", quantity: 30, unitAmount: "1.00" },
      { name: "Ink", quantity: 2, unitAmount: "5.00" },
    ];
    const sale = { items, prices: "inclusive" as const, customer: { country: "DE", ipCountry: "FR" }, amount: "40.00" };
    const { id } = await createPayment(till, who, { ...wish, ...sale });
    expect(await assessmentOf(who, id)).toMatchObject({
      facts: { items: { lines: 2, quantity: 32 }, payer: { country: "DE", ipCountry: "FR", domain: "example.com" } },
      reasons: [{ rule: "countries-differ" }],
    });
  });

  it("names what is wrong with a payer before anything is counted or written, and takes no card number for a fingerprint", async () => {
    const who = await withRules();
    const payer = { email: "ada@example.com", ip: "300.1.1.1", card: "4111-1111-1111-1111" };
    await expect(createPayment(till, who, { ...wish, amount: "1.234", payer })).rejects.toMatchObject({
      type: "VALIDATION_FAILED",
      data: { faults: [{ pointer: "/amount" }, { pointer: "/payer/ip" }, { pointer: "/payer/card" }] },
    });
    const { facts } = await assess(till, { ...who, attempt: randomUUID(), amountMinor: 1n, currency: "EUR", payer: wish.payer });
    expect(facts.velocity.email![60]).toEqual({ count: 1, sumMinor: "1" });
  });
});
