import { describe, expect, it } from "@jest/globals";
import { readAuthorization, readCapture, readMoney, readOrder, readRefund } from "./answer.ts";

const amount = (value: string, currency_code = "EUR") => ({ value, currency_code });

describe("what PayPal's bodies say", () => {
  it("of a capture: fee, net, and what arrives in a balance of another currency at which rate", () => {
    const body = {
      id: "CAP",
      status: "COMPLETED",
      amount: amount("100.00"),
      final_capture: false,
      invoice_id: "inv",
      seller_receivable_breakdown: {
        gross_amount: amount("100.00"),
        paypal_fee: amount("3.89"),
        net_amount: amount("96.11"),
        receivable_amount: amount("103.80", "USD"),
        exchange_rate: { source_currency: "EUR", target_currency: "USD", value: "1.08001" },
      },
      supplementary_data: { related_ids: { order_id: "ORDER", authorization_id: "AUTH" } },
      create_time: "2026-11-27T10:00:00Z",
    };
    expect(readCapture(body)).toEqual({
      id: "CAP",
      status: "COMPLETED",
      amount: "100.00",
      currency: "EUR",
      reason: null,
      invoiceId: "inv",
      final: false,
      authorizationId: "AUTH",
      fee: { amountMinor: 389n, currency: "EUR" },
      net: { amountMinor: 9611n, currency: "EUR" },
      settled: { net: { amountMinor: 10380n, currency: "USD" }, rate: "1.08001" },
      at: new Date("2026-11-27T10:00:00Z"),
    });
  });

  it("of a capture that is held back: nothing of a fee yet, and why it is held", () => {
    const body = { id: "CAP", status: "PENDING", status_details: { reason: "ECHECK" }, amount: amount("100", "JPY") };
    expect(readCapture(body)).toMatchObject({
      reason: "ECHECK",
      amount: "100",
      fee: null,
      net: null,
      settled: null,
      final: true,
      at: null,
    });
  });

  it("of a refund: its own amount, the sum of all, its capture, what comes back of the fee", () => {
    const body = {
      id: "REF",
      status: "COMPLETED",
      amount: amount("3.00"),
      seller_payable_breakdown: {
        gross_amount: amount("3.00"),
        paypal_fee: amount("0.10"),
        net_amount: amount("2.90"),
        net_amount_breakdown: [{ converted_amount: amount("3.13", "USD"), exchange_rate: { value: "1.08" } }],
        total_refunded_amount: amount("5.00"),
      },
      links: [
        { rel: "self", href: "https://api-m.paypal.com/v2/payments/refunds/REF" },
        { rel: "up", href: "https://api-m.paypal.com/v2/payments/captures/CAP" },
      ],
    };
    expect(readRefund(body)).toMatchObject({
      amount: "3.00",
      total: { amountMinor: 500n, currency: "EUR" },
      captureId: "CAP",
      invoiceId: null,
      fee: { amountMinor: 10n },
      net: { amountMinor: 290n },
      settled: { net: { amountMinor: 313n, currency: "USD" }, rate: "1.08" },
    });
  });

  it("of an order: the authorizations, captures and refunds of all its units", () => {
    const authorization = { id: "AUTH", status: "CREATED", amount: amount("9.00"), expiration_time: "2026-12-26T10:00:00Z" };
    const payments = {
      authorizations: [authorization],
      captures: [{ id: "CAP", status: "COMPLETED" }, {}],
      refunds: [{ id: "REF", status: "PENDING" }],
    };
    expect(readOrder({ id: "ORDER", status: "COMPLETED", purchase_units: [{ payments }, {}] })).toMatchObject({
      authorizations: [{ id: "AUTH", expiresAt: new Date("2026-12-26T10:00:00Z") }],
      captures: [{ id: "CAP" }],
      refunds: [{ id: "REF", captureId: null }],
    });
    expect(readAuthorization({ id: "AUTH" })).toBeNull();
  });

  it.each([
    ["12.345", "EUR"],
    ["1.5", "HUF"],
    ["-1.00", "EUR"],
    ["1e3", "EUR"],
    ["10.00", "XYZ"],
    [12.5, "EUR"],
  ])("has no money in %s %s", (value, currency_code) => expect(readMoney({ value, currency_code })).toBeNull());
});
