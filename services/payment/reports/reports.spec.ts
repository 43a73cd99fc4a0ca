import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it, jest } from "@jest/globals";
import type { ServiceBroker } from "moleculer";
import { call, type ActionMap } from "../../../config/calls.ts";
import type { Permission } from "../../../config/permissions.ts";
import { serviceClaim } from "../../../mixins/claim.ts";
import type { Database, Em } from "../../../mixins/database.ts";
import { testDatabase, type TestDatabase } from "../../../test/database.ts";
import { until } from "../../../test/edge.ts";
import { testNode, type TestNode } from "../../../test/node.ts";
import { creditInvoice } from "../invoices/credit.ts";
import { draftInvoice } from "../invoices/drafts.ts";
import { issueInvoice } from "../invoices/issue.ts";
import { postCapture, postDisputeLoss, postRefund } from "../ledger/post.ts";
import type { Currency } from "../money.ts";
import { writeSeller } from "../seller/seller.ts";
import { plantRates } from "../tax/seed.ts";

let world: TestDatabase;
let node: TestNode;
let db: Database;
let edge: string;
const [acme, other] = [randomUUID(), randomUUID()];
const payment = randomUUID();

beforeAll(async () => {
  world = await testDatabase();
  db = await world.open("payment");
  node = await testNode(["payment", "auth", "api"], world);
  edge = (node.broker.getLocalService("api") as unknown as { address: string }).address;
  await plantRates(db);
  await fill();
});
afterAll(async () => {
  await node?.stop();
  await world?.drop();
});

const claimOf = (tenantId: string, may: Permission[] = ["payment:read", "payment:manage"]) =>
  serviceClaim(process.env["CLUSTER_SECRET"] ?? "", "test", tenantId, may);
async function ask<N extends keyof ActionMap & `payment.${string}`>(name: N, params: ActionMap[N]["params"], of = acme) {
  return await call(node.broker, name, params, { meta: { claim: await claimOf(of) } });
}
const post = (work: (em: Em) => Promise<unknown>, of = acme) => db.tenant(of, work);

const captured = (objectId: string, at: string, amountMinor: bigint, currency: Currency, fee: bigint, more: object = {}, tenantId = acme) =>
  post(
    (em) =>
      postCapture(em, {
        tenantId,
        paymentId: payment,
        objectId,
        at: new Date(at),
        gross: { amountMinor, currency },
        fee,
        settled: null,
        ...more,
      }),
    tenantId,
  );

/** Four currencies, over the end of a day and of a month. */
async function fill(): Promise<void> {
  await world.admin.query(
    `insert into payment.payments (id, tenant_id, amount, amount_minor, currency) values ($1, $2, 100, 10000, 'USD')`,
    [payment, acme],
  );
  await captured("C1", "2026-10-30T10:00:00Z", 10_000n, "USD", 320n);
  await captured("C2", "2026-10-31T23:30:00Z", 5_000n, "USD", 180n, { method: "card" });
  await captured("C3", "2026-10-31T12:00:00Z", 3_333n, "EUR", 130n);
  await captured("C4", "2026-11-01T00:10:00Z", 10_000n, "JPY", 400n);
  await captured("C5", "2026-11-01T00:10:00Z", 25_000n, "HUF", 900n);
  const of = { tenantId: acme, paymentId: payment, at: new Date("2026-11-01T12:00:00Z") };
  const usd = (amountMinor: bigint) => ({ amountMinor, currency: "USD" as const });
  await post((em) => postRefund(em, { ...of, objectId: "R1", captureId: "C2", gross: usd(2_000n), feeReturned: 0n, settled: null }));
  await post((em) => postDisputeLoss(em, { ...of, objectId: "D1", captureId: "C1", amount: usd(10_000n), fee: 1_500n }));
  await captured("X1", "2026-10-31T12:00:00Z", 77_700n, "USD", 0n, {}, other);
}

const october = { from: "2026-10-01", to: "2026-11-30" };
/** The report once everything is in it: entries wait for older transactions on the server, those of other suites among them. */
const report = (params: ActionMap["payment.reports.finance"]["params"]) =>
  until(
    async () => {
      const { data } = await ask("payment.reports.finance", { ...october, step: "all" });
      return (
        data.reduce((sum, { captures, refundCount }) => sum + captures + refundCount, 0) >= 6 &&
        (await ask("payment.reports.finance", params))
      );
    },
    "the report",
    30_000,
  );

describe("the financial report", () => {
  it("has revenue, refunds, chargebacks, fees and net of each currency by itself", async () => {
    const { data, pagination } = await report({ ...october, step: "all" });
    const row = { from: "2026-10-01", method: null, tax: "0.00", refunds: "0.00", chargebacks: "0.00", refundCount: 0, captures: 1 };
    expect(data).toEqual([
      { ...row, currency: "EUR", revenue: "33.33", fees: "1.30", net: "32.03" },
      { ...row, currency: "HUF", revenue: "25000", fees: "900", net: "24100", refunds: "0", chargebacks: "0", tax: "0" },
      { ...row, currency: "JPY", revenue: "10000", fees: "400", net: "9600", refunds: "0", chargebacks: "0", tax: "0" },
      {
        ...row,
        currency: "USD",
        revenue: "150.00",
        refunds: "20.00",
        chargebacks: "100.00",
        fees: "20.00",
        net: "10.00",
        captures: 2,
        refundCount: 1,
      },
    ]);
    expect(pagination.hasNext).toBe(false);
  });

  it("cuts days and months by the clocks of the time zone", async () => {
    const usd = async (timeZone: string, step: "day" | "month") =>
      (await report({ ...october, timeZone, step })).data
        .filter(({ currency }) => currency === "USD")
        .map(({ from, revenue }) => [from, revenue]);
    expect(await usd("UTC", "day")).toEqual([
      ["2026-10-30", "100.00"],
      ["2026-10-31", "50.00"],
      ["2026-11-01", "0.00"],
    ]);
    expect(await usd("Europe/Berlin", "day")).toEqual([
      ["2026-10-30", "100.00"],
      ["2026-11-01", "50.00"],
    ]);
    expect(await usd("Europe/Berlin", "month")).toEqual([
      ["2026-10-01", "100.00"],
      ["2026-11-01", "50.00"],
    ]);
    expect(await usd("Asia/Kathmandu", "day")).toEqual([
      ["2026-10-30", "100.00"],
      ["2026-11-01", "50.00"],
    ]);
    const { data } = await report({ from: "2026-11-01", to: "2026-11-01", timeZone: "Europe/Berlin" });
    expect(data.find(({ currency }) => currency === "USD")?.revenue).toBe("50.00");
  });

  it("has rows per method, a refund's being its capture's, in pages", async () => {
    const first = await report({ ...october, step: "all", methods: true, limit: 4 });
    const { cursor } = first.pagination;
    const rest = await ask("payment.reports.finance", { ...october, step: "all", methods: true, limit: 4, cursor: cursor! });
    expect([...first.data, ...rest.data].map(({ currency, method, refunds }) => [currency, method, refunds])).toEqual([
      ["EUR", "paypal", "0.00"],
      ["HUF", "paypal", "0"],
      ["JPY", "paypal", "0"],
      ["USD", "card", "20.00"],
      ["USD", "paypal", "0.00"],
    ]);
    await expect(ask("payment.reports.finance", { ...october, step: "day", cursor: cursor! })).rejects.toMatchObject({
      type: "CURSOR_INVALID",
    });
  });

  it("is the same after it was made anew, and counts nothing twice when many bring it up to date at once", async () => {
    const before = await report({ ...october, methods: true });
    await ask("payment.reports.rebuild", {});
    await Promise.all(Array.from({ length: 6 }, () => ask("payment.reports.finance", october)));
    expect(await ask("payment.reports.finance", { ...october, methods: true })).toEqual(before);
    await world.admin.query(`update payment.report_buckets set revenue = 1 where tenant_id = $1`, [acme]);
    await ask("payment.reports.rebuild", {});
    expect(await ask("payment.reports.finance", { ...october, methods: true })).toEqual(before);
  });

  it("is read while another organisation's part is made anew, however long that takes", async () => {
    await report(october);
    const isThere = `select 1 from payment.report_progress p where (p.transaction, p.position) =
      (select transaction, position from payment.ledger_entries order by transaction desc, position desc limit 1)`;
    await until(
      async () => {
        await ask("payment.reports.finance", october);
        return (await world.admin.query(isThere)).rowCount === 1;
      },
      "all entries",
      30_000,
    );
    await world.admin.query("begin");
    await world.admin.query("lock table payment.ledger_lines in access exclusive mode");
    const rebuilding = ask("payment.reports.rebuild", {}, other);
    const waits = "select 1 from pg_locks where relation = 'payment.ledger_lines'::regclass and not granted";
    try {
      await until(async () => (await world.admin.query(waits)).rowCount! > 0, "the ledger to be summed up", 30_000);
      expect((await ask("payment.reports.finance", october)).data.length).toBeGreaterThan(0);
    } finally {
      await world.admin.query("commit");
    }
    await rebuilding;
    expect((await ask("payment.reports.finance", october, other)).data).toMatchObject([{ revenue: "777.00", captures: 1 }]);
  });

  it("comes as CSV over HTTP, to its own organisation alone", async () => {
    await report(october);
    const get = async (query: string, of: string) => {
      const response = await fetch(`${edge}/api/v1/reports/${query}`, { headers: { authorization: `Bearer ${await claimOf(of)}` } });
      return { status: response.status, type: response.headers.get("content-type"), text: await response.text() };
    };
    const query = "finance.csv?from=2026-10-01&to=2026-11-30&step=month";
    expect(await get(query, acme)).toEqual({
      status: 200,
      type: "text/csv; charset=utf-8; header=present",
      text: [
        "from,currency,method,revenue,refunds,chargebacks,fees,tax,net,captures,refundCount",
        "2026-10-01,EUR,,33.33,0.00,0.00,1.30,0.00,32.03,1,0",
        "2026-10-01,USD,,150.00,0.00,0.00,5.00,0.00,145.00,2,0",
        "2026-11-01,HUF,,25000,0,0,900,0,24100,1,0",
        "2026-11-01,JPY,,10000,0,0,400,0,9600,1,0",
        "2026-11-01,USD,,0.00,20.00,100.00,15.00,0.00,-135.00,0,1",
        "",
      ].join("\r\n"),
    });
    expect((await get(query, other)).text.split("\r\n").slice(1)).toEqual(["2026-10-01,USD,,777.00,0.00,0.00,0.00,0.00,777.00,1,0", ""]);
    expect((await get("finance.csv?from=2026-02-30", acme)).status).toBe(422);
  });

  it("names every fault of its period", async () => {
    const wrong = ask("payment.reports.finance", { from: "2026-11-02", to: "2026-11-01", timeZone: "Europe/Atlantis" });
    await expect(wrong).rejects.toMatchObject({ data: { faults: [{ pointer: "/timeZone" }, { pointer: "/to" }] } });
    await expect(ask("payment.reports.finance", { from: "2020-01-01", to: "2026-11-01" })).rejects.toMatchObject({
      data: { faults: [{ pointer: "/from" }] },
    });
  });
});

describe("the tax report", () => {
  it("has what invoices charged by country and rate less credit notes, in the financial report as well, and nothing of drafts or of another organisation", async () => {
    const tenantId = randomUUID();
    const seller = { name: "Söhne GmbH", street: "Weg 1", postcode: "10115", city: "Berlin", country: "DE", vatId: "DE136695976" };
    await db.tenant(tenantId, (em) => writeSeller(em, tenantId, seller));
    const draft = async (unitAmount: string, country = "DE") => {
      const wish = {
        currency: "EUR",
        items: [{ name: "Plan", quantity: 3, unitAmount }],
        customer: { country },
        buyer: { name: "Käufer AG" },
      };
      return (await db.tenant(tenantId, (em) => draftInvoice(em, { tenantId, userId: null }, wish))).id;
    };
    const issued = async (...of: Parameters<typeof draft>) => {
      const id = await draft(...of);
      return await db.tenant(tenantId, (em) => issueInvoice(em, id, "user:test"));
    };
    const { id } = await issued("33.33");
    await issued("100.00");
    await draft("1.00");
    await db.tenant(tenantId, (em) => creditInvoice(em, id, { amount: "11.90" }, "user:test"));
    const today = new Date().toISOString().slice(0, 10);
    const { data } = await ask("payment.reports.tax", { step: "day" }, tenantId);
    expect(data).toEqual([
      { from: today, currency: "EUR", country: "DE", code: "S", percent: "19", taxable: "389.99", tax: "74.10", documents: 3 },
    ]);
    const finance = await ask("payment.reports.finance", { step: "day" }, tenantId);
    expect(finance.data).toMatchObject([{ from: today, currency: "EUR", revenue: "0.00", tax: "74.10", net: "0.00" }]);
    expect((await ask("payment.reports.finance", { step: "day", methods: true }, tenantId)).data).toEqual([]);
    expect((await ask("payment.reports.tax", {}, other)).data).toEqual([]);
    const headers = { authorization: `Bearer ${await claimOf(tenantId)}` };
    const response = await fetch(`${edge}/api/v1/reports/tax.csv?step=day`, { headers });
    expect(await response.text()).toBe(
      `from,currency,country,code,percent,taxable,tax,documents\r\n${today},EUR,DE,S,19,389.99,74.10,3\r\n`,
    );
  });
});

describe("the report of recurring revenue", () => {
  const subscribed = (tenantId: string, of: Record<string, unknown>) =>
    world.admin.query(
      `insert into payment.subscriptions (id, tenant_id, customer, plan_id, status, cycle_minor, currency, unit, unit_count, paying_since, ended_at)
       select gen_random_uuid(), $1, 'c', gen_random_uuid(), status, cycle_minor, currency, unit, 1, paying_since, ended_at
       from json_populate_record(null::payment.subscriptions, $2)`,
      [tenantId, JSON.stringify(of)],
    );
  const months = (back: number) => {
    const now = new Date();
    return new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() - back, 15)).toISOString();
  };

  it("has what a month brings as each month ended, per currency, as JSON and CSV, and nothing of another organisation", async () => {
    const tenantId = randomUUID();
    await subscribed(tenantId, { status: "active", cycle_minor: 12_000, currency: "USD", unit: "year", paying_since: months(2) });
    await subscribed(tenantId, { status: "active", cycle_minor: 980, currency: "JPY", unit: "month", paying_since: months(1) });
    const over = {
      ...{ status: "cancelled", cycle_minor: 5_000, currency: "USD", unit: "month" },
      ...{ paying_since: months(3), ended_at: months(1) },
    };
    await subscribed(tenantId, over);
    await subscribed(other, { ...over, cycle_minor: 99 });
    const { data } = await ask("payment.reports.recurring", { months: 4 }, tenantId);
    expect(data.map(({ currency, mrr, subscriptions }) => [currency, mrr, subscriptions])).toEqual([
      ["USD", "50.00", 1],
      ["USD", "60.00", 2],
      ["JPY", "980", 1],
      ["USD", "10.00", 1],
      ["JPY", "980", 1],
      ["USD", "10.00", 1],
    ]);
    expect(new Set(data.map(({ month }) => month)).size).toBe(4);
    const response = await fetch(`${edge}/api/v1/reports/mrr.csv?months=1`, {
      headers: { authorization: `Bearer ${await claimOf(tenantId)}` },
    });
    const [header, ...lines] = (await response.text()).split("\r\n");
    expect(header).toBe("month,at,currency,mrr,subscriptions");
    expect(lines.map((line) => line.split(",").slice(2).join())).toEqual(["JPY,980,1", "USD,10.00,1", ""]);
    await expect(ask("payment.reports.recurring", { timeZone: "Mars/Base" })).rejects.toMatchObject({
      data: { faults: [{ pointer: "/timeZone" }] },
    });
  });
});

describe("the operator's prompt", () => {
  interface Command {
    action: (broker: ServiceBroker, args: object) => Promise<void>;
  }
  /** What a command prints. */
  async function printed(command: string, args: object): Promise<string> {
    const { default: commands } = await import("../ledger.repl.ts");
    const found = commands.find((known) => known.command.split(" ")[0] === command)!;
    const said: unknown[] = [];
    const spies = [
      jest.spyOn(console, "table").mockImplementation((data) => void said.push(data)),
      jest.spyOn(console, "log").mockImplementation((...words) => void said.push(words)),
    ];
    try {
      await (found as Command).action(node.broker, { options: {}, ...args });
    } finally {
      for (const spy of spies) spy.mockRestore();
    }
    return JSON.stringify(said);
  }

  it("shows balances and breaks, explains one, writes reports anew, and says why PayPal can't be asked", async () => {
    const id = randomUUID();
    await world.admin.query(
      `insert into payment.reconciliation_breaks (id, tenant_id, kind, object_id, code, currency, at, paypal, run_id)
       values ($1, $2, 'unknown_reference', 'T9', 'T0006', 'EUR', now() - interval '3 days', '{"amount": "7.00", "currency": "EUR", "status": "S"}', $1)`,
      [id, acme],
    );
    expect(await printed("payment:balances", { tenant: acme })).toContain('{"account":"fees","currency":"EUR","balance":"1.30"}');
    expect(await printed("payment:breaks", { tenant: acme })).toMatch(/"unknown_reference".*"ageDays":3,"paypal":"7.00 EUR S"/);
    expect(await printed("payment:breaks", {})).not.toContain("T9");
    await expect(printed("payment:explain", { tenant: other, break: id, note: "Ours." })).rejects.toMatchObject({
      type: "RECONCILIATION_BREAK_NOT_FOUND",
    });
    expect(await printed("payment:explain", { tenant: acme, break: id, note: "A gift." })).toContain("explained");
    expect(await printed("payment:rebuild", { tenant: acme })).toContain("Done.");
    await expect(printed("payment:reconcile", { tenant: acme })).rejects.toMatchObject({ type: "SERVICE_UNAVAILABLE" });
  });
});

describe("the ledger's lists", () => {
  it("show an organisation its entries in pages, latest first, with lines that sum to zero", async () => {
    const all = await ask("payment.ledger.entries", { limit: 200 });
    const paged: unknown[] = [];
    for (let cursor: string | null | undefined; cursor !== null;) {
      const page = await ask("payment.ledger.entries", { limit: 5, ...(cursor && { cursor }) });
      paged.push(...page.data);
      cursor = page.pagination.cursor;
    }
    expect(paged).toEqual(all.data);
    expect(all.data).toHaveLength(14);
    expect(all.data.find(({ objectId, kind }) => objectId === "C2" && kind === "capture")).toMatchObject({
      amount: "50.00",
      currency: "USD",
      method: "card",
      paymentId: payment,
      at: "2026-10-31T23:30:00.000Z",
      lines: [
        { account: "paypal:balance", currency: "USD", amount: "50.00" },
        { account: "revenue", currency: "USD", amount: "-50.00" },
      ],
    });
    const { data } = await ask("payment.ledger.entries", { kind: "capture", to: "2026-10-31T00:00:00Z" });
    expect(data.map(({ objectId }) => objectId)).toEqual(["C1"]);
    expect((await ask("payment.ledger.ofPayment", { id: payment, limit: 200 })).data).toEqual(all.data);
    await expect(ask("payment.ledger.ofPayment", { id: payment }, other)).rejects.toMatchObject({ type: "PAYMENT_NOT_FOUND" });
  });

  it("tell how the accounts stood at a moment", async () => {
    const { balances } = await ask("payment.ledger.balances", { before: "2026-11-01T00:00:00Z" });
    expect(balances).toEqual([
      { account: "fees", currency: "EUR", balance: "1.30" },
      { account: "paypal:balance", currency: "EUR", balance: "32.03" },
      { account: "revenue", currency: "EUR", balance: "-33.33" },
      { account: "fees", currency: "USD", balance: "5.00" },
      { account: "paypal:balance", currency: "USD", balance: "145.00" },
      { account: "revenue", currency: "USD", balance: "-150.00" },
    ]);
    expect((await ask("payment.ledger.balances", {}, other)).balances).toHaveLength(2);
  });
});
