import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import type { PaymentRow } from "../../../entities/Payment.ts";
import { testTill, type TestTill } from "../../../test/till.ts";
import { createPayment } from "../orders.ts";
import { createRefund } from "../refunds/create.ts";
import { settle } from "../settle.ts";
import type { Simulator } from "../simulator/server.ts";
import { envelopeOf } from "../webhooks/envelope.ts";
import type { PayPalEvent } from "../webhooks/event.ts";
import { handlerOf } from "../webhooks/handlers.ts";
import { postRefund } from "../ledger/post.ts";
import { multipart } from "../gateway/multipart.ts";
import { acceptClaim, provideEvidence } from "./answer.ts";
import { readDocuments } from "./documents.ts";
import { disputesGateway } from "./gateway.ts";
import { recordDispute } from "./record.ts";
import { listDisputes, readDisputeRow } from "./disputes.ts";
import { lookAtOpen, remind } from "./sweep.ts";

const day = 86_400_000;
const secret = "a secret that signs this spec's cursors";

describe("disputes", () => {
  let till: TestTill;
  let simulator: Simulator;
  beforeAll(async () => {
    till = await testTill();
    ({ simulator } = till);
  });
  afterAll(() => till?.stop());

  const principal = (tenantId: string) => ({ tenantId, subject: "user:test", userId: randomUUID(), permissions: [] });
  async function paid(tenantId: string = randomUUID(), amount = "100.00"): Promise<PaymentRow & { capture: string }> {
    const { id, paypalPaymentId } = await createPayment(till, principal(tenantId), { amount, currency: "EUR" });
    simulator.approve(paypalPaymentId!);
    const payment = await settle(till, id);
    expect(payment.status).toBe("captured");
    const { rows } = await till.database.admin.query<{ paypal_id: string }>(
      `select paypal_id from payment.captures where payment_id = $1`,
      [id],
    );
    return { ...payment, capture: rows[0]!.paypal_id };
  }
  /** What PayPal has told about a payment so far, as the inbox hands it to the handlers. */
  async function told({ tenantId, capture }: { tenantId: string; capture: string }): Promise<PayPalEvent[]> {
    const { connection } = await till.paypal(tenantId);
    const listed = await connection.send(
      { method: "GET", path: "/v1/notifications/webhooks-events?page_size=500" },
      (body) => (body as { events: object[] }).events,
    );
    if (listed.outcome !== "ok") throw new Error(JSON.stringify(listed));
    return listed.value
      .filter((event) => JSON.stringify(event).includes(capture))
      .map((event) => envelopeOf(event)!)
      .map(({ eventId, at, ...event }) => ({ ...event, id: eventId, tenantId, createdAt: at }))
      .filter(({ type }) => !/^CHECKOUT|COMPLETED$/.test(type));
  }
  /** Hands over everything until nothing waits any more. @returns what became of each */
  async function deliver(of: { tenantId: string; capture: string }, times = 1): Promise<string[]> {
    const events = (await told(of)).flatMap((event) => Array.from({ length: times }, () => event));
    for (let round = 0; ; round++) {
      const handled = await Promise.all(events.map((event) => handlerOf(event.type)!(till, event)));
      if (!handled.includes("waits") || round === 3) return handled;
    }
  }
  const complain = (capture: string, of: object = {}) => simulator.tell(`captures/${capture}/dispute`, of) as { dispute_id: string };
  const disputesOf = async (tenantId: string) => (await listDisputes(till.db, secret, tenantId, {})).data;
  const books = async (tenantId: string) => {
    const { rows } = await till.database.admin.query<{ account: string; sum: string }>(
      `select account, sum(amount_minor)::text as sum from payment.ledger_lines where tenant_id = $1 group by account having sum(amount_minor) <> 0`,
      [tenantId],
    );
    return Object.fromEntries(rows.map(({ account, sum }) => [account, Number(sum)]));
  };
  const eventsOf = async (tenantId: string) => {
    const text = `select type, data from payment.events where tenant_id = $1 and type like 'dispute.%' order by position`;
    return (await till.database.admin.query<{ type: string; data: Record<string, unknown> }>(text, [tenantId])).rows;
  };
  const typesOf = async (tenantId: string) => (await eventsOf(tenantId)).map(({ type }) => type);
  const problem = (work: Promise<unknown>) =>
    work.then(
      () => null,
      ({ type, data }: { type: string; data: unknown }) => ({ type, data }),
    );

  it("are recorded once, hold the amount in the books, lock refunds, and are told once, however often PayPal tells", async () => {
    const payment = await paid();
    const { tenantId } = payment;
    const before = await books(tenantId);
    complain(payment.capture);
    expect(new Set(await deliver(payment, 5))).toEqual(new Set(["done"]));
    const [dispute, ...more] = await disputesOf(tenantId);
    expect(more).toEqual([]);
    expect(dispute).toMatchObject({
      ...{ paymentId: payment.id, state: "open", stage: "CHARGEBACK", amount: "100.00", currency: "EUR", outcome: null },
      ...{ paypalStatus: "WAITING_FOR_SELLER_RESPONSE", respondBy: expect.any(String) },
    });
    expect(await books(tenantId)).toEqual({ ...before, "paypal:balance": before["paypal:balance"]! - 10_000, "disputes:held": 10_000 });
    expect(await typesOf(tenantId)).toEqual(["dispute.opened"]);
    for (const amount of [undefined, "1.00"])
      expect(await problem(createRefund(till, principal(tenantId), { id: payment.id, ...(amount && { amount }) }))).toMatchObject({
        type: "PAYMENT_DISPUTED",
        data: { disputeId: dispute!.id },
      });
    const other = randomUUID();
    expect(await disputesOf(other)).toEqual([]);
    expect(await problem(readDisputeRow(till.db, other, dispute!.id))).toMatchObject({ type: "DISPUTE_NOT_FOUND" });
    expect(await problem(acceptClaim(till, other, dispute!.id, "no"))).toMatchObject({ type: "DISPUTE_NOT_FOUND" });
  });

  it("that are won give the amount back and the lock up", async () => {
    const payment = await paid();
    const before = await books(payment.tenantId);
    const { dispute_id: id } = complain(payment.capture);
    await deliver(payment);
    simulator.tell(`disputes/${id}/resolve`, { outcome: "RESOLVED_SELLER_FAVOUR" });
    await deliver(payment, 3);
    expect(await disputesOf(payment.tenantId)).toMatchObject([{ state: "resolved", outcome: "won", lost: null, respondBy: null }]);
    expect(await books(payment.tenantId)).toEqual(before);
    expect(await typesOf(payment.tenantId)).toEqual(["dispute.opened", "dispute.resolved"]);
    expect((await createRefund(till, principal(payment.tenantId), { id: payment.id, amount: "1.00" })).status).toBe("completed");
  });

  it("that are lost cost the amount once, though the dispute and the reversal both tell of it, in whatever order", async () => {
    const payment = await paid();
    const before = await books(payment.tenantId);
    const { dispute_id: id } = complain(payment.capture, { value: "40.00" });
    await deliver(payment);
    simulator.tell(`disputes/${id}/resolve`, { outcome: "RESOLVED_BUYER_FAVOUR" });
    await deliver(payment, 3);
    expect(await disputesOf(payment.tenantId)).toMatchObject([{ state: "resolved", outcome: "lost", lost: "40.00" }]);
    expect(await books(payment.tenantId)).toEqual({ ...before, "paypal:balance": before["paypal:balance"]! - 4_000, chargebacks: 4_000 });
    expect((await eventsOf(payment.tenantId)).at(-1)).toMatchObject({
      type: "dispute.resolved",
      data: { outcome: "lost", amount: "40.00" },
    });
  });

  it("at the payer's bank that are lost cost PayPal's fee besides", async () => {
    const payment = await paid();
    const before = await books(payment.tenantId);
    const { dispute_id: id } = complain(payment.capture, { channel: "EXTERNAL" });
    await deliver(payment);
    simulator.tell(`disputes/${id}/resolve`, { outcome: "RESOLVED_BUYER_FAVOUR" });
    await deliver(payment);
    expect(await disputesOf(payment.tenantId)).toMatchObject([{ channel: "EXTERNAL", outcome: "lost", fee: "16.00" }]);
    const after = await books(payment.tenantId);
    expect(after["fees"]! - before["fees"]!).toBe(1_600);
    expect(after["disputes:held"] ?? 0).toBe(0);
    expect(after["paypal:balance"]).toBe(before["paypal:balance"]! - 11_600);
  });

  it("that are accepted give the amount back as one refund and cost nothing twice", async () => {
    const payment = await paid();
    const before = await books(payment.tenantId);
    complain(payment.capture);
    await deliver(payment);
    const { id } = (await disputesOf(payment.tenantId))[0]!;
    // PayPal does it, and its answer is lost: a look finds it.
    simulator.inject({ operation: "disputes.accept", kind: "reset" });
    expect(await acceptClaim(till, payment.tenantId, id, "You are right.")).toMatchObject({ state: "resolved", outcome: "lost" });
    await deliver(payment, 2);
    const after = await books(payment.tenantId);
    expect(after).toMatchObject({ "paypal:balance": before["paypal:balance"]! - 10_000, refunds: 10_000 });
    expect([after["chargebacks"] ?? 0, after["disputes:held"] ?? 0]).toEqual([0, 0]);
    expect(await problem(acceptClaim(till, payment.tenantId, id, "again"))).toMatchObject({ type: "CONFLICT" });
  });

  it("that are accepted twice, the first answer being lost, are accepted once", async () => {
    const payment = await paid();
    const before = await books(payment.tenantId);
    complain(payment.capture);
    await deliver(payment);
    const { id } = (await disputesOf(payment.tenantId))[0]!;
    // PayPal does it, its answer is lost, and so is that to the look.
    simulator.inject({ operation: "disputes.accept", kind: "reset" });
    simulator.inject({ operation: "disputes.get", kind: "refuse", status: 503 });
    expect(await problem(acceptClaim(till, payment.tenantId, id, "You are right."))).toMatchObject({ type: "PAYMENT_GATEWAY_UNAVAILABLE" });
    expect(await acceptClaim(till, payment.tenantId, id, "You are right.")).toMatchObject({
      ...{ state: "resolved", outcome: "lost", acceptedAt: expect.any(Date) },
    });
    await deliver(payment, 2);
    expect(await books(payment.tenantId)).toEqual({ ...before, "paypal:balance": before["paypal:balance"]! - 10_000, refunds: 10_000 });
  });

  it("that are accepted at PayPal's website cost their amount once, however late its refund is heard of", async () => {
    const payment = await paid();
    const { tenantId } = payment;
    const before = await books(tenantId);
    const { dispute_id: paypalId } = complain(payment.capture, { value: "40.00" });
    await deliver(payment);
    await disputesGateway((await till.paypal(tenantId)).connection).accept(paypalId, "You are right.");
    const look = async (noticed: string) => {
      await till.database.admin.query(
        `update payment.disputes set next_check_at = now(), noticed_at = noticed_at - $2::interval where tenant_id = $1`,
        [tenantId, noticed],
      );
      await lookAtOpen(till);
    };
    await look("0");
    expect(await disputesOf(tenantId)).toMatchObject([{ state: "resolved", outcome: "lost", acceptedAt: null }]);
    expect(await books(tenantId)).toMatchObject({ "disputes:held": 4_000 });
    await look("1 hour");
    const lost = { ...before, "paypal:balance": before["paypal:balance"]! - 4_000, chargebacks: 4_000 };
    expect(await books(tenantId)).toEqual(lost);
    await deliver(payment, 2);
    expect(await books(tenantId)).toEqual(lost);
    // What is given back here afterwards is another matter.
    await createRefund(till, principal(tenantId), { id: payment.id, amount: "30.00" });
    await deliver(payment);
    expect(await books(tenantId)).toEqual({ ...lost, "paypal:balance": lost["paypal:balance"] - 3_000, refunds: 3_000 });
  });

  it("that are lost with nothing, or of which a part has gone back, are settled by what is lost", async () => {
    for (const [lost, refunded, chargebacks, refunds] of [
      [0n, null, undefined, undefined],
      [10_000n, "30.00", 7_000, 3_000],
    ] as const) {
      const payment = await paid();
      const { tenantId } = payment;
      const before = await books(tenantId);
      const { dispute_id: paypalId } = complain(payment.capture);
      await deliver(payment);
      const of = { tenantId, accountId: null, paymentId: payment.id, subscriptionId: null, invoiceId: null };
      const seen = await disputesGateway((await till.paypal(tenantId)).connection).get(paypalId);
      if (seen.outcome !== "ok") throw new Error(JSON.stringify(seen));
      if (refunded)
        await till.db.tenant(tenantId, (em) =>
          postRefund(em, {
            ...{ tenantId, paymentId: payment.id, captureId: payment.capture, objectId: randomUUID(), at: new Date() },
            ...{ gross: { amountMinor: 3_000n, currency: "EUR" }, feeReturned: null, settled: null },
          }),
        );
      const end = { status: "RESOLVED", outcome: "RESOLVED_BUYER_FAVOUR", refunded: { amountMinor: lost, currency: "EUR" as const } };
      const view = { ...seen.value, ...end, changedAt: new Date(Date.now() + 1_000) };
      await till.db.tenant(tenantId, (em) => recordDispute(em, of, view));
      await till.database.admin.query(`update payment.disputes set noticed_at = noticed_at - interval '1 hour' where tenant_id = $1`, [
        tenantId,
      ]);
      const { waits } = await till.db.tenant(tenantId, (em) => recordDispute(em, of, view));
      expect(waits).toBe(false);
      expect(await disputesOf(tenantId)).toMatchObject([{ state: "resolved", outcome: "lost" }]);
      expect(await books(tenantId)).toEqual({
        ...before,
        "paypal:balance": before["paypal:balance"]! - (chargebacks ?? 0) - (refunds ?? 0),
        ...(chargebacks && { chargebacks, refunds }),
      });
    }
  });

  it("that are questions hold nothing until they become claims", async () => {
    const payment = await paid();
    const before = await books(payment.tenantId);
    const { dispute_id: id } = complain(payment.capture, { stage: "INQUIRY" });
    await deliver(payment);
    expect(await books(payment.tenantId)).toEqual(before);
    expect(await disputesOf(payment.tenantId)).toMatchObject([{ stage: "INQUIRY", respondBy: null }]);
    simulator.tell(`disputes/${id}/escalate`);
    await deliver(payment);
    expect(await books(payment.tenantId)).toMatchObject({ "disputes:held": 10_000 });
    expect(await typesOf(payment.tenantId)).toEqual(["dispute.opened"]);
  });

  it("take evidence, and say what is missing or what PayPal refuses", async () => {
    const payment = await paid();
    const { tenantId } = payment;
    const { dispute_id: paypalId } = complain(payment.capture);
    await deliver(payment);
    const { id } = (await disputesOf(tenantId))[0]!;
    for (const [type, pointer] of [
      ["PROOF_OF_FULFILLMENT", "/tracking"],
      ["PROOF_OF_REFUND", "/paypalRefundId"],
      ["OTHER", "/note"],
    ])
      expect(await problem(provideEvidence(till, tenantId, id, { type: type! }))).toMatchObject({
        type: "VALIDATION_FAILED",
        data: { faults: [{ pointer }] },
      });
    const answered = await provideEvidence(till, tenantId, id, {
      type: "PROOF_OF_FULFILLMENT",
      tracking: { carrier: "DHL", number: "1" },
      note: "Sent.",
    });
    expect(answered).toMatchObject({ paypalStatus: "UNDER_REVIEW", dueAt: null, answeredAt: expect.any(Date) });
    const { connection } = await till.paypal(tenantId);
    const shown = await connection.send(
      { method: "GET", path: `/v1/customer/disputes/${paypalId}` },
      (body) => body as { evidences: object[] },
    );
    if (shown.outcome !== "ok") throw new Error(JSON.stringify(shown));
    expect(shown.value.evidences).toMatchObject([{ evidence_type: "PROOF_OF_FULFILLMENT", notes: "Sent." }]);
    simulator.tell(`disputes/${paypalId}/resolve`, { outcome: "CANCELED_BY_BUYER" });
    expect(await problem(provideEvidence(till, tenantId, id, { type: "OTHER", note: "More." }))).toMatchObject({
      type: "DISPUTE_REFUSED",
      data: { issue: "ACTION_NOT_ALLOWED_IN_CURRENT_DISPUTE_STATE" },
    });
    await deliver(payment);
    expect(await disputesOf(tenantId)).toMatchObject([{ outcome: "withdrawn" }]);
  });

  it("take documents as evidence, byte for byte, and name each that is not what it says", async () => {
    const png = Buffer.concat([Buffer.from("89504e470d0a1a0a", "hex"), Buffer.from(Array.from({ length: 256 }, (_, byte) => byte))]);
    const given = (bytes: Buffer, of: object = {}) => ({
      name: "proof 1.png",
      mediaType: "image/png" as const,
      base64: bytes.toString("base64"),
      ...of,
    });
    const faultsOf = (...documents: ReturnType<typeof given>[]) => {
      try {
        return readDocuments(documents).length;
      } catch (error) {
        return (error as { data: { faults: { pointer: string }[] } }).data.faults.map(({ pointer }) => pointer);
      }
    };
    expect(faultsOf(given(png), given(png, { base64: "%%%%" }), given(png, { mediaType: "application/pdf" }))).toEqual([
      "/documents/1/base64",
      "/documents/2/base64",
    ]);
    expect(faultsOf(given(Buffer.concat([png, Buffer.alloc(700_000)])))).toEqual(["/documents"]);

    const documents = readDocuments([given(png), given(png, { name: "second.png" })]);
    const body = Buffer.from(await multipart({ evidences: [] }, documents).arrayBuffer());
    expect([body.indexOf(png), body.indexOf(png, body.indexOf(png) + 1)].every((at) => at > 0)).toBe(true);

    const payment = await paid();
    const { tenantId } = payment;
    const { dispute_id: paypalId } = complain(payment.capture);
    await deliver(payment);
    const { id } = (await disputesOf(tenantId))[0]!;
    const type = "PROOF_OF_DELIVERY_SIGNATURE";
    expect(await problem(provideEvidence(till, tenantId, id, { type, note: "Signed." }))).toMatchObject({
      data: { faults: [{ pointer: "/documents" }] },
    });
    expect(await provideEvidence(till, tenantId, id, { type, note: "Signed.", documents })).toMatchObject({ paypalStatus: "UNDER_REVIEW" });
    const { connection } = await till.paypal(tenantId);
    const shown = await connection.send(
      { method: "GET", path: `/v1/customer/disputes/${paypalId}` },
      (answer) => answer as { evidences: object[] },
    );
    if (shown.outcome !== "ok") throw new Error(JSON.stringify(shown));
    expect(shown.value.evidences).toMatchObject([
      { evidence_type: type, notes: "Signed.", documents: [{ name: "proof 1.png" }, { name: "second.png" }] },
    ]);
  });

  it("remind of their deadline three days before and one day before, once each", async () => {
    const payment = await paid();
    complain(payment.capture);
    await deliver(payment);
    const respondBy = (await disputesOf(payment.tenantId))[0]!.respondBy!;
    const before = (ms: number) => new Date(Date.parse(respondBy) - ms);
    const count = async () => (await typesOf(payment.tenantId)).filter((type) => type === "dispute.deadline").length;
    const seen: number[] = [];
    for (const ms of [4 * day, 2.5 * day, 2 * day, 0.5 * day, 0.4 * day, -day]) {
      await remind(till, before(ms));
      seen.push(await count());
    }
    expect(seen).toEqual([0, 1, 1, 2, 2, 2]);
    expect((await eventsOf(payment.tenantId)).at(-1)).toMatchObject({ data: { respondBy, paymentId: payment.id } });
  });

  it("that nothing is heard of are looked at by themselves", async () => {
    const payment = await paid();
    const { dispute_id: id } = complain(payment.capture);
    await deliver(payment);
    simulator.tell(`disputes/${id}/resolve`, { outcome: "RESOLVED_WITH_PAYOUT" });
    await till.database.admin.query(`update payment.disputes set next_check_at = now() where tenant_id = $1`, [payment.tenantId]);
    await lookAtOpen(till);
    expect(await disputesOf(payment.tenantId)).toMatchObject([{ state: "resolved", outcome: "paid_by_paypal" }]);
    expect(await typesOf(payment.tenantId)).toEqual(["dispute.opened", "dispute.resolved"]);
  });

  it("of another organisation's payment, or another system's, are ignored; of a payment that is not there yet they wait", async () => {
    const payment = await paid();
    complain(payment.capture);
    const [event] = (await told(payment)) as [PayPalEvent];
    const handle = (of: Partial<PayPalEvent>) => handlerOf(event.type)!(till, { ...event, ...of });
    expect(await handle({ tenantId: randomUUID() })).toBe("ignored");
    const transaction = (custom: string) => ({ dispute_id: "PP-1", disputed_transactions: [{ seller_transaction_id: "1AB", custom }] });
    expect(await handle({ resource: transaction("basket 7") })).toBe("ignored");
    expect(await handle({ resource: transaction(`${payment.tenantId}:${randomUUID()}`) })).toBe("waits");
  });
});
