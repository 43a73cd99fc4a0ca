import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import type { Principal } from "../../../config/permissions.ts";
import { errors } from "../../../config/errors.ts";
import { baskets, broken } from "../../../test/baskets.ts";
import { invoicesOf } from "../../../test/issued.ts";
import { testTill, type TestTill } from "../../../test/till.ts";
import { invoicingGateway, type InvoiceView } from "../gateway/invoicing.ts";
import { findInvoice } from "../invoices/drafts.ts";
import { plantRates } from "../tax/seed.ts";
import type { PayPalEvent } from "../webhooks/event.ts";
import { handlerOf } from "../webhooks/handlers.ts";
import { billedItems, paypalTotals } from "./billed.ts";
import { doAtPayPal, readPaypalInvoice, sendByPayPal, sweepInvoices } from "./send.ts";

describe("an invoice in PayPal's terms", () => {
  it("comes to the very total, whatever is sold and however it is rounded", () => {
    fc.assert(
      fc.property(baskets, (made) => {
        const breakdown = broken(made);
        const { items, note } = billedItems(breakdown);
        const { grossMinor, taxMinor } = paypalTotals(items);
        expect(grossMinor).toBe(breakdown.grossMinor);
        expect(note === null ? taxMinor : breakdown.taxMinor).toBe(breakdown.taxMinor);
      }),
      { numRuns: 300 },
    );
  });
});

describe("invoices that PayPal sends", () => {
  let till: TestTill;
  let issued: ReturnType<typeof invoicesOf>;
  beforeAll(async () => {
    till = await testTill();
    issued = invoicesOf(till);
    await plantRates(till.db);
  });
  afterAll(() => till?.stop());

  const gateway = async () => invoicingGateway((await till.paypal("")).connection);
  const atPayPal = async (number: string): Promise<InvoiceView[]> => {
    const found = await (await gateway()).find(number);
    if (found.outcome !== "ok") throw new Error("PayPal could not be asked");
    return found.value;
  };
  const statusOf = async ({ who, id }: { who: Principal; id: string }) =>
    (await till.db.tenant(who.tenantId, (em) => findInvoice(em, id))).status;
  /** As PayPal tells of it. */
  const told = ({ tenantId }: Principal, type: string, invoice: object) => {
    const event: PayPalEvent = { id: randomUUID(), tenantId, type, resourceType: "invoices", resource: { invoice }, createdAt: new Date() };
    return handlerOf(type)!(till, event);
  };
  const letTimePass = (id: string) =>
    till.database.admin.query("update payment.paypal_invoices set next_check_at = now(), claimed_until = null where id = $1", [id]);

  it.each(["exclusive", "inclusive"] as const)("are made and sent with the total of ours, prices %s", async (prices) => {
    const { who, id, number } = await issued({ prices });
    const sent = await sendByPayPal(till, who, id);
    expect(sent).toMatchObject({
      status: "SENT",
      simulated: true,
      failureType: null,
      payerUrl: expect.stringContaining("/invoice/p/") as unknown,
    });
    expect(await atPayPal(number)).toMatchObject([
      { id: sent.paypalId, status: "SENT", amount: { amountMinor: prices === "exclusive" ? 11899n : 9999n }, reference: `invoice:${id}` },
    ]);
  });

  it("are one at PayPal however many ask for it at once, and again later", async () => {
    const { who, id, number } = await issued();
    await Promise.all(Array.from({ length: 8 }, () => sendByPayPal(till, who, id)));
    expect((await sendByPayPal(till, who, id)).status).toBe("SENT");
    expect(await atPayPal(number)).toHaveLength(1);
  });

  it.each(["reset", "empty"] as const)("are found again by their number when PayPal's answer is lost (%s)", async (kind) => {
    const { who, id, number } = await issued();
    till.simulator.inject({ operation: "invoices.create", kind });
    const lost = await sendByPayPal(till, who, id);
    expect(lost).toMatchObject({ status: "CREATING", failureType: "INVOICE_UNCONFIRMED" });
    await letTimePass(id);
    await sweepInvoices(till, 20);
    expect(await readPaypalInvoice(till, who.tenantId, id)).toMatchObject({ status: "SENT", failureType: null });
    expect(await atPayPal(number)).toHaveLength(1);
  });

  it("are sent once more when it is not known whether they were", async () => {
    const { who, id } = await issued();
    till.simulator.inject({ operation: "invoices.send", kind: "refuse", status: 500, issue: "INTERNAL_SERVER_ERROR" });
    expect(await sendByPayPal(till, who, id)).toMatchObject({ status: "DRAFT", failureType: "INVOICE_UNCONFIRMED" });
    await letTimePass(id);
    await sweepInvoices(till, 20);
    expect(await readPaypalInvoice(till, who.tenantId, id)).toMatchObject({ status: "SENT", failureType: null });
  });

  it("wait ever longer, and hold up nobody, while there are no credentials to ask with", async () => {
    const { who, id } = await issued();
    till.simulator.inject({ operation: "invoices.create", kind: "reset" });
    await sendByPayPal(till, who, id);
    await letTimePass(id);
    const bare = { ...till, paypal: () => Promise.reject(errors.unavailable("There are no credentials.")) };
    await expect(sweepInvoices(bare, 20)).rejects.toMatchObject({ type: "SERVICE_UNAVAILABLE" });
    const waiting = await readPaypalInvoice(till, who.tenantId, id);
    expect(waiting).toMatchObject({ status: "CREATING", claimedUntil: null, failureType: "SERVICE_UNAVAILABLE" });
    expect(waiting!.nextCheckAt!.getTime()).toBeGreaterThan(Date.now());
    await letTimePass(id);
    await sweepInvoices(till, 20);
    expect(await readPaypalInvoice(till, who.tenantId, id)).toMatchObject({ status: "SENT" });
  });

  it("are paid here when they are paid there, however often and in what order that is told", async () => {
    const one = await issued();
    const { paypalId } = await sendByPayPal(till, one.who, one.id);
    till.simulator.tell(`invoices/${paypalId}/pay`);
    const invoice = { id: paypalId, status: "SENT", detail: { reference: `invoice:${one.id}` } };
    const told5 = ["PAID", "UPDATED", "CREATED", "PAID", "PAID"].map((what) => told(one.who, `INVOICING.INVOICE.${what}`, invoice));
    expect(new Set(await Promise.all(told5)).has("ignored")).toBe(false);
    expect(await told(one.who, "INVOICING.INVOICE.PAID", invoice)).toBe("done");
    expect(await statusOf(one)).toBe("paid");
    expect(await readPaypalInvoice(till, one.who.tenantId, one.id)).toMatchObject({ status: "PAID", dueMinor: 0n });
    const { rows } = await till.database.admin.query("select 1 from payment.events where stream = $1 and type = 'invoice.paid'", [
      `invoice:${one.id}`,
    ]);
    expect(rows).toHaveLength(1);
  });

  it("can be reminded of and cancelled where PayPal allows it, and refusals say why", async () => {
    const { who, id } = await issued();
    await expect(doAtPayPal(till, who.tenantId, id, (paypal, of) => paypal.cancel(of))).rejects.toMatchObject({
      type: "INVOICE_STATE_CONFLICT",
    });
    await sendByPayPal(till, who, id);
    const remind = () => doAtPayPal(till, who.tenantId, id, (paypal, of) => paypal.remind(of, "Please"));
    expect((await remind()).status).toBe("SENT");
    expect((await doAtPayPal(till, who.tenantId, id, (paypal, of) => paypal.cancel(of))).status).toBe("CANCELLED");
    await expect(remind()).rejects.toMatchObject({ type: "INVOICE_STATE_CONFLICT", data: { issue: "CANNOT_REMIND_INVOICE" } });
    expect(await statusOf({ who, id })).toBe("issued");
  });

  it("are not handed over twice under one number, nor without an address, nor as drafts; what is refused can be tried again", async () => {
    const { who, id, number } = await issued();
    const foreign = await (
      await till.paypal("")
    ).connection.send(
      { method: "POST", path: "/v2/invoicing/invoices", body: { detail: { invoice_number: number, currency_code: "EUR" } } },
      () => true as const,
    );
    expect(foreign.outcome).toBe("ok");
    for (let again = 0; again < 2; again++)
      await expect(sendByPayPal(till, who, id)).rejects.toMatchObject({
        type: "PAYPAL_INVOICE_REFUSED",
        data: { issue: "DUPLICATE_INVOICE_NUMBER" },
      });
    const silent = await issued({ email: "" });
    await expect(sendByPayPal(till, silent.who, silent.id)).rejects.toMatchObject({ type: "VALIDATION_FAILED" });
  });

  it("of another organisation are not found, and what a merchant made at PayPal itself is none of ours", async () => {
    const [one, other] = [await issued(), await issued()];
    await expect(sendByPayPal(till, other.who, one.id)).rejects.toMatchObject({ type: "INVOICE_NOT_FOUND" });
    await expect(readPaypalInvoice(till, other.who.tenantId, one.id)).rejects.toMatchObject({ type: "INVOICE_NOT_FOUND" });
    const { paypalId } = await sendByPayPal(till, one.who, one.id);
    const invoice = { id: paypalId, detail: { reference: `invoice:${one.id}` } };
    expect(await told(other.who, "INVOICING.INVOICE.PAID", invoice)).toBe("ignored");
    expect(await told(one.who, "INVOICING.INVOICE.PAID", { id: "INV2-FOREIGN" })).toBe("ignored");
    const unconfirmed = await issued();
    expect(
      await told(unconfirmed.who, "INVOICING.INVOICE.CREATED", { id: "INV2-NEW", detail: { reference: `invoice:${unconfirmed.id}` } }),
    ).toBe("waits");
  });
});
