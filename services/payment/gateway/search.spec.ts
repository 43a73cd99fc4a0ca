import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { startReport, type Report } from "../../../test/paypalreport.ts";
import { startPayPalSimulator, type Simulator } from "../simulator/server.ts";
import { collect, windowsOf } from "../reconciliation/collect.ts";
import { paypalConnection, type PayPalConnection } from "./connection.ts";
import { readPage, searchGateway, type SearchGateway } from "./search.ts";

/** As PayPal's documentation shows a page, cut to what matters. */
const recorded = {
  transaction_details: [
    {
      transaction_info: {
        paypal_account_id: "6STWC2LSUYYYE",
        transaction_id: "5TY05013RG002845M",
        transaction_event_code: "T0006",
        transaction_initiation_date: "2014-07-11T04:03:52+0000",
        transaction_updated_date: "2014-07-11T04:03:52+0000",
        transaction_amount: { currency_code: "USD", value: "465.00" },
        fee_amount: { currency_code: "USD", value: "-13.79" },
        insurance_amount: { currency_code: "USD", value: "15.00" },
        transaction_status: "S",
        transaction_subject: "Bill for your purchase",
        invoice_id: "Invoice-005",
        custom_field: "thisisacustomstring",
        protection_eligibility: "01",
      },
    },
    {
      transaction_info: {
        transaction_id: "9HK21226KY1234567",
        paypal_reference_id: "5TY05013RG002845M",
        paypal_reference_id_type: "TXN",
        transaction_event_code: "T1107",
        transaction_initiation_date: "2014-07-12T04:03:52+0000",
        transaction_amount: { currency_code: "JPY", value: "-1000.00" },
        transaction_status: "S",
      },
    },
    {
      transaction_info: {
        transaction_id: "1AB00000000000000",
        transaction_event_code: "T1900",
        transaction_initiation_date: "2014-07-12T04:03:52+0000",
        transaction_amount: { currency_code: "XAU", value: "1.00" },
      },
    },
  ],
  account_number: "XZXSPECPDZHZU",
  last_refreshed_datetime: "2017-01-02T06:59:59+0000",
  page: 1,
  total_items: 3,
  total_pages: 1,
};

describe("PayPal's report", () => {
  it("is read with signs, decimals of the currency, references and the evidence; what can't be read as money stays as evidence", () => {
    const page = readPage(recorded)!;
    expect(page).toMatchObject({ pages: 1, completeUntil: new Date("2017-01-02T06:59:59Z") });
    expect(page.transactions).toMatchObject([
      {
        ...{ id: "5TY05013RG002845M", code: "T0006", status: "S", at: new Date("2014-07-11T04:03:52Z"), invoiceId: "Invoice-005" },
        ...{
          amount: { amountMinor: 46_500n, currency: "USD" },
          fee: { amountMinor: -1_379n, currency: "USD" },
          custom: "thisisacustomstring",
        },
      },
      { amount: { amountMinor: -1_000n, currency: "JPY" }, fee: null, referenceId: "5TY05013RG002845M", referenceType: "TXN" },
      { amount: null, raw: { transaction_amount: { currency_code: "XAU", value: "1.00" } } },
    ]);
  });

  it("is taken for none when a page is broken or lacks what nothing can be concluded without", () => {
    expect(readPage({ ...recorded, total_pages: undefined })).toBeNull();
    expect(readPage({ ...recorded, transaction_details: {} })).toBeNull();
    expect(readPage({ ...recorded, transaction_details: [{ transaction_info: { transaction_id: "1" } }] })).toBeNull();
    expect(readPage("<html>")).toBeNull();
    expect(readPage({ total_pages: 0, total_items: 0 })).toEqual({ transactions: [], pages: 0, completeUntil: null });
  });
});

describe("PayPal's SDK against a report", () => {
  let simulator: Simulator;
  let report: Report;
  let connection: PayPalConnection;
  let gateway: SearchGateway;
  const from = new Date("2026-11-01T00:00:00Z");
  const at = (second: number) => new Date(from.getTime() + second * 1_000);
  beforeAll(async () => {
    simulator = await startPayPalSimulator();
    report = await startReport(simulator.url);
    connection = paypalConnection({
      clientId: "a",
      clientSecret: "b",
      url: report.url,
      timeoutMs: 2_000,
      breaker: { volumeThreshold: 1_000 },
    });
    gateway = searchGateway(connection);
  });
  afterAll(async () => {
    connection?.close();
    await report?.close();
    await simulator?.close();
  });
  const fill = (count: number, second: (index: number) => number) => {
    report.asked = [];
    report.most = 10_000;
    report.transactions = Array.from({ length: count }, (_, index) => ({
      transaction_id: `T${index}`,
      transaction_event_code: "T0006",
      transaction_initiation_date: at(second(index)).toISOString(),
      transaction_amount: { currency_code: "EUR", value: "1.00" },
    }));
  };

  it("reads all pages of 500, and asks for nothing outside of the window", async () => {
    fill(1_203, (index) => index % 100);
    const found = await collect(gateway, { from, to: at(60) }, at(60));
    expect(found).toHaveLength(report.transactions.filter((_, index) => index % 100 < 60).length);
    expect(new Set(found.map(({ id }) => id)).size).toBe(found.length);
    expect(report.asked.map((query) => [query.get("page"), query.get("page_size"), query.get("balance_affecting_records_only")])).toEqual([
      ["1", "500", "Y"],
      ["2", "500", "Y"],
    ]);
    expect(report.asked[0]!.get("start_date")).toBe("2026-11-01T00:00:00Z");
    expect(report.asked[0]!.get("end_date")).toBe("2026-11-01T00:00:59Z");
  });

  it("halves a window of which PayPal has more than it lists, and leaves out and doubles nothing", async () => {
    fill(40, (index) => index);
    report.most = 7;
    const found = await collect(gateway, { from, to: at(40) }, at(40));
    expect(found.map(({ id }) => id).sort()).toEqual(report.transactions.map(({ transaction_id: id }) => id).sort());
    fill(9, () => 5);
    report.most = 7;
    await expect(collect(gateway, { from, to: at(40) }, at(40))).rejects.toMatchObject({ type: "PAYMENT_GATEWAY_UNAVAILABLE" });
  });

  it("concludes nothing from a report that is refused, broken or not complete yet", async () => {
    fill(1, () => 1);
    const reading = () => collect(gateway, { from, to: at(40) }, at(40));
    report.completeUntil = at(39).toISOString();
    await expect(reading()).rejects.toMatchObject({ type: "PAYMENT_GATEWAY_UNAVAILABLE", retryable: true });
    report.completeUntil = at(40).toISOString();
    expect(await reading()).toHaveLength(1);
    report.refusal = { status: 403, body: { name: "NOT_AUTHORIZED", message: "Authorization failed due to insufficient permissions." } };
    await expect(reading()).rejects.toMatchObject({ type: "PAYMENT_GATEWAY_DENIED", data: { issue: "NOT_AUTHORIZED" } });
    report.refusal = { status: 500, body: { name: "INTERNAL_SERVICE_ERROR" } };
    await expect(reading()).rejects.toMatchObject({ type: "PAYMENT_GATEWAY_UNAVAILABLE" });
    report.refusal = { status: 200, body: { transaction_details: "none" } };
    await expect(reading()).rejects.toMatchObject({ type: "PAYMENT_GATEWAY_UNAVAILABLE" });
    report.refusal = undefined;
  });

  it("cuts a long period into windows that PayPal takes, one after the other", () => {
    const windows = windowsOf({ from, to: new Date("2027-02-01T00:00:00Z") });
    expect(windows).toHaveLength(4);
    expect(windows[0]!.from).toEqual(from);
    expect(windows.at(-1)!.to).toEqual(new Date("2027-02-01T00:00:00Z"));
    for (const [index, { from: begin, to: end }] of windows.entries()) {
      expect(end.getTime() - begin.getTime()).toBeLessThan(31 * 86_400_000);
      if (index > 0) expect(begin).toEqual(windows[index - 1]!.to);
    }
    expect(windowsOf({ from, to: from })).toEqual([]);
  });
});
