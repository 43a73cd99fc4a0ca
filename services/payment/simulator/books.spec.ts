import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { startPayPalSimulator, type Simulator } from "./server.ts";
import { openShop } from "./shop.ts";

const day = 86_400_000;
type Shop = ReturnType<typeof openShop>;
const eur = (minor: number) => ({
  currency_code: "EUR",
  value: String(minor)
    .padStart(3, "0")
    .replace(/(\d\d)$/, ".$1"),
});
/** "-12.50" → -1250 */
const cents = (value: string) => Number(value.replace(".", ""));

const steps = ["pay", "hold", "capture", "refund", "reverse", "dispute", "win", "lose", "appeal", "settle", "void", "subscribe"] as const;
const step = fc.record({
  what: fc.constantFrom(...steps),
  pick: fc.nat(9),
  cents: fc.integer({ min: 1, max: 3_000 }),
  merchant: fc.nat(1),
});

/** What a merchant has made so far. */
interface Owned {
  shop: Shop;
  planId: string;
  captures: string[];
  authorizations: string[];
  disputes: string[];
}

interface Paid {
  id: string;
  status: string;
  amount: { value: string };
}
interface CaptureBody extends Paid {
  seller_receivable_breakdown?: { net_amount: { value: string } };
  supplementary_data: { related_ids: { order_id?: string } };
}
interface RefundBody extends Paid {
  seller_payable_breakdown: { net_amount: { value: string } };
  links: { href: string }[];
}
interface OrderBody {
  purchase_units: { payments: { captures?: Paid[]; authorizations?: Paid[]; refunds?: RefundBody[] } }[];
}
interface DisputeBody {
  status: string;
  dispute_amount: { value: string };
  dispute_life_cycle_stage: string;
  money_movements?: { reason: string; amount: { value: string } }[];
}

describe("the books of the PayPal simulator", () => {
  let simulator: Simulator;
  beforeAll(async () => {
    simulator = await startPayPalSimulator();
  });
  afterAll(() => simulator.close());

  async function open(): Promise<Owned> {
    const shop = openShop(simulator);
    simulator.configure(shop.clientId, { searchLagMs: 0, returnsFees: true });
    const { id } = (await shop.ask("POST /v1/catalogs/products", { name: "Sync" })).body;
    const cycle = {
      tenure_type: "REGULAR",
      sequence: 1,
      total_cycles: 2,
      frequency: { interval_unit: "DAY" },
      pricing_scheme: { fixed_price: eur(500) },
    };
    const plan = await shop.ask("POST /v1/billing/plans", {
      product_id: id,
      name: "Plan",
      billing_cycles: [cycle],
      payment_preferences: {},
    });
    return { shop, planId: plan.body.id, captures: [], authorizations: [], disputes: [] };
  }
  /** Tells the simulator something that it may well refuse. */
  function tell(control: string, body?: object): { dispute_id?: string } {
    try {
      return simulator.tell(control, body) as { dispute_id?: string };
    } catch {
      return {};
    }
  }

  async function take(
    { what, pick, cents: minor }: { what: (typeof steps)[number]; pick: number; cents: number },
    of: Owned,
  ): Promise<void> {
    const { shop, captures, authorizations, disputes } = of;
    const one = (ids: string[]) => ids[pick % ids.length] ?? "NONE";
    const { value } = eur(minor);
    switch (what) {
      case "pay":
        if (pick === 0) simulator.decide({ about: "capture", status: "PENDING", merchant: shop.clientId });
        captures.push(await shop.captured(value));
        return;
      case "hold":
        authorizations.push(await shop.authorized(value));
        return;
      case "capture": {
        const made = await shop.ask(`POST /v2/payments/authorizations/${one(authorizations)}/capture`, { amount: eur(minor) });
        if (made.status === 201) captures.push(made.body.id);
        return;
      }
      case "refund":
        if (pick === 0) simulator.decide({ about: "refund", status: "PENDING", merchant: shop.clientId });
        await shop.ask(`POST /v2/payments/captures/${one(captures)}/refund`, pick % 3 ? { amount: eur(minor) } : {});
        return;
      case "reverse":
        return void tell(`captures/${one(captures)}/reverse`, { value });
      case "dispute": {
        const { dispute_id } = tell(`captures/${one(captures)}/dispute`, pick % 2 ? { channel: "EXTERNAL" } : { value });
        if (dispute_id) disputes.push(dispute_id);
        return;
      }
      case "win":
        return void tell(`disputes/${one(disputes)}/resolve`, { outcome: "RESOLVED_SELLER_FAVOUR" });
      case "lose":
        return void tell(`disputes/${one(disputes)}/resolve`, { outcome: "RESOLVED_BUYER_FAVOUR" });
      case "appeal":
        await shop.ask(`POST /v1/customer/disputes/${one(disputes)}/appeal`, {});
        return;
      case "settle":
        return void tell(`captures/${one(captures)}/${pick % 2 ? "complete" : "deny"}`);
      case "void":
        await shop.ask(`POST /v2/payments/authorizations/${one(authorizations)}/void`, {});
        return;
      case "subscribe": {
        const { id } = (await shop.ask("POST /v1/billing/subscriptions", { plan_id: of.planId })).body;
        simulator.approve(id);
        simulator.advance(day);
        return;
      }
    }
  }

  /** What the merchant's own resources say that the account must hold: net of payments, less what went back, is kept back, or was charged. */
  async function expected({ shop, captures, disputes }: Owned, sales: string[]): Promise<number> {
    let sum = 0;
    const orders = new Set<string>();
    for (const id of [...captures, ...sales]) {
      const { body } = await shop.ask<CaptureBody>(`GET /v2/payments/captures/${id}`);
      sum += cents(body.seller_receivable_breakdown?.net_amount.value ?? "0");
      if (body.supplementary_data.related_ids.order_id) orders.add(body.supplementary_data.related_ids.order_id);
    }
    for (const id of orders) {
      const { body } = await shop.ask<OrderBody>(`GET /v2/checkout/orders/${id}`);
      const { captures: taken = [], authorizations: [held] = [], refunds = [] } = body.purchase_units[0]!.payments;
      const back = (captureId: string) =>
        refunds.filter(({ links, status }) => status !== "FAILED" && status !== "CANCELLED" && links[1]!.href.endsWith(captureId));
      for (const capture of taken) {
        const gone = back(capture.id).reduce((total, { amount }) => total + cents(amount.value), 0);
        expect(gone).toBeLessThanOrEqual(cents(capture.amount.value));
        expect(capture.status === "REFUNDED").toBe(gone === cents(capture.amount.value));
      }
      for (const refund of refunds) if (refund.status === "COMPLETED") sum -= cents(refund.seller_payable_breakdown.net_amount.value);
      const drawn = taken.filter(({ status }) => status !== "DECLINED").reduce((total, { amount }) => total + cents(amount.value), 0);
      if (held) expect(drawn).toBeLessThanOrEqual(Math.floor((cents(held.amount.value) * 115 + 50) / 100));
    }
    for (const id of disputes) {
      const { body } = await shop.ask<DisputeBody>(`GET /v1/customer/disputes/${id}`);
      if (body.status !== "RESOLVED" && body.dispute_life_cycle_stage !== "PRE_ARBITRATION") sum -= cents(body.dispute_amount.value);
      for (const { reason, amount } of body.money_movements ?? []) if (reason === "CHARGEBACK_FEE") sum -= cents(amount.value);
    }
    return sum;
  }

  /** The report's lines, the balance and the resources agree. */
  async function check(owned: Owned): Promise<void> {
    const { reports } = owned.shop;
    const now = Date.parse((simulator.tell("clock", { ms: 0 }) as { now: string }).now);
    const { result } = await reports.searchTransactions({
      startDate: new Date(now - 29 * day).toISOString(),
      endDate: new Date(now + day).toISOString(),
      pageSize: 500,
    });
    const lines = (result.transactionDetails ?? []).map(({ transactionInfo }) => transactionInfo!);
    const moved = lines.reduce((sum, line) => sum + cents(line.transactionAmount!.value) + cents(line.feeAmount?.value ?? "0"), 0);
    const sales = lines.filter((line) => line.transactionEventCode === "T0002").map((line) => line.transactionId!);
    expect(moved).toBe(await expected(owned, sales));
    const { balances } = (await reports.searchBalances({ currencyCode: "EUR" })).result;
    expect(cents(balances?.[0]?.availableBalance?.value ?? "0")).toBe(moved);
  }

  it("sum up, whatever merchants, payers, banks and PayPal do, and each merchant's without the other's", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 25 }), async (taken) => {
        const merchants = [await open(), await open()];
        for (const one of taken) await take(one, merchants[one.merchant]!);
        for (const merchant of merchants) await check(merchant);
      }),
      { numRuns: 25, seed: 11, endOnFailure: true },
    );
  });
});
