import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import type { InvoiceStatus } from "../../../config/states.ts";
import type { Database, Em } from "../../../mixins/database.ts";
import { testDatabase, type TestDatabase } from "../../../test/database.ts";
import type { SellerWish } from "../seller/schema.ts";
import { writeSeller } from "../seller/seller.ts";
import { plantRates } from "../tax/seed.ts";
import { creditInvoice } from "./credit.ts";
import { documentOf } from "./documents.ts";
import { draftInvoice, findInvoice, removeDraft, reviseInvoice, type NewInvoice } from "./drafts.ts";
import { showInvoice } from "./invoices.ts";
import { issueInvoice, payInvoice } from "./issue.ts";
import { invoiceMoves, takes, type InvoiceMove } from "./state.ts";

const complete: SellerWish = {
  ...{ name: "Söhne GmbH", street: "Hauptstraße 1", postcode: "10115", city: "Berlin", country: "DE", vatId: "DE136695976" },
};
const wish: NewInvoice = {
  currency: "EUR",
  items: [{ name: "Annual plan", quantity: 3, unitAmount: "33.33" }],
  customer: { country: "DE" },
  buyer: { name: "Käufer AG" },
};
const actor = "user:test";

describe("invoices", () => {
  let world: TestDatabase;
  let db: Database;
  beforeAll(async () => {
    world = await testDatabase();
    db = await world.open("payment");
    await plantRates(db);
  });
  afterAll(() => world.drop());

  const tenant = async (seller = complete) => {
    const tenantId = randomUUID();
    await db.tenant(tenantId, (em) => writeSeller(em, tenantId, seller));
    return tenantId;
  };
  const within = <T>(of: string, work: (em: Em) => Promise<T>) => db.tenant(of, work);
  const draft = async (of: string, more: Partial<NewInvoice> = {}) =>
    (await within(of, (em) => draftInvoice(em, { tenantId: of, userId: null }, { ...wish, ...more }))).id;
  const issue = (of: string, id: string) => within(of, (em) => issueInvoice(em, id, actor));
  const issued = async (of: string, more?: Partial<NewInvoice>) => (await issue(of, await draft(of, more))).id;
  const credit = (of: string, id: string, amount?: string) =>
    within(of, (em) => creditInvoice(em, id, amount === undefined ? {} : { amount }, actor));
  const eventsOf = async (id: string) =>
    (
      await world.admin.query<{ type: string; data: { number: string } }>(
        "select type, data from payment.events where stream = $1 order by version",
        [`invoice:${id}`],
      )
    ).rows;
  const numbers = async (of: string) =>
    (
      await world.admin.query<{ number: string }>(
        "select number from payment.invoices where tenant_id = $1 and number is not null order by sequence",
        [of],
      )
    ).rows.map(({ number }) => number);

  it("get number, day, seller and event when they are issued, and none of them before", async () => {
    const of = await tenant();
    const id = await draft(of);
    expect(showInvoice(await within(of, (em) => findInvoice(em, id)))).toMatchObject({
      status: "draft",
      number: null,
      seller: null,
      gross: "118.99",
    });
    expect(await eventsOf(id)).toEqual([]);
    const shown = showInvoice(await issue(of, id));
    expect(shown).toMatchObject({
      status: "issued",
      number: "INV-000001",
      net: "99.99",
      tax: "19.00",
      gross: "118.99",
      seller: { name: "Söhne GmbH" },
    });
    expect(shown.issueDate).toBe(shown.issuedAt?.slice(0, 10));
    expect(await eventsOf(id)).toMatchObject([
      { type: "invoice.issued", data: { number: "INV-000001", amount: "118.99", currency: "EUR" } },
    ]);
  });

  it("are numbered without a gap by fifty who issue at once, some of whom fail after they were given a number", async () => {
    const [of, other] = [await tenant(), await tenant()];
    const drafts = await Promise.all(Array.from({ length: 50 }, () => draft(of)));
    const outcomes = await Promise.allSettled(
      drafts.map((id, index) =>
        within(of, async (em) => {
          await issueInvoice(em, id, actor);
          if (index % 3 === 0) throw new Error("the transaction fails at its end");
        }),
      ),
    );
    expect(outcomes.filter(({ status }) => status === "rejected")).toHaveLength(17);
    const expected = (count: number) => Array.from({ length: count }, (_, index) => `INV-${String(index + 1).padStart(6, "0")}`);
    expect(await numbers(of)).toEqual(expected(33));
    await Promise.all(drafts.filter((_, index) => index % 3 === 0).map((id) => issue(of, id)));
    expect(await numbers(of)).toEqual(expected(50));
    expect((await issue(other, await draft(other))).number).toBe("INV-000001");
  });

  it("that are issued twenty times at once are issued once", async () => {
    const of = await tenant();
    const id = await draft(of);
    const outcomes = await Promise.allSettled(Array.from({ length: 20 }, () => issue(of, id)));
    expect(outcomes.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
    expect(await numbers(of)).toEqual(["INV-000001"]);
    expect(await eventsOf(id)).toHaveLength(1);
  });

  it("are not issued before the seller is known, and the refusal names all that is missing and burns no number", async () => {
    const of = await tenant({ country: "DE", city: "Berlin" });
    const id = await draft(of);
    await expect(issue(of, id)).rejects.toMatchObject({
      type: "SELLER_INCOMPLETE",
      data: { missing: ["name", "street", "postcode", "vatId or taxNumber"] },
    });
    await within(of, (em) => writeSeller(em, of, complete));
    expect((await issue(of, id)).number).toBe("INV-000001");
  });

  it("without tax for the recipient's liability need the seller's VAT id", async () => {
    const { vatId: _vatId, ...bare } = complete;
    const of = await tenant({ ...bare, taxNumber: "30/123/45678" });
    const abroad = await draft(of, { customer: { country: "FR", vatId: "FR40303265045" } });
    await expect(issue(of, abroad)).rejects.toMatchObject({ type: "SELLER_INCOMPLETE", data: { missing: ["vatId"] } });
    expect((await issue(of, await draft(of))).number).toBe("INV-000001");
  });

  it("keep the seller of their day, whatever it says of itself later", async () => {
    const of = await tenant();
    const id = await issued(of);
    const before = await documentOf(db, of, id, "pdf");
    await within(of, (em) => writeSeller(em, of, { ...complete, name: "Another Name SE" }));
    expect(showInvoice(await within(of, (em) => findInvoice(em, id))).seller!.name).toBe("Söhne GmbH");
    expect(await documentOf(db, of, id, "pdf")).toEqual(before);
  });

  it("once issued are changed and removed by nobody, not even by who owns the table", async () => {
    const of = await tenant();
    const id = await issued(of);
    const changes = [
      "gross_minor = 1, net_minor = 1, tax_minor = 0",
      "number = 'INV-9'",
      "content = '{}'",
      "status = 'draft'",
      "issue_date = '2020-01-01'",
      "tenant_id = gen_random_uuid()",
    ];
    for (const change of changes) {
      await expect(world.admin.query(`update payment.invoices set ${change} where id = $1`, [id])).rejects.toThrow(
        "an issued invoice is not changed",
      );
      await expect(within(of, (em) => em.execute(`update payment.invoices set ${change} where id = ?`, [id]))).rejects.toThrow(
        "not changed",
      );
    }
    await expect(world.admin.query("delete from payment.invoices where id = $1", [id])).rejects.toThrow("an issued invoice is not changed");
    await documentOf(db, of, id, "xml");
    await expect(world.admin.query("update payment.invoice_documents set bytes = ''")).rejects.toThrow("append-only");
  });

  it("are handed out as the same bytes to everybody, twenty at once", async () => {
    const of = await tenant();
    const id = await issued(of);
    const documents = await Promise.all(Array.from({ length: 20 }, (_, index) => documentOf(db, of, id, index % 2 ? "pdf" : "xml")));
    expect(new Set(documents.map(({ etag }) => etag)).size).toBe(2);
    expect(documents.map(({ mediaType }) => mediaType).slice(0, 2)).toEqual(["application/xml", "application/pdf"]);
    expect(Buffer.from(documents[1]!.base64, "base64").subarray(0, 5).toString()).toBe("%PDF-");
  });

  it("are taken back by credit notes, in parts, never by more than is left, and are void with the last cent", async () => {
    const of = await tenant();
    const id = await issued(of);
    const first = await credit(of, id, "50.00");
    expect(showInvoice(first)).toMatchObject({
      kind: "credit_note",
      status: "issued",
      number: "CN-000001",
      gross: "50.00",
      correctsId: id,
    });
    await expect(credit(of, id, "69.00")).rejects.toMatchObject({
      type: "CREDIT_EXCEEDS_INVOICE",
      data: { left: "68.99", currency: "EUR" },
    });
    await expect(credit(of, id, "0.00")).rejects.toMatchObject({ type: "VALIDATION_FAILED" });
    await expect(credit(of, id, "1.001")).rejects.toMatchObject({ type: "VALIDATION_FAILED" });
    const second = await credit(of, id);
    expect(second.number).toBe("CN-000002");
    expect([first.netMinor + second.netMinor, first.taxMinor + second.taxMinor, first.grossMinor + second.grossMinor]).toEqual([
      9999n,
      1900n,
      11899n,
    ]);
    expect(showInvoice(await within(of, (em) => findInvoice(em, id)))).toMatchObject({ status: "void", credited: "118.99" });
    expect((await eventsOf(id)).map(({ type }) => type)).toEqual(["invoice.issued", "invoice.voided"]);
    await expect(credit(of, id)).rejects.toMatchObject({ type: "INVOICE_STATE_CONFLICT" });
  });

  it("are not taken back twice by ten who do it at once", async () => {
    const of = await tenant();
    const id = await issued(of);
    const outcomes = await Promise.allSettled(Array.from({ length: 10 }, () => credit(of, id, "30.00")));
    expect(outcomes.filter(({ status }) => status === "fulfilled")).toHaveLength(3);
    const { rows } = await world.admin.query<{ number: string }>(
      "select number from payment.invoices where corrects_id = $1 order by sequence",
      [id],
    );
    expect(rows.map(({ number }) => number)).toEqual(["CN-000001", "CN-000002", "CN-000003"]);
  });

  it("belong to a payment of their amount, once, and are paid as soon as it is", async () => {
    const of = await tenant();
    const pay = async (amountMinor: number, captured: boolean) => {
      const id = randomUUID();
      await world.admin.query(
        `insert into payment.payments (id, tenant_id, amount, amount_minor, captured_minor, currency, status, capture_id, executed_at)
         values ($1, $2, $3, $4::bigint, case when $5 = 'captured' then $4::bigint else 0 end, 'EUR', $5, $6, $7)`,
        [id, of, amountMinor / 100, amountMinor, captured ? "captured" : "pending", captured ? id : null, captured ? new Date() : null],
      );
      return id;
    };
    const refused = draft(of, { paymentId: await pay(11900, true) });
    await expect(refused).rejects.toMatchObject({
      data: { faults: [{ pointer: "/paymentId", detail: expect.stringContaining("118.99 EUR") as unknown }] },
    });
    const paymentId = await pay(11899, true);
    await expect(draft(await tenant(), { paymentId })).rejects.toMatchObject({ data: { faults: [{ pointer: "/paymentId" }] } });
    const id = await issued(of, { paymentId });
    expect(showInvoice(await within(of, (em) => findInvoice(em, id)))).toMatchObject({ status: "paid", paymentId });
    expect(Buffer.from((await documentOf(db, of, id, "xml")).base64, "base64").toString()).toContain("<ram:DuePayableAmount>0.00<");
    await expect(draft(of, { paymentId })).rejects.toMatchObject({
      data: { faults: [{ pointer: "/paymentId", detail: expect.stringContaining(id) as unknown }] },
    });
    const waiting = await issued(of, { paymentId: await pay(11899, false) });
    expect((await within(of, (em) => payInvoice(em, waiting, actor))).status).toBe("paid");
  });

  it("of another organisation are not found, whatever is to be done to them", async () => {
    const [of, other] = [await tenant(), await tenant()];
    const [id, open] = [await issued(of), await draft(of)];
    const tries = [
      () => issue(other, open),
      () => credit(other, id),
      () => documentOf(db, other, id, "pdf"),
      () => within(other, (em) => payInvoice(em, id, actor)),
      () => within(other, (em) => reviseInvoice(em, other, open, wish)),
      () => within(other, (em) => removeDraft(em, open)),
    ];
    for (const trial of tries) await expect(trial()).rejects.toMatchObject({ type: "INVOICE_NOT_FOUND", code: 404 });
  });

  const doing: Record<Exclude<InvoiceMove, "send" | "handOver">, (of: string, id: string) => Promise<unknown>> = {
    revise: (of, id) => within(of, (em) => reviseInvoice(em, of, id, wish)),
    remove: (of, id) => within(of, (em) => removeDraft(em, id)),
    issue,
    pay: (of, id) => within(of, (em) => payInvoice(em, id, actor)),
    credit: (of, id) => credit(of, id),
    download: (of, id) => documentOf(db, of, id, "xml"),
  };
  const reaching: Record<InvoiceStatus | "credit_note", (of: string) => Promise<string>> = {
    draft: (of) => draft(of),
    issued: (of) => issued(of),
    paid: async (of) => {
      const id = await issued(of);
      await within(of, (em) => payInvoice(em, id, actor));
      return id;
    },
    void: async (of) => {
      const id = await issued(of);
      await credit(of, id);
      return id;
    },
    credit_note: async (of) => (await credit(of, await issued(of))).id,
  };
  it.each(Object.keys(reaching) as (keyof typeof reaching)[])(
    "that are %s take the moves of their state, and refuse the others unchanged",
    async (state) => {
      const of = await tenant();
      const now = async (id: string) => (await world.admin.query<object>("select * from payment.invoices where id = $1", [id])).rows;
      const kind = state === "credit_note" ? "credit_note" : "invoice";
      for (const move of invoiceMoves.filter((name) => name !== "send" && name !== "handOver")) {
        const id = await reaching[state](of);
        const before = await now(id);
        if (takes({ kind, status: state === "credit_note" ? "issued" : state }, move)) await doing[move](of, id);
        else {
          await expect(doing[move](of, id)).rejects.toMatchObject({ type: "INVOICE_STATE_CONFLICT", code: 409, data: { id } });
          expect(await now(id)).toEqual(before);
        }
      }
    },
  );
});
