import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { openShop, issueOf } from "./shop.ts";
import { startPayPalSimulator, type Simulator } from "./server.ts";

const day = 86_400_000;
const eur = (value: string) => ({ currencyCode: "EUR", value });

describe("payments at the PayPal simulator", () => {
  let simulator: Simulator;
  let shop: ReturnType<typeof openShop>;
  const prefer = "return=representation";
  beforeAll(async () => {
    simulator = await startPayPalSimulator();
    shop = openShop(simulator);
  });
  afterAll(() => simulator.close());
  const status = async (id: string) => (await shop.payments.getCapturedPayment({ captureId: id })).result.status;
  const refund = (captureId: string, value?: string, currencyCode = "EUR") =>
    shop.payments.refundCapturedPayment({ captureId, prefer, ...(value && { body: { amount: { value, currencyCode } } }) });

  it("shows what a seller receives: gross less 3.49 % and the currency's fixed fee", async () => {
    const { result } = await shop.payments.getCapturedPayment({ captureId: await shop.captured("100.00") });
    expect(result).toMatchObject({
      status: "COMPLETED",
      amount: eur("100.00"),
      finalCapture: true,
      sellerReceivableBreakdown: { grossAmount: eur("100.00"), paypalFee: eur("3.88"), netAmount: eur("96.12") },
    });
    const yen = await shop.payments.getCapturedPayment({ captureId: await shop.captured("10000", "JPY") });
    expect(yen.result.sellerReceivableBreakdown).toMatchObject({ paypalFee: { value: "398" }, netAmount: { value: "9602" } });
  });

  it("exchanges into the account's currency when the account has one", async () => {
    const other = openShop(simulator);
    simulator.configure(other.clientId, { currency: "USD", rates: { EUR: "1.10" } });
    const captureId = await other.captured("100.00");
    const { result } = await other.payments.getCapturedPayment({ captureId });
    expect(result.sellerReceivableBreakdown).toMatchObject({
      receivableAmount: { currencyCode: "USD", value: "105.73" },
      exchangeRate: { sourceCurrency: "EUR", targetCurrency: "USD", value: "1.10" },
    });
    const back = await other.payments.refundCapturedPayment({ captureId, prefer });
    expect(back.result.sellerPayableBreakdown).toMatchObject({ netAmountInReceivableCurrency: { currencyCode: "USD", value: "110.00" } });
  });

  it("refunds in parts, counts them up, and refuses what is more than is left", async () => {
    const id = await shop.captured("10.00");
    const first = await refund(id, "2.00");
    expect(first.result).toMatchObject({
      status: "COMPLETED",
      amount: eur("2.00"),
      sellerPayableBreakdown: { paypalFee: eur("0.00"), netAmount: eur("2.00"), totalRefundedAmount: eur("2.00") },
    });
    expect(await status(id)).toBe("PARTIALLY_REFUNDED");
    expect(await issueOf(refund(id, "8.01"))).toBe("REFUND_AMOUNT_EXCEEDED");
    expect(await issueOf(refund(id, "1.00", "USD"))).toBe("REFUND_CAPTURE_CURRENCY_MISMATCH");
    expect(await issueOf(refund(id, "1.001"))).toBe("DECIMAL_PRECISION");
    expect(await issueOf(refund(id, "-1.00"))).toBe("CANNOT_BE_ZERO_OR_NEGATIVE");
    const rest = await refund(id);
    expect(rest.result).toMatchObject({ amount: eur("8.00"), sellerPayableBreakdown: { totalRefundedAmount: eur("10.00") } });
    expect(await status(id)).toBe("REFUNDED");
    expect(await issueOf(refund(id))).toBe("CAPTURE_FULLY_REFUNDED");
    const shown = await shop.payments.getRefund({ refundId: first.result.id! });
    expect(shown.result.links?.find(({ rel }) => rel === "up")?.href).toContain(id);
  });

  it("gives out no more than was captured to ten who refund at once", async () => {
    const id = await shop.captured("10.00");
    const issues = await Promise.all(Array.from({ length: 10 }, () => issueOf(refund(id, "3.00"))));
    expect(issues.filter((issue) => issue === "")).toHaveLength(3);
    expect(issues.filter((issue) => issue === "REFUND_AMOUNT_EXCEEDED")).toHaveLength(7);
  });

  it("refuses decimals in currencies that have none", async () => {
    expect(await issueOf(refund(await shop.captured("1000", "HUF"), "10.50", "HUF"))).toBe("DECIMALS_NOT_SUPPORTED");
  });

  it("keeps an e-check refund pending until it completes or fails, and a failed one gives the amount free again", async () => {
    const id = await shop.captured("10.00");
    simulator.decide({ about: "refund", status: "PENDING", merchant: shop.clientId, times: 2 });
    const [one, two] = [await refund(id, "6.00"), await refund(id, "4.00")];
    expect(one.result).toMatchObject({ status: "PENDING", statusDetails: { reason: "ECHECK" } });
    expect(await issueOf(refund(id, "1.00"))).toBe("CAPTURE_FULLY_REFUNDED");
    simulator.tell(`refunds/${one.result.id}/complete`);
    simulator.tell(`refunds/${two.result.id}/fail`);
    expect(await status(id)).toBe("PARTIALLY_REFUNDED");
    expect((await refund(id)).result.amount).toMatchObject(eur("4.00"));
  });

  it("leaves a capture pending, without a fee, until it completes or is denied", async () => {
    simulator.decide({ about: "capture", status: "PENDING", reason: "ECHECK", merchant: shop.clientId, times: 2 });
    const [one, two] = [await shop.captured(), await shop.captured()];
    const { result } = await shop.payments.getCapturedPayment({ captureId: one });
    expect(result).toMatchObject({ status: "PENDING", statusDetails: { reason: "ECHECK" } });
    expect(result.sellerReceivableBreakdown).toBeUndefined();
    expect(await issueOf(refund(one))).toBe("PENDING_CAPTURE");
    simulator.tell(`captures/${one}/complete`);
    simulator.tell(`captures/${two}/deny`);
    expect([await status(one), await status(two)]).toEqual(["COMPLETED", "DECLINED"]);
    expect(() => simulator.tell(`captures/${one}/complete`)).toThrow("CAPTURE_STATUS_NOT_VALID");
  });

  it("shows refunds and reversals made without the API like any other", async () => {
    const id = await shop.captured("10.00");
    simulator.tell(`captures/${id}/refund`, { value: "1.00" });
    expect(await status(id)).toBe("PARTIALLY_REFUNDED");
    simulator.tell(`captures/${id}/reverse`);
    expect(await status(id)).toBe("REFUNDED");
  });

  it("captures an authorization in parts up to 115 %, and closes it with the final one", async () => {
    const authorizationId = await shop.authorized("100.00");
    const capture = (value: string, finalCapture = false, currencyCode = "EUR") =>
      shop.payments.captureAuthorizedPayment({ authorizationId, prefer, body: { amount: { currencyCode, value }, finalCapture } });
    const state = async () => (await shop.payments.getAuthorizedPayment({ authorizationId })).result.status;
    expect((await capture("60.00")).result).toMatchObject({ status: "COMPLETED", finalCapture: false });
    expect(await state()).toBe("PARTIALLY_CAPTURED");
    expect(await issueOf(capture("55.01"))).toBe("MAX_CAPTURE_AMOUNT_EXCEEDED");
    expect(await issueOf(capture("1.00", false, "USD"))).toBe("AUTH_CAPTURE_CURRENCY_MISMATCH");
    await capture("30.00", true);
    expect(await state()).toBe("CAPTURED");
    expect(await issueOf(capture("1.00"))).toBe("AUTHORIZATION_ALREADY_CAPTURED");
    expect(await issueOf(shop.payments.voidPayment({ authorizationId }))).toBe("PREVIOUSLY_CAPTURED");
    const over = await shop.authorized("100.00");
    const most = shop.payments.captureAuthorizedPayment({ authorizationId: over, prefer, body: { amount: eur("115.00") } });
    expect((await most).result.amount).toMatchObject(eur("115.00"));
  });

  it("voids what is not captured, once", async () => {
    const authorizationId = await shop.authorized();
    expect((await shop.payments.voidPayment({ authorizationId })).statusCode).toBe(204);
    expect(await issueOf(shop.payments.voidPayment({ authorizationId }))).toBe("PREVIOUSLY_VOIDED");
    expect(await issueOf(shop.payments.captureAuthorizedPayment({ authorizationId }))).toBe("AUTHORIZATION_VOIDED");
  });

  it("renews an authorization once, from the fourth day on, and lets it expire after 29", async () => {
    const own = await startPayPalSimulator();
    const { payments, authorized } = openShop(own);
    const [authorizationId, expiring] = [await authorized(), await authorized()];
    const renew = (id = authorizationId) => payments.reauthorizePayment({ authorizationId: id, prefer });
    expect(await issueOf(renew())).toBe("REAUTHORIZATION_NOT_SUPPORTED");
    own.advance(4 * day);
    const { result } = await renew();
    expect(result).toMatchObject({ status: "CREATED" });
    expect(result.id).not.toBe(authorizationId);
    expect(await issueOf(renew())).toBe("REAUTHORIZATION_NOT_SUPPORTED");
    expect(await issueOf(payments.voidPayment({ authorizationId: result.id! }))).toBe("CANNOT_BE_VOIDED");
    await payments.captureAuthorizedPayment({ authorizationId: result.id! });
    own.advance(26 * day);
    expect(await issueOf(payments.captureAuthorizedPayment({ authorizationId: expiring }))).toBe("AUTHORIZATION_EXPIRED");
    await own.close();
  });

  it("keeps merchants apart", async () => {
    const [captureId, stranger] = [await shop.captured(), openShop(simulator)];
    expect(await issueOf(stranger.payments.getCapturedPayment({ captureId }))).toBe("INVALID_RESOURCE_ID");
    expect(await issueOf(stranger.payments.refundCapturedPayment({ captureId }))).toBe("INVALID_RESOURCE_ID");
    expect(await status(captureId)).toBe("COMPLETED");
  });
});
