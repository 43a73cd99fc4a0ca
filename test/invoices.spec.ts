import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { call, type ActionMap } from "../config/calls.ts";
import { permissions } from "../config/permissions.ts";
import { serviceClaim } from "../mixins/claim.ts";
import { startPayPalSimulator, type Simulator } from "../services/payment/simulator/server.ts";
import { testDatabase, type TestDatabase } from "./database.ts";
import { until } from "./edge.ts";
import { testNode, type TestNode } from "./node.ts";

const folder = mkdtempSync(join(tmpdir(), "legendo-invoices-"));
let world: TestDatabase;
let simulator: Simulator;
let node: TestNode;
let edge: string;
let acme: { tenantId: string; token: string };
let other: { tenantId: string; token: string };

beforeAll(async () => {
  world = await testDatabase();
  simulator = await startPayPalSimulator();
  Object.assign(process.env, {
    PAYPAL_URL: simulator.url,
    PAYPAL_CLIENT_ID: "client",
    PAYPAL_CLIENT_SECRET: "secret",
    MAIL_FOLDER: folder,
  });
  node = await testNode(["api", "auth", "payment", "notification"], world);
  edge = (node.broker.getLocalService("api") as unknown as { address: string }).address;
  const signUp = (organisation: string) =>
    call(node.broker, "auth.organisations.create", {
      ...{ organisation, email: `${organisation}@example.com`, password: "correct horse battery staple" },
    });
  [acme, other] = [await signUp("acme"), await signUp("other")];
});
afterAll(async () => {
  await node?.stop();
  await simulator?.close();
  await world?.drop();
  rmSync(folder, { recursive: true, force: true });
});

const ask = async <N extends keyof ActionMap>(name: N, params: ActionMap[N]["params"], of = acme): Promise<ActionMap[N]["result"]> =>
  await call(node.broker, name, params, {
    meta: { claim: await serviceClaim(process.env["CLUSTER_SECRET"] ?? "", "test", of.tenantId, [...permissions]) },
  });
const http = (path: string, { token }: { token: string }, headers: Record<string, string> = {}) =>
  fetch(`${edge}/api/v1${path}`, { headers: { Authorization: `Bearer ${token}`, ...headers } });
const mailsAbout = (text: string) =>
  readdirSync(folder)
    .filter((name) => name.endsWith(".eml"))
    .map((name) => readFileSync(join(folder, name), "utf8"))
    .filter((mail) => mail.includes(text));

const seller = { name: "Acme GmbH", street: "Weg 1", postcode: "10115", city: "Berlin", country: "DE", vatId: "DE136695976" };
const sold = {
  ...{ amount: "118.99", currency: "EUR", items: [{ name: "Annual plan", quantity: 3, unitAmount: "33.33" }] },
  customer: { country: "DE", ipCountry: "DE" },
};

/** A payment that its payer has made. */
async function paid(of: typeof acme, email: string): Promise<string> {
  const { id, paypalPaymentId } = await ask("payment.create", { ...sold, buyer: { name: "Käufer AG", email } }, of);
  simulator.approve(paypalPaymentId!);
  expect((await ask("payment.settle", { id }, of)).status).toBe("captured");
  return id;
}
const invoiceOf = (paymentId: string, of = acme) =>
  until(async () => (await ask("payment.invoices.list", { paymentId, status: "paid" }, of)).data[0], "the invoice", 30_000);

describe("a payment with items", () => {
  it("ends as a paid invoice in the buyer's mailbox, once, with the totals that PayPal was told", async () => {
    await ask("payment.seller.set", { ...seller, invoiceOnCapture: true, mailOnIssue: true });
    const paymentId = await paid(acme, "buyer@example.com");
    const invoice = await invoiceOf(paymentId);
    expect(invoice).toMatchObject({ number: "INV-000001", net: "99.99", tax: "19.00", gross: "118.99", buyer: "Käufer AG" });
    const mail = await until(() => Promise.resolve(mailsAbout("INV-000001.pdf")[0]), "the mail", 30_000);
    expect(mail).toContain("To: buyer@example.com");
    const file = await (await http(`/invoices/${invoice.id}/pdf`, acme)).arrayBuffer();
    expect(mail.replace(/\s/g, "")).toContain(Buffer.from(file).toString("base64"));

    // Sent again by hand, to somebody else.
    await ask("payment.invoices.send", { id: invoice.id, to: "books@example.com" });
    await until(
      () => Promise.resolve(mailsAbout("INV-000001.pdf").some((one) => one.includes("To: books@example.com"))),
      "the second mail",
      30_000,
    );
    expect(mailsAbout("INV-000001.pdf")).toHaveLength(2);
  });

  it("is downloaded as PDF and XML, the same each time, by its own organisation alone", async () => {
    const invoice = await invoiceOf(await paid(acme, "buyer@example.com"));
    const pdf = await http(`/invoices/${invoice.id}/pdf`, acme);
    expect([pdf.status, pdf.headers.get("content-type")]).toEqual([200, "application/pdf"]);
    expect((await http(`/invoices/${invoice.id}/pdf`, acme, { "If-None-Match": pdf.headers.get("etag")! })).status).toBe(304);
    const xml = await http(`/invoices/${invoice.id}/xml`, acme);
    expect(xml.headers.get("content-type")).toBe("application/xml");
    expect(await xml.text()).toContain("<ram:GrandTotalAmount>118.99<");
    for (const format of ["pdf", "xml"]) expect((await http(`/invoices/${invoice.id}/${format}`, other)).status).toBe(404);
    await expect(ask("payment.invoices.send", { id: invoice.id, to: "eve@example.com" }, other)).rejects.toMatchObject({
      type: "INVOICE_NOT_FOUND",
    });
  });

  it("makes no invoice and no mail where nobody asked for them", async () => {
    await ask("payment.seller.set", seller, other);
    const paymentId = await paid(other, "silent@example.com");
    // What was told later has been dealt with: the earlier event has too.
    await invoiceOf(await paid(acme, "buyer@example.com"));
    expect((await ask("payment.invoices.list", { paymentId }, other)).data).toEqual([]);
    const { id } = await ask("payment.invoices.create", { paymentId }, other);
    await expect(ask("payment.invoices.send", { id }, other)).rejects.toMatchObject({ type: "INVOICE_STATE_CONFLICT" });
    expect(await ask("payment.invoices.issue", { id }, other)).toMatchObject({ status: "paid", number: "INV-000001" });
    expect(mailsAbout("silent@example.com")).toEqual([]);
  });

  it("is refused with both figures when the amount is another one", async () => {
    const response = await fetch(`${edge}/api/v1/payments`, {
      method: "POST",
      headers: { Authorization: `Bearer ${acme.token}`, "Content-Type": "application/json" },
      body: JSON.stringify({ ...sold, amount: "119.00" }),
    });
    expect(response.status).toBe(422);
    expect(await response.json()).toMatchObject({
      code: "VALIDATION_FAILED",
      errors: [{ pointer: "/amount", detail: "must be what the items come to, 118.99 EUR with 19.00 tax; 119.00 came" }],
    });
  });
});
