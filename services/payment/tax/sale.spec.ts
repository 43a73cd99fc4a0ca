import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import type { Principal } from "../../../config/permissions.ts";
import { Invoice } from "../../../entities/Invoice.ts";
import { testTill, type TestTill } from "../../../test/till.ts";
import { baskets } from "../../../test/baskets.ts";
import { until } from "../../../test/edge.ts";
import { captureReserved } from "../authorizations/capture.ts";
import { voidReserved } from "../authorizations/end.ts";
import { invoiceCaptured, invoiceRefunded } from "../invoices/automatic.ts";
import { draftInvoice } from "../invoices/drafts.ts";
import { showInvoice } from "../invoices/invoices.ts";
import { issueInvoice } from "../invoices/issue.ts";
import { nextNumber } from "../invoices/numbers.ts";
import { formatAmount } from "../money.ts";
import { createPayment, type NewPayment } from "../orders.ts";
import { readPayment } from "../payments.ts";
import { createRefund } from "../refunds/create.ts";
import type { SellerWish } from "../seller/schema.ts";
import { writeSeller } from "../seller/seller.ts";
import { settle } from "../settle.ts";
import { quote } from "./quote.ts";
import { addRate } from "./rates.ts";
import { saleOf } from "./sale.ts";
import { plantRates } from "./seed.ts";

const seller: SellerWish = {
  ...{ name: "Söhne GmbH", street: "Hauptstraße 1", postcode: "10115", city: "Berlin", country: "DE", vatId: "DE136695976" },
  invoiceOnCapture: true,
};
const wish: NewPayment = {
  amount: "118.99",
  currency: "EUR",
  items: [{ name: "Annual plan", sku: "PLAN-1", quantity: 3, unitAmount: "33.33" }],
  customer: { country: "DE", ipCountry: "DE" },
  buyer: { name: "Käufer AG", email: "buyer@example.com" },
};
const log = { warn: () => undefined };

describe("payments that say what they are for", () => {
  let till: TestTill;
  beforeAll(async () => {
    till = await testTill();
    await plantRates(till.db);
  });
  afterAll(() => till?.stop());

  const principal = async (of: SellerWish = seller): Promise<Principal> => {
    const tenantId = randomUUID();
    await till.db.tenant(tenantId, (em) => writeSeller(em, tenantId, of));
    return { tenantId, subject: "user:test", userId: randomUUID(), permissions: ["payment:write", "payment:refund"] };
  };
  const pays = async (who: Principal, of: Partial<NewPayment> = {}) => createPayment(till, who, { ...wish, ...of });
  /** The order as PayPal shows it. */
  const orderAt = async (who: Principal, orderId: string) => {
    const { connection } = await till.paypal(who.tenantId);
    const answer = await connection.send(
      { method: "GET", path: `/v2/checkout/orders/${orderId}` },
      (body) => body as { purchase_units: object[] },
    );
    if (answer.outcome !== "ok") throw new Error("there is no such order");
    return answer.value.purchase_units[0];
  };
  const paid = async (who: Principal, of: Partial<NewPayment> = {}) => {
    const { id, paypalPaymentId } = await pays(who, of);
    till.simulator.approve(paypalPaymentId!);
    expect((await settle(till, id)).status).toBe("captured");
    return id;
  };
  const invoices = async ({ tenantId }: Principal) =>
    (await till.db.tenant(tenantId, (em) => em.find(Invoice, { tenantId }, { orderBy: { createdAt: "asc" } }))).map(showInvoice);
  const facts = (paymentId: string) => ({ paymentId, status: "captured" as const, amount: "118.99", currency: "EUR" });
  const captured = ({ tenantId }: Principal, paymentId: string) =>
    till.db.tenant(tenantId, (em) => invoiceCaptured(em, { ...facts(paymentId), captureId: "X", captured: "118.99" }, log));
  const refunded = ({ tenantId }: Principal, paymentId: string, refundId: string, amount: string) =>
    till.db.tenant(tenantId, (em) => invoiceRefunded(em, { ...facts(paymentId), refundId, refunded: amount }, log));

  it("tell PayPal what the amount is made up of, and keep it with the evidence of the place", async () => {
    const who = await principal();
    const payment = await pays(who);
    const eur = (value: string) => ({ currency_code: "EUR", value });
    expect(await orderAt(who, payment.paypalPaymentId!)).toMatchObject({
      amount: {
        ...eur("118.99"),
        breakdown: { item_total: eur("99.99"), tax_total: eur("19.00"), shipping: eur("0.00"), discount: eur("0.00") },
      },
      items: [{ name: "Annual plan", sku: "PLAN-1", quantity: "3", unit_amount: eur("33.33") }],
    });
    const kept = await readPayment(till.db, who.tenantId, payment.id);
    expect(kept.taxMinor).toBe(1900n);
    expect(saleOf(kept)).toMatchObject({
      breakdown: { grossMinor: 11899n, place: { sufficient: true, country: "DE" } },
      buyer: { name: "Käufer AG" },
    });
  });

  it("are taken by PayPal whatever is sold, in currencies with and without cents, prices with and without tax", async () => {
    const who = await principal();
    const rates = new Map(["0", "5", "7", "8.1", "9.975", "19", "25.5", "100"].map((percent, index) => [percent, `rate-${index}`]));
    for (const [percent, category] of rates)
      await till.db.tenant(who.tenantId, (em) =>
        addRate(em, who.tenantId, who.subject, { country: "DE", category, percent, validFrom: "2020-01-01" }),
      );
    const categories = [...rates.values()];
    for (const [index, made] of fc.sample(baskets, { numRuns: 24, seed: 7 }).entries()) {
      const { currency, prices, rounding, items, shipping } = made;
      const priced = (minor: bigint) => formatAmount(minor % 100_000n, currency);
      const basket = {
        ...{ currency, prices, rounding, customer: { country: "DE" } },
        items: items.map(({ unit, quantity }, at) => ({
          name: `Item ${at}`,
          quantity: Number(quantity % 20n) + 1,
          unitAmount: priced(unit + 1n),
          taxCategory: categories[(index + at) % categories.length]!,
        })),
        ...(shipping && { shipping: { amount: priced(shipping.unit), taxCategory: categories[index % categories.length]! } }),
        ...(index % 3 === 0 && { discount: formatAmount(1n, currency) }),
      };
      const { grossMinor } = await till.db.tenant(who.tenantId, (em) => quote(em, who.tenantId, basket));
      const payment = await createPayment(till, who, { ...basket, amount: formatAmount(grossMinor, currency) });
      expect({ basket, status: payment.status }).toMatchObject({ status: "pending" });
    }
  });

  it("are refused when the amount is not what the items come to, naming both, or when the parts make no whole; nothing is left of them", async () => {
    const who = await principal();
    const faults = async (of: Partial<NewPayment>) =>
      await pays(who, of).then(
        () => [],
        ({ data }: { data: { faults: { pointer: string; detail: string }[] } }) => data.faults,
      );
    expect(await faults({ amount: "119.00" })).toEqual([
      { pointer: "/amount", detail: "must be what the items come to, 118.99 EUR with 19.00 tax; 119.00 came" },
    ]);
    const { items: _items, ...without } = wish;
    await expect(createPayment(till, who, { ...without, discount: "1.00" })).rejects.toMatchObject({
      data: { faults: [{ pointer: "/discount" }, { pointer: "/customer" }, { pointer: "/buyer" }] },
    });
    const { customer: _customer, ...unplaced } = wish;
    await expect(createPayment(till, who, unplaced)).rejects.toMatchObject({ data: { faults: [{ pointer: "/customer" }] } });
    const { rows } = await till.database.admin.query("select 1 from payment.payments where tenant_id = $1", [who.tenantId]);
    expect(rows).toEqual([]);
  });

  it("give the same payment to a repeat under the same key, though the rates have changed since", async () => {
    const who = await principal();
    const first = await createPayment(till, who, wish, "once");
    await till.db.tenant(who.tenantId, (em) =>
      addRate(em, who.tenantId, who.subject, { country: "DE", category: "standard", percent: "20", validFrom: "2026-01-01" }),
    );
    expect((await createPayment(till, who, wish, "once")).id).toBe(first.id);
    await expect(createPayment(till, who, wish)).rejects.toMatchObject({ data: { faults: [{ pointer: "/amount" }] } });
  });

  it("that were captured in part alone get their invoice of the items that make up that part, paid at once, with its credit notes", async () => {
    const who = await principal();
    const { id, paypalPaymentId } = await pays(who, { intent: "authorize" });
    till.simulator.approve(paypalPaymentId!);
    await settle(till, id);
    const draft = (quantity: number) =>
      till.db.tenant(who.tenantId, async (em) => {
        const items = [{ name: "Annual plan", quantity, unitAmount: "33.33" }];
        const made = await draftInvoice(em, who, {
          currency: "EUR",
          items,
          customer: { country: "DE" },
          buyer: wish.buyer!,
          paymentId: id,
        });
        await em.flush();
        return made.id;
      });
    // Two thirds: as long as the rest can be captured, an invoice of a part is none of the payment's.
    await captureReserved(till, who, { id, amount: "79.33" });
    await expect(draft(2)).rejects.toMatchObject({ data: { faults: [{ pointer: "/paymentId" }] } });
    await voidReserved(till, who, id);
    expect((await readPayment(till.db, who.tenantId, id)).status).toBe("captured");
    await captured(who, id);
    expect(await invoices(who)).toEqual([]);
    await expect(draft(1)).rejects.toMatchObject({
      data: { faults: [{ detail: expect.stringContaining("118.99 EUR, of which came 79.33 EUR") as unknown }] },
    });
    const invoiceId = await draft(2);
    await till.db.tenant(who.tenantId, (em) => issueInvoice(em, invoiceId, "user:test"));
    const refundId = (await createRefund(till, who, { id, amount: "10.00" })).id;
    await refunded(who, id, refundId, "10.00");
    await refunded(who, id, refundId, "10.00");
    expect((await invoices(who)).map(({ kind, status, gross, credited }) => [kind, status, gross, credited])).toEqual([
      ["invoice", "paid", "79.33", "10.00"],
      ["credit_note", "issued", "10.00", "0.00"],
    ]);
  });

  it("get one paid invoice that agrees with PayPal's order to the cent, however often their capture is told", async () => {
    const who = await principal();
    const id = await paid(who);
    await Promise.all(Array.from({ length: 8 }, () => captured(who, id)));
    const [invoice, ...more] = await invoices(who);
    expect(more).toEqual([]);
    expect(invoice).toMatchObject({
      status: "paid",
      number: "INV-000001",
      paymentId: id,
      net: "99.99",
      tax: "19.00",
      gross: "118.99",
      buyer: { name: "Käufer AG" },
    });
  });

  it("have their invoice paid though they are captured while it is issued", async () => {
    const who = await principal();
    const { tenantId } = who;
    const { id, paypalPaymentId } = await pays(who);
    till.simulator.approve(paypalPaymentId!);
    const draft = await till.db.tenant(tenantId, (em) => draftInvoice(em, { tenantId, userId: null }, { paymentId: id }));
    const [taken, mayGo] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const numbering = till.db.tenant(tenantId, async (em) => {
      await nextNumber(em, tenantId, "INV");
      taken.resolve();
      await mayGo.promise;
    });
    await taken.promise;
    const waiting = async () =>
      (
        await till.database.admin.query(
          "select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock' and query like '%payment%'",
        )
      ).rows.length;
    const issuing = till.db.tenant(tenantId, (em) => issueInvoice(em, draft.id, who.subject));
    await until(async () => (await waiting()) === 1, "who issues waits for a number", 30_000);
    let isCaptured = false;
    const capturing = settle(till, id)
      .then(() => captured(who, id))
      .finally(() => (isCaptured = true));
    await until(async () => isCaptured || (await waiting()) === 2, "the capture is there, or waits", 30_000);
    mayGo.resolve();
    await Promise.all([numbering, issuing, capturing]);
    expect(await invoices(who)).toMatchObject([{ status: "paid", paymentId: id }]);
  });

  it("get none where the settings do not ask for it, and a draft where the seller is not known well enough", async () => {
    const silent = await principal({ ...seller, invoiceOnCapture: false });
    await captured(silent, await paid(silent));
    expect(await invoices(silent)).toEqual([]);
    const unknown = await principal({ country: "DE", invoiceOnCapture: true });
    await captured(unknown, await paid(unknown));
    expect(await invoices(unknown)).toMatchObject([{ status: "draft", number: null }]);
  });

  it("get a credit note for each refund, once, also when the refund is told before the capture; void with the last", async () => {
    const who = await principal();
    const id = await paid(who);
    const give = async (amount?: string) => (await createRefund(till, who, { id, ...(amount && { amount }) })).id;
    const first = await give("50.00");
    await Promise.all([refunded(who, id, first, "50.00"), captured(who, id), refunded(who, id, first, "50.00")]);
    expect(await invoices(who)).toMatchObject([
      { kind: "invoice", status: "paid", credited: "50.00" },
      { kind: "credit_note", number: "CN-000001", gross: "50.00", refundId: first },
    ]);
    const rest = await give();
    await refunded(who, id, rest, "68.99");
    await captured(who, id);
    expect((await invoices(who)).map(({ kind, status, gross }) => [kind, status, gross])).toEqual([
      ["invoice", "void", "118.99"],
      ["credit_note", "issued", "50.00"],
      ["credit_note", "issued", "68.99"],
    ]);
  });
});
