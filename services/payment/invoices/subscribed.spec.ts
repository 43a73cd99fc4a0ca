import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import type { DomainEvent } from "../../../config/events.ts";
import type { Principal } from "../../../config/permissions.ts";
import { Invoice } from "../../../entities/Invoice.ts";
import { testTill, type TestTill } from "../../../test/till.ts";
import { createPlan } from "../plans/create.ts";
import type { SellerWish } from "../seller/schema.ts";
import { writeSeller } from "../seller/seller.ts";
import { setBilling, type Billing } from "../subscriptions/billing.ts";
import { createSubscription } from "../subscriptions/create.ts";
import { refresh } from "../subscriptions/look.ts";
import { refundSale } from "../subscriptions/refund.ts";
import { plantRates } from "../tax/seed.ts";
import { invoiceSubscriptions } from "./consume.ts";
import { reviseInvoice } from "./drafts.ts";
import { listInvoices, showInvoice } from "./invoices.ts";
import { issueInvoice } from "./issue.ts";

const day = 86_400_000;
const seller: SellerWish = {
  ...{ name: "Söhne GmbH", street: "Hauptstraße 1", postcode: "10115", city: "Berlin", country: "DE", vatId: "DE136695976" },
  invoiceOnCapture: true,
};
const billing: Billing = { buyer: { name: "Käufer AG", email: "buyer@example.com" }, customer: { country: "DE" } };

describe("payments of subscriptions that say who their invoices are for", () => {
  let till: TestTill;
  beforeAll(async () => {
    till = await testTill({}, { timeoutMs: 10_000 });
    await plantRates(till.db);
  });
  afterAll(() => till?.stop());

  const organisation = async (of: SellerWish = seller): Promise<Principal> => {
    const tenantId = randomUUID();
    await till.db.tenant(tenantId, (em) => writeSeller(em, tenantId, of));
    return { tenantId, subject: "user:test", userId: randomUUID(), permissions: ["payment:write", "payment:refund"] };
  };
  /** A monthly subscription, its first payment made. */
  async function subscribed(who: Principal, of: { billing?: Billing; price?: string; currency?: string } = { billing }) {
    const { price = "11.90", currency = "EUR" } = of;
    const plan = await createPlan(till, who, { name: "Pro", currency, cycles: [{ tenure: "regular", unit: "month", price }] });
    const { id, paypalSubscriptionId } = await createSubscription(till, who, {
      ...{ planId: plan.id, customer: "4711" },
      ...(of.billing && { billing: of.billing }),
    });
    till.simulator.approve(paypalSubscriptionId!);
    await refresh(till, id, { payments: true });
    return id;
  }
  /** Lets a month pass and its payment be heard of. */
  async function renew(id: string): Promise<void> {
    till.simulator.advance(32 * day);
    await refresh(till, id, { payments: true });
  }
  const warnings: string[] = [];
  const consumers = invoiceSubscriptions({ warn: (line) => void warnings.push(line) });
  /** Hands over what was told of the organisation, each event so many times, in any order of arrival. */
  async function deliver({ tenantId }: Principal, { times = 1, backwards = false } = {}): Promise<void> {
    const { rows } = await till.database.admin.query<DomainEvent>(
      `select id, tenant_id as "tenantId", type, data from payment.events where tenant_id = $1 order by position`,
      [tenantId],
    );
    for (const event of backwards ? rows.reverse() : rows)
      for (const consumer of consumers.filter(({ type }) => type === event.type))
        await Promise.all(Array.from({ length: times }, () => till.db.tenant(tenantId, (em) => consumer.commit!(em, event, undefined))));
  }
  const invoices = async ({ tenantId }: Principal) =>
    (await till.db.tenant(tenantId, (em) => em.find(Invoice, { tenantId }, { orderBy: { createdAt: "asc" } }))).map(showInvoice);
  const saleOf = async (id: string) => {
    const text = "select sale_id as sale from payment.subscription_payments where subscription_id = $1 order by paid_at limit 1";
    return (await till.database.admin.query<{ sale: string }>(text, [id])).rows[0]!.sale;
  };

  it("get one invoice each, paid, of what was paid and the tax in it, however often they are told; others see none of it", async () => {
    const [who, other] = [await organisation(), await organisation()];
    const id = await subscribed(who);
    await subscribed(other, {});
    await deliver(who, { times: 3 });
    await renew(id);
    await deliver(who, { times: 3 });
    await deliver(other);
    const made = await invoices(who);
    expect(made.map(({ number, status, net, tax, gross }) => [number, status, net, tax, gross])).toEqual([
      ["INV-000001", "paid", "10.00", "1.90", "11.90"],
      ["INV-000002", "paid", "10.00", "1.90", "11.90"],
    ]);
    const [first] = made;
    expect(first).toMatchObject({
      ...{ subscriptionId: id, saleId: await saleOf(id), paymentId: null, buyer: { name: "Käufer AG", country: "DE" } },
      note: expect.stringMatching(/^Paid on \d{4}-\d\d-\d\d by PayPal, transaction [A-Z0-9]+\.$/) as unknown,
    });
    expect(first!.breakdown.lines).toMatchObject([{ name: "Pro", percent: "19" }]);
    const list = (subscriptionId: string) =>
      listInvoices(till.db, "a secret of this spec", who.tenantId, { subscriptionId }, { sql: "true", values: [] });
    expect((await list(id)).data.map(({ number }) => number)).toEqual(["INV-000002", "INV-000001"]);
    expect((await list(randomUUID())).data).toEqual([]);
    expect(await invoices(other)).toEqual([]);
  });

  it("get a credit note for each part that goes back, once, also when that is heard of before the payment", async () => {
    const who = await organisation();
    const id = await subscribed(who);
    const saleId = await saleOf(id);
    for (const amount of ["5.95", "5.95"]) await refundSale(till, id, { saleId, amount });
    await deliver(who, { times: 2, backwards: true });
    await deliver(who);
    const made = await invoices(who);
    expect(made.map(({ kind, status, gross, tax, credited }) => [kind, status, gross, tax, credited])).toEqual([
      ["invoice", "void", "11.90", "1.90", "11.90"],
      ["credit_note", "issued", "5.95", "0.95", "0.00"],
      ["credit_note", "issued", "5.95", "0.95", "0.00"],
    ]);
    expect(new Set(made.map(({ subscriptionId }) => subscriptionId))).toEqual(new Set([id]));
    expect(new Set(made.map(({ refundId }) => refundId)).size).toBe(3);
  });

  it("are taxed by who buys, in currencies without cents as well: businesses abroad owe the tax themselves", async () => {
    const who = await organisation();
    const business: Billing = { ...billing, customer: { country: "FR", vatId: "FR40303265045" } };
    await subscribed(who, { billing: business });
    await subscribed(who, { billing, price: "1190", currency: "JPY" });
    await deliver(who);
    expect((await invoices(who)).map(({ net, tax, gross, currency }) => [net, tax, gross, currency])).toEqual([
      ["11.90", "0.00", "11.90", "EUR"],
      ["1000", "190", "1190", "JPY"],
    ]);
  });

  it("get none while nobody says who they are for or the seller does not wish it, and get them from the payment on after which it is said", async () => {
    const who = await organisation();
    const id = await subscribed(who, {});
    await deliver(who);
    expect(await invoices(who)).toEqual([]);
    const { subscription } = await refresh(till, id);
    expect((await setBilling(till, subscription, billing)).billing).toEqual(billing);
    await renew(id);
    const { rows } = await till.database.admin.query<DomainEvent>(
      `select id, tenant_id as "tenantId", type, data from payment.events where tenant_id = $1 and type = 'subscription.renewed' order by position desc limit 1`,
      [who.tenantId],
    );
    const renewed = consumers.find(({ type }) => type === "subscription.renewed")!;
    await till.db.tenant(who.tenantId, (em) => renewed.commit!(em, rows[0]!, undefined));
    expect((await invoices(who)).map(({ status }) => status)).toEqual(["paid"]);
    const unwilling = await organisation({ ...seller, invoiceOnCapture: false });
    await subscribed(unwilling);
    await deliver(unwilling);
    expect(await invoices(unwilling)).toEqual([]);
  });

  it("stay drafts while the seller lacks something, are of what was paid whatever is revised, and are paid as soon as they are issued", async () => {
    const { name: _name, ...nameless } = seller;
    const who = await organisation(nameless);
    const { tenantId } = who;
    await subscribed(who);
    await deliver(who, { times: 2 });
    const [draft, ...more] = await invoices(who);
    expect(more).toEqual([]);
    expect(draft).toMatchObject({ status: "draft", gross: "11.90" });
    expect(warnings.at(-1)).toContain("stays a draft");
    const revise = (unitAmount: string) =>
      till.db.tenant(tenantId, (em) =>
        reviseInvoice(em, tenantId, draft!.id, {
          ...{ currency: "EUR", prices: "inclusive", items: [{ name: "Pro, April", quantity: 1, unitAmount }] },
          ...billing,
        }),
      );
    await expect(revise("11.91")).rejects.toMatchObject({
      data: { faults: [{ pointer: "/items", detail: "must be of the subscription's payment, 11.90 EUR" }] },
    });
    await revise("11.90");
    await till.db.tenant(tenantId, (em) => writeSeller(em, tenantId, seller));
    const issued = await till.db.tenant(tenantId, (em) => issueInvoice(em, draft!.id, "user:test"));
    expect(showInvoice(issued)).toMatchObject({ status: "paid", number: "INV-000001", gross: "11.90" });
  });

  it.each<[string, SellerWish, string]>([
    ["wants evidence that nobody has", { ...seller, requireEvidence: true }, "/customer must have two pieces of evidence"],
    ["no longer says where it is", { invoiceOnCapture: true }, "in which country the organisation sells"],
  ])("get none while the seller %s, the log says so, no event fails, and what comes later makes them", async (_what, lacking, why) => {
    const [who, other] = [await organisation(), await organisation()];
    const id = await subscribed(who);
    await subscribed(other);
    await refundSale(till, id, { saleId: await saleOf(id), amount: "5.95" });
    await till.db.tenant(who.tenantId, (em) => writeSeller(em, who.tenantId, lacking));
    const before = warnings.length;
    await deliver(who);
    expect(await invoices(who)).toEqual([]);
    const said = warnings.slice(before);
    expect(said).toHaveLength(2);
    for (const line of said) expect(line).toContain(why);
    await deliver(other);
    expect((await invoices(other)).map(({ status }) => status)).toEqual(["paid"]);
    await till.db.tenant(who.tenantId, (em) => writeSeller(em, who.tenantId, seller));
    await deliver(who);
    expect((await invoices(who)).map(({ kind, gross }) => [kind, gross])).toEqual([
      ["invoice", "11.90"],
      ["credit_note", "5.95"],
    ]);
  });

  it("name what of it can't be taxed before anybody subscribes, and nothing is left of it", async () => {
    const who = await organisation();
    const plan = await createPlan(till, who, { name: "Pro", currency: "EUR", cycles: [{ tenure: "regular", unit: "month", price: "1" }] });
    const wish = (of: Billing) => createSubscription(till, who, { planId: plan.id, customer: "4711", billing: of });
    await expect(wish({ ...billing, customer: { country: "QQ" } })).rejects.toMatchObject({
      data: { faults: [{ pointer: "/billing/customer/country" }] },
    });
    await expect(wish({ ...billing, taxCategory: "lavish" })).rejects.toMatchObject({
      data: { faults: [{ pointer: "/billing/taxCategory" }] },
    });
    const nobody = await organisation({});
    const theirs = await createPlan(till, nobody, {
      name: "Pro",
      currency: "EUR",
      cycles: [{ tenure: "regular", unit: "month", price: "1" }],
    });
    await expect(createSubscription(till, nobody, { planId: theirs.id, customer: "4711", billing })).rejects.toMatchObject({
      type: "SELLER_INCOMPLETE",
    });
    const { rows } = await till.database.admin.query("select 1 from payment.subscriptions where tenant_id = any($1)", [
      [who.tenantId, nobody.tenantId],
    ]);
    expect(rows).toEqual([]);
    const id = await subscribed(who);
    const { subscription } = await refresh(till, id);
    await expect(setBilling(till, subscription, { ...billing, taxCategory: "lavish" })).rejects.toMatchObject({
      data: { faults: [{ pointer: "/taxCategory" }] },
    });
  });
});
