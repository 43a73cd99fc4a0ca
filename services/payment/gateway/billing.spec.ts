import { describe, expect, it } from "@jest/globals";
import { readSum, readPlan, readSale, readSaleRefund, readSubscription, readTransactions } from "./billing.ts";

/** In the form of PayPal's documented answers. */
const subscription = {
  id: "I-BW452GLLEP1G",
  plan_id: "P-5ML4271244454362WXNWU5NQ",
  custom_id: "tenant:subscription",
  start_time: "2026-01-01T00:00:00Z",
  quantity: "20",
  status: "ACTIVE",
  status_update_time: "2026-01-02T21:20:00Z",
  subscriber: { email_address: "payer@example.com" },
  billing_info: {
    outstanding_balance: { currency_code: "USD", value: "1.0" },
    cycle_executions: [
      { tenure_type: "TRIAL", sequence: 1, cycles_completed: 1, cycles_remaining: 0, current_pricing_scheme_version: 1, total_cycles: 1 },
      { tenure_type: "REGULAR", sequence: 2, cycles_completed: 1, cycles_remaining: 0, current_pricing_scheme_version: 2, total_cycles: 0 },
    ],
    last_payment: { amount: { currency_code: "USD", value: "500.00" }, time: "2026-02-01T10:00:00Z" },
    last_failed_payment: {
      amount: { currency_code: "USD", value: "500.00" },
      time: "2026-03-01T10:00:00Z",
      reason_code: "PAYER_CANNOT_PAY",
      next_payment_retry_time: "2026-03-06T10:00:00Z",
    },
    next_billing_time: "2026-03-01T10:00:00Z",
    failed_payments_count: 1,
  },
  links: [{ href: "https://www.paypal.com/approve", rel: "approve", method: "GET" }],
};

describe("what PayPal says of subscriptions", () => {
  it("is read with its times, counts and amounts", () => {
    expect(readSubscription(subscription)).toEqual({
      id: "I-BW452GLLEP1G",
      status: "ACTIVE",
      planId: "P-5ML4271244454362WXNWU5NQ",
      customId: "tenant:subscription",
      quantity: 20,
      email: "payer@example.com",
      approvalUrl: "https://www.paypal.com/approve",
      startAt: new Date("2026-01-01T00:00:00Z"),
      changedAt: new Date("2026-01-02T21:20:00Z"),
      nextBillingAt: new Date("2026-03-01T10:00:00Z"),
      finalPaymentAt: null,
      outstanding: { amountMinor: 100n, currency: "USD" },
      failedPayments: 1,
      lastPayment: { amount: { amountMinor: 50_000n, currency: "USD" }, at: new Date("2026-02-01T10:00:00Z") },
      lastFailure: { at: new Date("2026-03-01T10:00:00Z"), reason: "PAYER_CANNOT_PAY", retryAt: new Date("2026-03-06T10:00:00Z") },
      cycles: [
        { sequence: 1, tenure: "TRIAL", completed: 1, remaining: 0, total: 1, version: 1 },
        { sequence: 2, tenure: "REGULAR", completed: 1, remaining: 0, total: 0, version: 2 },
      ],
    });
  });

  it("is read where PayPal leaves most of it out, and is none without id and state", () => {
    const bare = readSubscription({ id: "I-1", status: "APPROVAL_PENDING" });
    expect(bare).toMatchObject({ quantity: 1, failedPayments: 0, nextBillingAt: null, outstanding: null, lastFailure: null, cycles: [] });
    expect([null, "text", [], {}, { id: "I-1" }].map(readSubscription)).toEqual([null, null, null, null, null]);
  });

  it.each([
    [{ value: "12.50", currency_code: "EUR" }, 1250n],
    [{ value: "12.5", currency_code: "EUR" }, 1250n],
    [{ value: "1000.00", currency_code: "JPY" }, 1000n],
    [{ total: "-0.49", currency: "USD" }, 49n],
    [{ total: "7.47", currency: "EUR", details: { subtotal: "7.47" } }, 747n],
  ])("takes %j for an amount", (written, minor) => {
    expect(readSum(written)?.amountMinor).toBe(minor);
  });

  it.each([
    { value: "12.505", currency_code: "EUR" },
    { value: "12.50", currency_code: "XXX" },
    { value: 12.5, currency_code: "EUR" },
    {},
    null,
  ])("takes %j for none", (written) => {
    expect(readSum(written)).toBeNull();
  });

  it("is a list of payments only when every line can be read", () => {
    const line = {
      id: "TRFGHNJKOIIOJKL",
      status: "COMPLETED",
      amount_with_breakdown: {
        gross_amount: { currency_code: "USD", value: "10.00" },
        fee_amount: { currency_code: "USD", value: "0.59" },
        net_amount: { currency_code: "USD", value: "9.41" },
      },
      time: "2026-03-16T13:09:04Z",
    };
    const at = new Date("2026-03-16T13:09:04Z");
    const gross = { amountMinor: 1000n, currency: "USD" };
    expect(readTransactions({ transactions: [line] })).toEqual([
      { id: "TRFGHNJKOIIOJKL", status: "COMPLETED", gross, fee: { amountMinor: 59n, currency: "USD" }, at },
    ]);
    expect(readTransactions({ transactions: [line, { id: "X" }] })).toBeNull();
    expect(readTransactions({})).toEqual([]);
  });

  it("has prices by cycle and version", () => {
    const plan = {
      id: "P-1",
      product_id: "PROD-1",
      status: "INACTIVE",
      billing_cycles: [
        { sequence: 1, tenure_type: "TRIAL", pricing_scheme: { version: 1, fixed_price: { value: "1.00", currency_code: "EUR" } } },
        {
          sequence: 2,
          tenure_type: "REGULAR",
          pricing_scheme: {
            version: 3,
            pricing_model: "TIERED",
            tiers: [{ starting_quantity: "1", ending_quantity: "9", amount: { value: "5", currency_code: "EUR" } }],
          },
        },
      ],
    };
    expect(readPlan(plan)).toMatchObject({
      status: "INACTIVE",
      prices: [
        { sequence: 1, version: 1, fixed: { amountMinor: 100n } },
        { sequence: 2, version: 3, fixed: null, model: "TIERED", tiers: [{ from: 1, to: 9, amount: { amountMinor: 500n } }] },
      ],
    });
  });
});

describe("sales of the first version", () => {
  const sale = {
    id: "0UX830254Y426081E",
    state: "completed",
    amount: { total: "14.97", currency: "EUR", details: { subtotal: "14.97" } },
    transaction_fee: { value: "1.16", currency: "EUR" },
    billing_agreement_id: "I-8XDDEX45F1LH",
    custom: "tenant:subscription",
    create_time: "2026-10-22T04:12:34Z",
  };

  it("are read with their lower-case states, also when PayPal leaves out whose they are", () => {
    expect(readSale(sale)).toMatchObject({
      sale: { id: "0UX830254Y426081E", status: "COMPLETED", gross: { amountMinor: 1497n }, fee: { amountMinor: 116n } },
      subscriptionId: "I-8XDDEX45F1LH",
      custom: "tenant:subscription",
    });
    const { billing_agreement_id: _id, custom: _custom, ...nameless } = sale;
    expect(readSale(nameless)).toMatchObject({ subscriptionId: null, custom: null });
    expect(readSale({})).toBeNull();
  });

  it("go back by refunds that name them, by a link, or themselves", () => {
    const refund = { id: "R-1", amount: { total: "5.00", currency: "EUR" }, create_time: "2026-10-23T04:12:34Z" };
    expect(readSaleRefund({ ...refund, sale_id: "S-1" })).toEqual({ id: "R-1", saleId: "S-1" });
    expect(readSaleRefund({ ...refund, links: [{ rel: "sale", href: "https://api.paypal.com/v1/payments/sale/S-2" }] })).toMatchObject({
      saleId: "S-2",
    });
    expect(readSaleRefund(refund)).toEqual({ id: "R-1", saleId: "R-1" });
  });
});
