import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { openShop } from "./shop.ts";
import { startPayPalSimulator, type Simulator } from "./server.ts";

const [hour, day] = [3_600_000, 86_400_000];

interface Refusal {
  name: string;
  message: string;
  maximum_items: number;
}

describe("transaction search at the PayPal simulator", () => {
  let simulator: Simulator;
  beforeAll(async () => {
    simulator = await startPayPalSimulator();
  });
  afterAll(() => simulator.close());
  const around = { startDate: new Date(Date.now() - day).toISOString(), endDate: new Date(Date.now() + day).toISOString() };
  const found = async (shop: ReturnType<typeof openShop>, of: object = {}) => {
    const { result } = await shop.reports.searchTransactions({ ...around, ...of });
    return (result.transactionDetails ?? []).map(({ transactionInfo: of }) =>
      [of!.transactionEventCode, of!.transactionStatus, of!.transactionAmount!.value, of!.feeAmount?.value].join(" "),
    );
  };
  const openNow = (of: object = {}) => {
    const shop = openShop(simulator);
    simulator.configure(shop.clientId, { searchLagMs: 0, ...of });
    return shop;
  };

  it("shows payments, refunds, reversals and what a dispute keeps back, with custom ids and references", async () => {
    const shop = openNow();
    const [one, two] = [await shop.captured("10.00"), await shop.captured("20.00")];
    simulator.tell(`captures/${one}/refund`, { value: "1.00" });
    simulator.tell(`captures/${one}/reverse`);
    simulator.tell(`captures/${two}/dispute`);
    expect((await found(shop)).sort()).toEqual(
      ["T0006 V 10.00 -0.74", "T0006 S 20.00 -1.09", "T1107 S -1.00 ", "T1106 S -9.00 ", "T1110 S -20.00 "].sort(),
    );
    const { result } = await shop.reports.searchBalances({});
    expect(result.balances).toMatchObject([
      { currency: "EUR", totalBalance: { value: "18.17" }, availableBalance: { value: "-1.83" }, withheldBalance: { value: "20.00" } },
    ]);
    const refund = await shop.reports.searchTransactions({ ...around, transactionType: "T1107" });
    expect(refund.result.transactionDetails![0]!.transactionInfo).toMatchObject({ paypalReferenceId: one, paypalReferenceIdType: "TXN" });
  });

  it("keeps back what is younger than three hours", async () => {
    const own = await startPayPalSimulator();
    const shop = openShop(own);
    await shop.captured();
    expect(await found(shop)).toEqual([]);
    own.advance(3 * hour + 1_000);
    expect(await found(shop)).toHaveLength(1);
    await own.close();
  });

  it("lists a payment that was pending twice under one id, once without effect", async () => {
    const shop = openNow();
    simulator.decide({ about: "capture", status: "PENDING", merchant: shop.clientId });
    const id = await shop.captured("10.00");
    expect(await found(shop)).toEqual([]);
    simulator.tell(`captures/${id}/complete`);
    expect(await found(shop)).toEqual(["T0006 S 10.00 -0.74"]);
    expect(await found(shop, { transactionId: id, balanceAffectingRecordsOnly: "N" })).toEqual(["T0006 P 10.00 ", "T0006 S 10.00 -0.74"]);
  });

  it("shows the two sides of an exchange", async () => {
    const shop = openNow({ currency: "USD", rates: { EUR: "1.10" } });
    await shop.captured("100.00");
    expect(await found(shop)).toEqual(["T0006 S 100.00 -3.88", "T0200 S -96.12 ", "T0200 S 105.73 "]);
    const { result } = await shop.reports.searchBalances({});
    expect(result.balances!.map(({ currency, totalBalance }) => [currency, totalBalance.value])).toEqual([
      ["EUR", "0.00"],
      ["USD", "105.73"],
    ]);
  });

  it("cuts pages, and refuses too long a time, too many at once, and what is no time", async () => {
    const shop = openNow({ searchLimit: 3 });
    for (const value of ["1.00", "2.00", "3.00"]) await shop.captured(value);
    const { result } = await shop.reports.searchTransactions({ ...around, pageSize: 2, page: 2 });
    expect(result).toMatchObject({
      page: 2,
      totalItems: 3,
      totalPages: 2,
      transactionDetails: [{ transactionInfo: { transactionAmount: { value: "3.00" } } }],
    });
    const ask = async (query: string) => (await shop.ask<Refusal>(`GET /v1/reporting/transactions?${query}`)).body;
    const range = (days: number) => `start_date=${new Date(Date.now() - days * day).toISOString()}&end_date=${new Date().toISOString()}`;
    expect(await ask(range(32))).toMatchObject({ name: "INVALID_REQUEST", message: "Date range is greater than 31 days." });
    expect(await ask("start_date=2026-01-01T00:00:00&end_date=x")).toMatchObject({ name: "INVALID_REQUEST" });
    expect(await ask(`${range(1)}&page_size=501`)).toMatchObject({ details: [{ issue: "INVALID_PARAMETER_VALUE" }] });
    await shop.captured("4.00");
    const end = new Date(Date.now() + day).toISOString();
    expect(await ask(`start_date=${around.startDate}&end_date=${end}`)).toMatchObject({ name: "RESULTSET_TOO_LARGE", maximum_items: 3 });
    expect(await found(openNow())).toEqual([]);
  });

  it("gives more than the transaction when asked for all", async () => {
    const shop = openNow();
    await shop.captured();
    const { result } = await shop.reports.searchTransactions({ ...around, fields: "all" });
    expect(result.transactionDetails![0]).toMatchObject({ payerInfo: { emailAddress: "payer@example.com" } });
  });
});
