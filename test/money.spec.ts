import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { startPayPalSimulator, type Simulator } from "../services/payment/simulator/server.ts";
import { testDatabase, type TestDatabase } from "./database.ts";
import { until } from "./edge.ts";
import { testNode, type TestNode } from "./node.ts";

/** A problem document (RFC 9457) or an answer. */
interface Answer {
  status: number;
  mediaType: string;
  body: Record<string, unknown> & { data?: unknown; errors?: { pointer: string; detail: string }[] };
}

describe("money over the API, in currencies with two decimals and with none", () => {
  let database: TestDatabase;
  let simulator: Simulator;
  let node: TestNode;
  let edge: string;
  const tokens: Record<"acme" | "other", string> = { acme: "", other: "" };
  type Who = keyof typeof tokens;
  beforeAll(async () => {
    database = await testDatabase();
    simulator = await startPayPalSimulator();
    Object.assign(process.env, { PAYPAL_URL: simulator.url, PAYPAL_CLIENT_ID: "client", PAYPAL_CLIENT_SECRET: "secret" });
    node = await testNode(["payment", "auth", "api"], database);
    edge = (node.broker.getLocalService("api") as unknown as { address: string }).address;
    for (const organisation of ["acme", "other"] as const) {
      const account = { organisation, email: `owner@${organisation}.example`, password: "correct horse battery staple" };
      // An edge learns a moment after its start which routes there are.
      const answer = await until(
        async () => {
          const answer = await ask("POST", "/organisations", account, null);
          return ![404, 503].includes(answer.status) && answer;
        },
        "the routes",
        30_000,
      );
      tokens[organisation] = dataOf<{ token: string }>(answer).token;
    }
  });
  afterAll(async () => {
    await node?.stop();
    await simulator?.close();
    await database?.drop();
  });

  async function ask(method: "GET" | "POST", path: string, body?: object, who: Who | null = "acme", key?: string): Promise<Answer> {
    const answer = await fetch(`${edge}/api/v1${path}`, {
      method,
      headers: {
        ...(who && { authorization: `Bearer ${tokens[who]}` }),
        ...(body && { "content-type": "application/json" }),
        ...(key && { "idempotency-key": key }),
      },
      ...(body && { body: JSON.stringify(body) }),
    });
    const mediaType = answer.headers.get("content-type") ?? "";
    return { status: answer.status, mediaType, body: (await answer.json()) as Answer["body"] };
  }
  const dataOf = <T>({ status, body }: Answer): T => {
    if (status >= 300) throw new Error(`${status}: ${JSON.stringify(body)}`);
    return body.data as T;
  };
  interface Payment {
    id: string;
    status: string;
    amount: string;
    paypalPaymentId: string;
  }
  /** A payment whose payer has agreed and that was captured. */
  async function charged(amount: string, currency: string): Promise<Payment> {
    const created = dataOf<Payment>(await ask("POST", "/payments", { amount, currency }));
    simulator.approve(created.paypalPaymentId);
    const payment = dataOf<Payment>(await ask("POST", `/payments/${created.id}/settle`, {}));
    expect(payment).toMatchObject({ status: "captured", amount, currency });
    return payment;
  }
  /** What may not change by what is refused. */
  const counted = async () => {
    const tables = ["payments", "payment_attempts", "captures", "refunds", "ledger_entries", "events"];
    const counts = await database.admin.query(
      `select ${tables.map((table) => `(select count(*)::int from payment.${table}) as ${table}`).join(", ")}`,
    );
    return { ...(counts.rows[0] as object), orders: simulator.orders(), captures: simulator.captures() };
  };

  it("charges, gives back a part and reports in USD, EUR, JPY and HUF, each by itself", async () => {
    for (const [currency, amount, part] of [
      ["USD", "19.99", "5.01"],
      ["EUR", "0.30", "0.10"],
      ["JPY", "1000", "1"],
      ["HUF", "25000", "12345"],
    ] as const) {
      const { id } = await charged(amount, currency);
      expect(dataOf(await ask("POST", `/payments/${id}/refunds`, { amount: part, currency }))).toMatchObject({
        status: "completed",
        amount: part,
        currency,
      });
      expect(dataOf(await ask("GET", `/payments/${id}`))).toMatchObject({ status: "partially_refunded", amount });
    }
    // The read model follows the ledger; entries wait for older transactions on the server.
    const rows = await until(
      async () => {
        const data = (await ask("GET", "/reports/finance?step=all")).body.data as { refundCount: number }[];
        return data.length === 4 && data.every(({ refundCount }) => refundCount === 1) && data;
      },
      "the report",
      30_000,
    );
    expect(rows).toMatchObject([
      { currency: "EUR", revenue: "0.30", refunds: "0.10" },
      { currency: "HUF", revenue: "25000", refunds: "12345" },
      { currency: "JPY", revenue: "1000", refunds: "1" },
      { currency: "USD", revenue: "19.99", refunds: "5.01" },
    ]);
    expect((await ask("GET", "/reports/finance?step=all", undefined, "other")).body.data).toEqual([]);
    const sums = await database.admin.query<{ currency: string }>(
      "select currency from payment.ledger_lines group by tenant_id, currency having sum(amount_minor) <> 0",
    );
    expect(sums.rows).toEqual([]);
  });

  it.each([
    ["10.00", "XYZ", ["/currency"], "must be one of"],
    ["10.00", "BHD", ["/currency"], "must be one of"],
    ["10.00", "usd", ["/currency"], "must be one of"],
    ["-10.00", "EUR", ["/amount"], "must not be negative"],
    ["10.001", "EUR", ["/amount"], "at most 2 decimals"],
    ["1000.5", "JPY", ["/amount"], "whole"],
    ["25000.00", "HUF", ["/amount"], "whole"],
    ["0", "EUR", ["/amount"], "more than zero"],
    ["1e3", "EUR", ["/amount"], "decimal string"],
    ["12,50", "EUR", ["/amount"], "decimal string"],
    ["", "EUR", ["/amount"], "decimal string"],
    ["1000000000000000.00", "EUR", ["/amount"], "at most 15 digits"],
    ["-1.5", "XYZ", ["/currency", "/amount"], "negative"],
    [12.5, "EUR", ["/amount"], "string"],
  ])("refuses %s %s with a problem that names every fault, and nothing changes", async (amount, currency, pointers, words) => {
    const before = await counted();
    const { status, mediaType, body } = await ask("POST", "/payments", { amount, currency });
    expect({ status, type: body["code"] ?? body["type"] }).toMatchObject({ status: 422 });
    expect(mediaType).toContain("application/problem+json");
    expect(body.errors?.map(({ pointer }) => pointer)).toEqual(pointers);
    expect(body.errors?.map(({ detail }) => detail).join()).toContain(words);
    expect(await counted()).toEqual(before);
  });

  it("refuses to give back more than was captured, in too fine an amount, in another currency or of another organisation, and nothing changes", async () => {
    const { id } = await charged("30.00", "EUR");
    const before = await counted();
    for (const [wish, status, who] of [
      [{ amount: "30.01" }, 422, "acme"],
      [{ amount: "1.001" }, 422, "acme"],
      [{ amount: "-1" }, 422, "acme"],
      [{ amount: "0" }, 422, "acme"],
      [{ amount: "1.00", currency: "USD" }, 422, "acme"],
      [{ amount: "1.00", currency: "XYZ" }, 422, "acme"],
      [{ amount: "1.00" }, 404, "other"],
    ] as const) {
      const refused = await ask("POST", `/payments/${id}/refunds`, wish, who);
      expect({ wish, status: refused.status }).toEqual({ wish, status });
      expect(refused.mediaType).toContain("application/problem+json");
    }
    expect(await counted()).toEqual(before);
  });

  it("gives back no more than was captured when twelve ask at once", async () => {
    const { id } = await charged("1000", "JPY");
    const answers = await Promise.all(Array.from({ length: 12 }, () => ask("POST", `/payments/${id}/refunds`, { amount: "100" })));
    expect(answers.map(({ status }) => status).toSorted()).toEqual([...Array<number>(10).fill(201), 422, 422]);
    for (const { status, body } of answers) if (status !== 201) expect(JSON.stringify(body)).toMatch(/\b0\b/);
    expect(dataOf(await ask("GET", `/payments/${id}`))).toMatchObject({ status: "refunded" });
  });
});
