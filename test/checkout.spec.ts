import { randomUUID } from "node:crypto";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import type { Browser, Page } from "playwright-core";
import { call } from "../config/calls.ts";
import { serviceClaim } from "../mixins/claim.ts";
import { freePort } from "../scripts/servers/memory.ts";
import { startPayPalSimulator, type Simulator } from "../services/payment/simulator/server.ts";
import { testDatabase, type TestDatabase } from "./database.ts";
import { testNode, type TestNode } from "./node.ts";
import { startChromium } from "./servers/chromium.ts";

/** A shop of its own on loopback, to which payers come back. */
async function startShop(): Promise<{ server: Server; url: string }> {
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? "/", "http://shop");
    response.writeHead(200, { "content-type": "text/html" }).end(`<!doctype html><title>Shop</title><h1>${pathname}</h1>`);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

describe("a checkout in a browser", () => {
  let database: TestDatabase;
  let simulator: Simulator;
  let node: TestNode;
  let browser: Browser;
  let shop: Awaited<ReturnType<typeof startShop>>;
  let page: Page;
  const complaints: string[] = [];
  beforeAll(async () => {
    [database, simulator, browser, shop] = await Promise.all([testDatabase(), startPayPalSimulator(), startChromium(), startShop()]);
    const port = String(await freePort());
    Object.assign(process.env, { PORT: port, PUBLIC_URL: `http://127.0.0.1:${port}` });
    Object.assign(process.env, { PAYPAL_URL: simulator.url, PAYPAL_CLIENT_ID: "client", PAYPAL_CLIENT_SECRET: "secret" });
    node = await testNode(["payment", "auth", "api"], database);
  }, 180_000);
  afterAll(async () => {
    await browser?.close();
    await node?.stop();
    await simulator?.close();
    shop?.server.close();
    await database?.drop();
  });
  beforeEach(async () => {
    page = await browser.newPage();
    // A page's own policy refuses what it does not mean to load or run.
    page.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
    page.on("pageerror", (error) => complaints.push(error.message));
  });
  afterEach(async () => {
    await page.close();
    expect(complaints.splice(0)).toEqual([]);
  });

  const tenantId = randomUUID();
  const claim = () => serviceClaim(process.env["CLUSTER_SECRET"] ?? "", "test", tenantId, ["payment:read", "payment:write"]);
  const create = async (back = {}) =>
    await call(
      node.broker,
      "payment.create",
      { amount: "12.50", currency: "EUR", description: "Plan <b>", ...back },
      { meta: { claim: await claim() } },
    );
  const statusOf = async (id: string) => (await call(node.broker, "payment.get", { id }, { meta: { claim: await claim() } })).status;

  it("ends with a captured payment and the payer back in the shop", async () => {
    const payment = await create({ returnUrl: `${shop.url}/thanks`, cancelUrl: `${shop.url}/basket` });
    await page.goto(payment.approvalUrl!);
    expect(await page.getByRole("heading").innerText()).toContain("12.50 EUR");
    expect(await page.locator("body").innerText()).toContain("Plan <b>");
    await page.getByRole("button", { name: "Approve" }).click();
    await page.waitForURL(`${shop.url}/thanks?*`);
    expect(new URL(page.url()).searchParams.get("paymentId")).toBe(payment.id);
    expect(new URL(page.url()).searchParams.get("status")).toBe("captured");
    expect(await statusOf(payment.id)).toBe("captured");
    expect(simulator.captures()).toBe(1);
  });

  it("thanks a payer who has no shop to go back to", async () => {
    const payment = await create();
    await page.goto(payment.approvalUrl!);
    await page.getByRole("button", { name: "Approve" }).click();
    await page.getByText("You paid. Thank you.").waitFor();
    expect(await page.title()).toBe("12.50 EUR");
    // Going back and forth, as payers do, pays no second time.
    await page.reload();
    await page.getByText("You paid. Thank you.").waitFor();
    await page.goBack();
    await page.goForward();
    expect(simulator.captures()).toBe(2);
    expect(await statusOf(payment.id)).toBe("captured");
  });

  it("lets a payer cancel, come back and pay after all", async () => {
    const payment = await create({ cancelUrl: undefined });
    await page.goto(payment.approvalUrl!);
    await page.getByRole("button", { name: "Cancel" }).click();
    await page.getByText("This payment has not been made.").waitFor();
    expect(await statusOf(payment.id)).toBe("pending");
    await page.getByRole("link", { name: "Pay at PayPal" }).click();
    await page.getByRole("button", { name: "Approve" }).click();
    await page.getByText("You paid. Thank you.").waitFor();
    expect(await statusOf(payment.id)).toBe("captured");
  });

  it("can be done by keyboard alone, on pages that name their language", async () => {
    const payment = await create();
    await page.goto(payment.approvalUrl!);
    expect(await page.locator("html").getAttribute("lang")).toBe("en");
    const focused = page.locator("button:focus", { hasText: "Approve" });
    for (let presses = 0; presses < 10 && (await focused.count()) === 0; presses++) await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    await page.getByText("You paid. Thank you.").waitFor();
    expect(await page.locator("html").getAttribute("lang")).toBe("en");
  });
});
