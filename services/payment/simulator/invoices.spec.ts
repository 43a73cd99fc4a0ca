import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { openListener, openShop } from "./shop.ts";
import { startPayPalSimulator, type Simulator } from "./server.ts";

const day = 86_400_000;

interface Invoice {
  id: string;
  status: string;
  detail: { invoice_number: string; metadata: { recipient_view_url: string } };
  amount: { value: string; breakdown: { tax_total: { value: string } } };
  due_amount: { value: string };
  payments?: { paid_amount: { value: string }; transactions: { payment_id: string; type: string }[] };
}

describe("invoices at the PayPal simulator", () => {
  let simulator: Simulator;
  let shop: ReturnType<typeof openShop>;
  let listener: Awaited<ReturnType<typeof openListener>>;
  beforeAll(async () => {
    [simulator, listener] = [await startPayPalSimulator(), await openListener()];
    shop = openShop(simulator);
    await shop.ask("POST /v1/notifications/webhooks", { url: listener.url, event_types: [{ name: "*" }] });
  });
  afterAll(async () => {
    await simulator.close();
    await listener.close();
  });
  const path = "/v2/invoicing/invoices";
  const eur = (value: string) => ({ currency_code: "EUR", value });
  const item = (of: object = {}) => ({
    name: "Hours",
    quantity: "1",
    unit_amount: eur("100.00"),
    tax: { name: "VAT", percent: "19" },
    ...of,
  });
  const wish = (of: object = {}) => ({
    detail: { currency_code: "EUR" },
    primary_recipients: [{ billing_info: { email_address: "payer@example.com" } }],
    items: [item()],
    ...of,
  });
  const create = async (of?: object) => (await shop.ask<Invoice>(`POST ${path}`, wish(of))).body;
  const get = async (id: string) => (await shop.ask<Invoice>(`GET ${path}/${id}`)).body;
  const act = async (id: string, action: string, body: object = {}) => {
    const answer = await shop.ask(`POST ${path}/${id}/${action}`, body);
    return answer.status < 300 ? "" : answer.body.details[0]!.issue;
  };
  const sent = async (of?: object) => {
    const { id } = await create(of);
    expect(await act(id, "send")).toBe("");
    return id;
  };

  it.each([
    ["taxes on top", [item()], {}, "119.00", "19.00"],
    ["taxes inside", [item()], { configuration: { tax_inclusive: true } }, "100.00", "15.97"],
    ["parts of an hour", [item({ quantity: "0.33333", unit_amount: eur("99.99") })], {}, "39.66", "6.33"],
    ["a discount of a line before taxes", [item({ discount: { percent: "10" } })], {}, "107.10", "17.10"],
    [
      "a discount of all, shipping",
      [item()],
      { amount: { breakdown: { discount: { invoice_discount: { amount: eur("10.00") } }, shipping: { amount: eur("5.00") } } } },
      "112.10",
      "17.10",
    ],
  ])("add up: %s", async (_what, items, of, value, tax) => {
    expect((await create({ items, ...of })).amount).toMatchObject({ value, breakdown: { tax_total: { value: tax } } });
  });

  it("are numbered one after the other, each number once", async () => {
    const other = openShop(simulator);
    const next = async () =>
      (await other.ask<{ invoice_number: string }>("POST /v2/invoicing/generate-next-invoice-number")).body.invoice_number;
    expect(await next()).toBe("0001");
    const numbered = (invoice_number: string) => other.ask(`POST ${path}`, wish({ detail: { currency_code: "EUR", invoice_number } }));
    expect((await numbered("R-099")).status).toBe(201);
    expect(await next()).toBe("R-100");
    expect((await numbered("R-099")).body.details[0]!.issue).toBe("DUPLICATE_INVOICE_NUMBER");
  });

  it("are paid by the payer on their page, which webhooks hear of", async () => {
    const id = await sent();
    const { detail } = await get(id);
    expect(await (await fetch(detail.metadata.recipient_view_url)).text()).toContain("119.00 EUR due");
    await fetch(detail.metadata.recipient_view_url, { method: "POST", body: new URLSearchParams({ action: "pay" }) });
    const paid = await get(id);
    expect(paid).toMatchObject({ status: "PAID", due_amount: { value: "0.00" }, payments: { transactions: [{ type: "PAYPAL" }] } });
    await shop.payments.refundCapturedPayment({ captureId: paid.payments!.transactions[0]!.payment_id });
    expect((await get(id)).status).toBe("REFUNDED");
    while (!listener.types().includes("INVOICING.INVOICE.REFUNDED")) await listener.until(listener.arrived.length + 1);
    const told = listener.arrived.find(({ event_type }) => event_type === "INVOICING.INVOICE.PAID");
    expect(told?.resource).toMatchObject({ invoice: { id, status: "PAID" } });
  });

  it("wait while a payment is pending", async () => {
    const id = await sent();
    simulator.decide({ about: "capture", status: "PENDING", reason: "ECHECK", merchant: shop.clientId });
    expect(simulator.tell(`invoices/${id}/pay`)).toMatchObject({ status: "PAYMENT_PENDING" });
    expect(await act(id, "remind")).toBe("CANNOT_REMIND_INVOICE");
    expect(() => simulator.tell(`invoices/${id}/pay`)).toThrow("not to be paid");
  });

  it("take records of payments and refunds made elsewhere, and no more than is due or was paid", async () => {
    const id = await sent();
    const pay = (value: string, of: object = {}) => act(id, "payments", { method: "BANK_TRANSFER", amount: eur(value), ...of });
    expect(await pay("119.01")).toBe("PAYMENT_AMOUNT_GREATER_THAN_AMOUNT_DUE");
    expect(await pay("0.00")).toBe("VALUE_CANNOT_BE_ZERO");
    expect(await pay("1.00", { method: "COWS" })).toBe("INVALID_PAYMENT_METHOD");
    expect(await act(id, "refunds", { method: "CASH" })).toBe("CANNOT_PROCESS_REFUNDS");
    expect(await pay("19.00")).toBe("");
    expect(await get(id)).toMatchObject({ status: "PARTIALLY_PAID", due_amount: { value: "100.00" } });
    expect(await act(id, "payments", { method: "CASH" })).toBe("");
    expect((await get(id)).status).toBe("MARKED_AS_PAID");
    expect(await pay("1.00")).toBe("CANNOT_PROCESS_PAYMENTS");
    expect(await act(id, "refunds", { method: "CASH", amount: eur("119.01") })).toBe("INVALID_REFUND_AMOUNT");
    expect(await act(id, "refunds", { method: "CASH", amount: eur("9.00") })).toBe("");
    expect((await get(id)).status).toBe("PARTIALLY_REFUNDED");
    const { payments } = await get(id);
    expect((await shop.ask(`DELETE ${path}/${id}/payments/${payments!.transactions[0]!.payment_id}`)).body.details[0]!.issue).toBe(
      "CANNOT_DELETE_EXTERNAL_PAYMENT",
    );
    await act(id, "refunds", { method: "CASH" });
    expect((await get(id)).status).toBe("MARKED_AS_REFUNDED");
  });

  it("are cancelled, reminded of and deleted only where PayPal does it", async () => {
    const [draft, open, paid] = [(await create()).id, await sent(), await sent()];
    simulator.tell(`invoices/${paid}/pay`);
    const remove = async (id: string) => (await shop.ask(`DELETE ${path}/${id}`)).status;
    expect([await act(draft, "cancel"), await act(paid, "cancel"), await act(open, "cancel"), await act(open, "cancel")]).toEqual([
      ...["CANNOT_CANCEL_DRAFT_INVOICE", "CANNOT_CANCEL_PAID_INVOICE", "", "INVOICE_CANCELED_ALREADY"],
    ]);
    expect([await act(draft, "remind"), await act(await sent(), "remind")]).toEqual(["CANNOT_REMIND_INVOICE", ""]);
    expect([await remove(draft), await remove(open), await remove(paid), await remove(draft)]).toEqual([204, 204, 422, 404]);
    expect((await shop.ask(`PUT ${path}/${paid}`, wish())).body.details[0]!.issue).toBe("CANNOT_UPDATE_INVOICE");
  });

  it("are changed while nobody has paid, and go out on their day", async () => {
    const own = await startPayPalSimulator();
    const { ask } = openShop(own);
    const invoice_date = new Date(Date.now() + 3 * day).toISOString().slice(0, 10);
    const { id } = (await ask<Invoice>(`POST ${path}`, wish({ detail: { currency_code: "EUR", invoice_date } }))).body;
    expect(
      (await ask<Invoice>(`PUT ${path}/${id}`, wish({ detail: { currency_code: "EUR", invoice_date }, items: [item({ quantity: "2" })] })))
        .body.amount.value,
    ).toBe("238.00");
    expect((await ask(`POST ${path}/${id}/send`, {})).status).toBe(202);
    expect((await ask(`POST ${path}/${id}/cancel`, {})).body.details[0]!.issue).toBe("CANNOT_CANCEL_SCHEDULED_INVOICE");
    own.advance(3 * day);
    expect((await ask(`GET ${path}/${id}`)).body.status).toBe("SENT");
    await own.close();
  });

  it("are found by what they are, by their own merchant", async () => {
    const other = openShop(simulator);
    const { body } = await other.ask<Invoice>(`POST ${path}`, wish({ detail: { currency_code: "EUR", reference: "tenant:1" } }));
    const search = async (of: object) =>
      (await other.ask<{ items: Invoice[] }>("POST /v2/invoicing/search-invoices", of)).body.items.map(({ id }) => id);
    expect(await search({ reference: "tenant:1", status: ["DRAFT"], recipient_email: "payer@example.com" })).toEqual([body.id]);
    expect(await search({ status: ["PAID"] })).toEqual([]);
    expect((await shop.ask(`GET ${path}/${body.id}`)).status).toBe(404);
  });
});
