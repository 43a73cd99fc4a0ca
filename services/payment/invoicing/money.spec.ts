import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import type { DomainEvent } from "../../../config/events.ts";
import { Invoice } from "../../../entities/Invoice.ts";
import { until } from "../../../test/edge.ts";
import { invoicesOf, type IssuedInvoice } from "../../../test/issued.ts";
import { testTill, type TestTill } from "../../../test/till.ts";
import { listDisputes } from "../disputes/disputes.ts";
import { paypalConnection, type PayPalConnection } from "../gateway/connection.ts";
import { invoiceSubscriptions } from "../invoices/consume.ts";
import { findInvoice } from "../invoices/drafts.ts";
import { trialBalance } from "../ledger/balances.ts";
import { listEntries } from "../ledger/list.ts";
import { listBreaks } from "../reconciliation/breaks.ts";
import { runNow } from "../reconciliation/runs.ts";
import { financeReport } from "../reports/finance.ts";
import { plantRates } from "../tax/seed.ts";
import { paypalOf, type Till } from "../till.ts";
import { envelopeOf } from "../webhooks/envelope.ts";
import { handlerOf } from "../webhooks/handlers.ts";
import { subjectOf } from "../webhooks/subject.ts";
import { bookRefund } from "./money.ts";
import { advance, readPaypalInvoice, sendByPayPal } from "./send.ts";

const day = 86_400_000;
const secret = "a secret that signs this spec's cursors";
/** Days ahead: what happens now is in a day that is over, also if it is midnight meanwhile. */
const later = new Date(Date.now() + 3 * day);
const today = new Date(Math.floor(Date.now() / day) * day);
const period = { from: today, to: new Date(today.getTime() + 2 * day) };

/** An invoice that PayPal collects, of an organisation with a PayPal account of its own that keeps dollars. */
interface Collected extends IssuedInvoice {
  till: Till;
  tenantId: string;
  paypalId: string;
}

describe("money of invoices that PayPal collects", () => {
  let base: TestTill;
  let issued: ReturnType<typeof invoicesOf>;
  const links: PayPalConnection[] = [];
  beforeAll(async () => {
    base = await testTill();
    issued = invoicesOf(base);
    await plantRates(base.db);
  });
  afterAll(async () => {
    for (const link of links) link.close();
    await base?.stop();
  });

  async function collected(exchange: object = { currency: "USD", rates: { EUR: "1.10" } }): Promise<Collected> {
    const clientId = randomUUID();
    base.simulator.configure(clientId, { ...exchange, searchLagMs: -3 * day, returnsFees: true });
    const link = paypalConnection({ clientId, clientSecret: "secret", url: base.simulator.url, breaker: { volumeThreshold: 1_000 } });
    links.push(link);
    const paypal = paypalOf(link);
    const till: Till = { ...base, paypal: () => Promise.resolve(paypal) };
    const invoice = await issued();
    const { paypalId } = await sendByPayPal(till, invoice.who, invoice.id);
    return { ...invoice, till, tenantId: invoice.who.tenantId, paypalId: paypalId! };
  }
  /** The buyer pays. @returns PayPal's id of what was captured */
  const pay = ({ paypalId }: Collected): string => {
    const { payments } = base.simulator.tell(`invoices/${paypalId}/pay`) as { payments: { transactions: { payment_id: string }[] } };
    return payments.transactions[0]!.payment_id;
  };
  const giveBack = (captureId: string, value: string) => base.simulator.tell(`captures/${captureId}/refund`, { value });
  /** Hands over everything that PayPal has told of the organisation's account, each event so many times at once. */
  async function deliver({ till, tenantId }: Collected, times = 1): Promise<string[]> {
    const { connection } = await till.paypal(tenantId);
    const listed = await connection.send(
      { method: "GET", path: "/v1/notifications/webhooks-events?page_size=500" },
      (body) => (body as { events: object[] }).events,
    );
    if (listed.outcome !== "ok") throw new Error(JSON.stringify(listed));
    const events = listed.value.map((event) => envelopeOf(event)!).flatMap((event) => Array<typeof event>(times).fill(event));
    const handle = ({ eventId, at, ...event }: (typeof events)[number]) =>
      handlerOf(event.type)!(till, { ...event, id: eventId, tenantId, createdAt: at });
    const handled = await Promise.all(events.map(handle));
    // Those that met another one at work come again, one after the other.
    for (const [at, event] of events.entries()) if (handled[at] === "waits") handled[at] = await handle(event);
    return handled;
  }
  /** As the sweeper does when its time has come. */
  const look = ({ till, id }: Pick<Collected, "till" | "id">) => advance(till, id);
  const compare = ({ till, tenantId }: Collected) => runNow(till, tenantId, period, "user:test", later);
  const balances = async (tenantId: string) =>
    Object.fromEntries(
      (await trialBalance(base.db, tenantId, later)).balances
        .filter(({ balance }) => /[1-9]/.test(balance))
        .map(({ account, currency, balance }) => [`${account} ${currency}`, balance]),
    );
  const entries = async ({ tenantId, id }: Collected) =>
    (await listEntries(base.db, secret, tenantId, { invoiceId: id })).data.map(({ kind }) => kind).sort();
  const kinds = (...of: string[]) => of.flatMap((kind) => [kind, `${kind}_conversion`, `${kind}_fee`]).sort();
  /** What PayPal says that the organisation's account has. */
  async function atPayPal({ till, tenantId }: Collected): Promise<string> {
    const { connection } = await till.paypal(tenantId);
    const answer = await connection.send(
      { method: "GET", path: "/v1/reporting/balances" },
      (body) => body as { balances: { currency: string; available_balance: { value: string } }[] },
    );
    if (answer.outcome !== "ok") throw new Error(JSON.stringify(answer));
    return answer.value.balances.find(({ currency }) => currency === "USD")!.available_balance.value;
  }

  /** What webhooks of the organisation hear of an invoice. */
  const toldOf = async ({ id }: Collected) => {
    const text = `select id, tenant_id as "tenantId", type, data from payment.events where stream = $1 order by version`;
    return (await base.database.admin.query<DomainEvent & { data: { refunded?: string } }>(text, [`invoice:${id}`])).rows;
  };

  it("is booked with fee and exchange when it is paid, is in the reports, and is nobody else's", async () => {
    const [one, other] = [await collected(), await collected()];
    pay(one);
    expect(new Set(await deliver(one))).toEqual(new Set(["done"]));
    expect(await entries(one)).toEqual(kinds("capture"));
    const { data } = await listEntries(base.db, secret, one.tenantId, { kind: "capture" });
    expect(data).toMatchObject([{ invoiceId: one.id, paymentId: null, subscriptionId: null, amount: "118.99", currency: "EUR" }]);
    expect(await balances(one.tenantId)).toMatchObject({ "revenue EUR": "-118.99", "fees EUR": "4.54", "fx EUR": "114.45" });
    expect((await balances(one.tenantId))["paypal:balance USD"]).toBe(await atPayPal(one));
    // Other specs' transactions in the same PostgreSQL keep the sums waiting: what stands beside them is not counted yet.
    const report = async () => (await financeReport(base.db, secret, one.tenantId, { step: "all" })).data;
    await until(async () => (await report())[0]?.captures === 1, "the ledger to be summed up", 30_000);
    expect(await report()).toMatchObject([{ currency: "EUR", revenue: "118.99", fees: "4.54", tax: "19.00", captures: 1 }]);
    expect(await balances(other.tenantId)).toEqual({});
    expect((await listEntries(base.db, secret, other.tenantId, { invoiceId: one.id })).data).toEqual([]);
  });

  it.each<[string, (of: Collected, giveAllBack: () => void) => Promise<unknown>]>([
    ["by each event five times at once", async (of, back) => (await deliver(of), back(), await deliver(of, 5))],
    ["by its refund's event before anything of its payment", async (of, back) => (back(), await deliver(of, 2))],
    ["by a look before any event", async (of, back) => (await look(of), await deliver(of), back(), await look(of), await deliver(of, 2))],
    ["by looks and events at once", async (of, back) => (back(), await Promise.all([look(of), deliver(of, 3), look(of)]))],
    ["by the comparison of the books alone", (of, back) => (back(), compare(of))],
    ["by the comparison between its payment and its refund", async (of, back) => (await compare(of), back(), await deliver(of, 2))],
  ])("ends the same when it is heard of %s", async (_how, hear) => {
    const one = await collected();
    const captureId = pay(one);
    await hear(one, () => [giveBack(captureId, "18.99"), giveBack(captureId, "50.00")]);
    expect(await entries(one)).toEqual(kinds("capture", "refund", "refund"));
    const { "paypal:balance USD": booked, "fx EUR": _fx, "fx USD": _out, ...booking } = await balances(one.tenantId);
    expect(booked).toBe(await atPayPal(one));
    expect(booking).toEqual({ "revenue EUR": "-118.99", "refunds EUR": "68.99", "fees EUR": "2.13" });
    expect(await compare(one)).toMatchObject({ status: "completed", found: 0 });
    const breaks = (await listBreaks(base.db, secret, one.tenantId, {})).data;
    expect(breaks.filter(({ state }) => state === "open")).toEqual([]);
    expect(new Set(breaks.map(({ invoiceId }) => invoiceId))).toEqual(new Set(breaks.length ? [one.id] : []));
    await deliver(one);
    expect(await readPaypalInvoice(one.till, one.tenantId, one.id)).toMatchObject({ status: "PARTIALLY_REFUNDED", failureType: null });
    expect((await base.db.tenant(one.tenantId, (em) => findInvoice(em, one.id))).status).toBe("paid");
    const told = await toldOf(one);
    expect(told.map(({ type }) => type).sort()).toEqual(["invoice.issued", "invoice.paid", "invoice.refunded", "invoice.refunded"]);
    expect(told.flatMap(({ data: { refunded } }) => refunded ?? []).sort()).toEqual(["18.99", "50.00"]);
  });

  it("that was given back gets its credit note once, where invoices make themselves", async () => {
    const [one, other] = [await collected(), await collected()];
    await base.database.admin.query("update payment.sellers set invoice_on_capture = true where tenant_id = $1", [one.tenantId]);
    for (const its of [one, other]) {
      giveBack(pay(its), "18.99");
      await deliver(its);
      const consumer = invoiceSubscriptions({ warn: () => undefined }).find(({ type }) => type === "invoice.refunded")!;
      for (const event of (await toldOf(its)).filter(({ type }) => type === "invoice.refunded"))
        for (let time = 0; time < 2; time++) await base.db.tenant(its.tenantId, (em) => consumer.commit!(em, event, undefined));
    }
    const credits = (tenantId: string) =>
      base.db.tenant(tenantId, (em) => em.find(Invoice, { tenantId, kind: "credit_note" }, { orderBy: { createdAt: "asc" } }));
    expect(await credits(one.tenantId)).toMatchObject([{ correctsId: one.id, grossMinor: 1899n, status: "issued" }]);
    expect(await credits(other.tenantId)).toEqual([]);
  });

  it("is looked for again when PayPal could not show it, though the invoice is over", async () => {
    const one = await collected();
    giveBack(pay(one), "118.99");
    for (const operation of ["captures.get", "refunds.get"] as const) base.simulator.inject({ operation, kind: "reset" });
    await look(one);
    const row = await readPaypalInvoice(one.till, one.tenantId, one.id);
    expect(row).toMatchObject({ status: "REFUNDED", failureType: "INVOICE_UNCONFIRMED", nextCheckAt: expect.any(Date) as unknown });
    expect(await entries(one)).toEqual([]);
    await look(one);
    expect(await entries(one)).toEqual(kinds("capture", "refund"));
    expect(await readPaypalInvoice(one.till, one.tenantId, one.id)).toMatchObject({ failureType: null, nextCheckAt: null });
  });

  it("is taken from PayPal's report where PayPal does not show it as captures and refunds, and waits for nothing else", async () => {
    const one = await collected({});
    giveBack(pay(one), "18.99");
    for (const operation of ["captures.get", "refunds.get"] as const)
      base.simulator.inject({ operation, kind: "refuse", status: 404, issue: "RESOURCE_NOT_FOUND", times: 2 });
    expect(await look(one)).toMatchObject({ status: "PARTIALLY_REFUNDED", failureType: null });
    expect(await entries(one)).toEqual([]);
    expect(await compare(one)).toMatchObject({ found: 2, healed: 2 });
    expect(await balances(one.tenantId)).toEqual({
      ...{ "revenue EUR": "-118.99", "refunds EUR": "18.99", "fees EUR": "3.88", "paypal:balance EUR": "96.12" },
    });
    expect(await compare(one)).toMatchObject({ found: 0 });
  });

  it("is booked once its refund that a bank still thinks about has gone through", async () => {
    const one = await collected();
    const captureId = pay(one);
    await look(one);
    base.simulator.decide({ about: "refund", id: captureId, status: "PENDING" });
    const { id } = giveBack(captureId, "10.00") as { id: string };
    await deliver(one);
    expect(await entries(one)).toEqual(kinds("capture"));
    base.simulator.tell(`refunds/${id}/complete`);
    await deliver(one, 2);
    expect(await entries(one)).toEqual(kinds("capture", "refund"));
  });

  it.each([
    ["refund", "reversal"],
    ["reversal", "refund"],
  ] as const)("that went back is booked once, as a %s, though somebody calls it a %s later", async (first, later) => {
    const one = await collected();
    const captureId = pay(one);
    await look(one);
    const { id } = giveBack(captureId, "18.99") as { id: string };
    const shown = await (await one.till.paypal(one.tenantId)).payments.getRefund(id);
    if (shown.outcome !== "ok") throw new Error(JSON.stringify(shown));
    for (const kind of [first, later, first])
      expect(await base.db.tenant(one.tenantId, (em) => bookRefund(em, one, { ...shown.value, captureId }, kind))).toBe(true);
    expect(await entries(one)).toEqual(kinds("capture", first));
    expect((await toldOf(one)).filter(({ type }) => type === "invoice.refunded")).toHaveLength(1);
  });

  it("is held and lost by a dispute about it, once, however often that is told", async () => {
    const one = await collected();
    const captureId = pay(one);
    const { dispute_id: id } = base.simulator.tell(`captures/${captureId}/dispute`, {}) as { dispute_id: string };
    await deliver(one, 2);
    expect(await balances(one.tenantId)).toMatchObject({ "disputes:held EUR": "118.99" });
    const disputes = (of: string) => listDisputes(base.db, secret, of, {});
    expect((await disputes(one.tenantId)).data).toMatchObject([{ paypalDisputeId: id, invoiceId: one.id, paymentId: null, state: "open" }]);
    base.simulator.tell(`disputes/${id}/resolve`, { outcome: "RESOLVED_BUYER_FAVOUR" });
    await deliver(one, 2);
    await compare(one);
    const booked = await balances(one.tenantId);
    expect(booked).not.toHaveProperty("disputes:held EUR");
    expect(await compare(one)).toMatchObject({ found: 0 });
    expect((await disputes(randomUUID())).data).toEqual([]);
  });

  it("of an organisation without a PayPal account of its own is told from others' in the one that all share", async () => {
    const [one, other] = [await issued(), await issued()];
    const [mine, theirs] = [await sendByPayPal(base, one.who, one.id), await sendByPayPal(base, other.who, other.id)];
    for (const { paypalId } of [mine, theirs]) base.simulator.tell(`invoices/${paypalId}/pay`);
    const of = async (resource: object) =>
      await base.db.system((em) =>
        subjectOf(em, { eventId: "WH-1", resourceType: "invoices", resource: resource as Record<string, unknown> }),
      );
    expect(await of({ invoice: { id: mine.paypalId } })).toEqual({ tenantId: one.who.tenantId, key: `invoice:${mine.paypalId}` });
    expect(await of({ invoice: { id: "INV2-NEW", detail: { reference: `invoice:${other.id}` } } })).toMatchObject({
      tenantId: other.who.tenantId,
    });
    expect((await of({ invoice: { id: "INV2-FOREIGN" } })).tenantId).toBeUndefined();
    for (const { id } of [one, other]) await look({ till: base, id });
    for (const { who, id } of [one, other]) {
      const { data } = await listEntries(base.db, secret, who.tenantId, {});
      expect(data.map(({ kind, invoiceId }) => [kind, invoiceId]).sort()).toEqual([
        ["capture", id],
        ["capture_fee", id],
      ]);
    }
  });
});
