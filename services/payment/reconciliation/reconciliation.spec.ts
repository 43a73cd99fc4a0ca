import { randomUUID } from "node:crypto";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { platform, type Principal } from "../../../config/permissions.ts";
import { Capture, type CaptureRow } from "../../../entities/Capture.ts";
import type { LedgerAccount } from "../../../entities/LedgerLine.ts";
import type { PaymentRow } from "../../../entities/Payment.ts";
import { startReport, type Report, type Reported } from "../../../test/paypalreport.ts";
import { testTill, type TestTill } from "../../../test/till.ts";
import { paypalConnection, type PayPalConnection } from "../gateway/connection.ts";
import { trialBalance } from "../ledger/balances.ts";
import { listEntries } from "../ledger/list.ts";
import { formatAmount, type Currency } from "../money.ts";
import { createPayment } from "../orders.ts";
import { createPlan } from "../plans/create.ts";
import { settle } from "../settle.ts";
import { createSubscription } from "../subscriptions/create.ts";
import { gatewayOf } from "../subscriptions/look.ts";
import { paypalOf, type Till } from "../till.ts";
import { changeBreak, listBreaks } from "./breaks.ts";
import { lastComplete, periodOf } from "./period.ts";
import { listRuns, runNow, takeBooks } from "./runs.ts";
import { nextRun, sweepBooks } from "./schedule.ts";
import { booksStanding } from "./standing.ts";

const day = 86_400_000;
/** Days ahead: what happens now is in a day that is over, also if it is midnight meanwhile. */
const now = new Date(Date.now() + 3 * day);
const today = new Date(Math.floor(Date.now() / day) * day);
const period = { from: today, to: new Date(today.getTime() + 2 * day) };
const secret = "secret";

let base: TestTill;
let report: Report;
let connection: PayPalConnection;
let till: Till;
beforeAll(async () => {
  base = await testTill();
  report = await startReport(base.simulator.url);
  connection = paypalConnection({
    ...{ clientId: "client", clientSecret: "secret", url: report.url, timeoutMs: 5_000 },
    breaker: { volumeThreshold: 1_000 },
  });
  const paypal = paypalOf(connection);
  till = { ...base, paypal: () => Promise.resolve(paypal) };
});
afterEach(() => void Object.assign(report, { transactions: [], refusal: undefined, asked: [], most: 10_000 }));
afterAll(async () => {
  connection?.close();
  await report?.close();
  await base?.stop();
});

const principal = (tenantId: string): Principal => ({
  tenantId,
  subject: "user:test",
  userId: randomUUID(),
  permissions: ["payment:write"],
});
const approved = async (tenantId: string, amount = "100.00", currency: Currency = "USD"): Promise<PaymentRow> => {
  const payment = await createPayment(till, principal(tenantId), { amount, currency });
  base.simulator.approve(payment.paypalPaymentId!);
  return payment;
};
const captured = async (tenantId: string, amount?: string, currency?: Currency): Promise<{ payment: PaymentRow; capture: CaptureRow }> => {
  const payment = await settle(till, (await approved(tenantId, amount, currency)).id, { payerActed: true });
  expect(payment.status).toBe("captured");
  return { payment, capture: (await till.db.tenant(tenantId, (em) => em.findOne(Capture, { paymentId: payment.id })))! };
};
/** As PayPal would report a capture. */
const reportOf = ({ payment, capture }: { payment: PaymentRow; capture: CaptureRow }, of: Partial<Reported> = {}): Reported => ({
  transaction_id: capture.paypalId!,
  transaction_event_code: "T0006",
  transaction_initiation_date: new Date(Math.floor(capture.capturedAt!.getTime() / 1_000) * 1_000).toISOString(),
  transaction_status: "S",
  transaction_amount: { currency_code: capture.currency, value: formatAmount(capture.amountMinor, capture.currency as Currency) },
  fee_amount: { currency_code: capture.currency, value: `-${formatAmount(capture.feeMinor!, capture.currency as Currency)}` },
  invoice_id: payment.id,
  custom_field: `${payment.tenantId}:${payment.id}`,
  ...of,
});
const stranger = (id: string, of: Partial<Reported> = {}): Reported => ({
  transaction_id: id,
  transaction_event_code: "T0011",
  transaction_initiation_date: new Date(today.getTime() + 3_600_000).toISOString(),
  transaction_amount: { currency_code: "USD", value: "7.00" },
  ...of,
});
const run = (tenantId: string) => runNow(till, tenantId, period, "user:test", now);
const breaks = async (tenantId: string) =>
  (await listBreaks(till.db, secret, tenantId, {})).data.map(({ kind, objectId, state, note }) => [kind, objectId, state, note]);

interface Balances {
  balances: { currency: string; available_balance: { value: string }; withheld_balance: { value: string } }[];
}

/** What PayPal says that an account has, without currencies of which it has nothing. */
const balancesAt = async (of: PayPalConnection): Promise<string[]> => {
  const answer = await of.send({ method: "GET", path: "/v1/reporting/balances" }, (body) => body as Balances);
  if (answer.outcome !== "ok") throw new Error(JSON.stringify(answer));
  const all = answer.value.balances.flatMap(({ currency, available_balance: { value: free }, withheld_balance: { value: held } }) => [
    `${currency} ${free}`,
    `${currency} ${held} held`,
  ]);
  return all.filter((line) => /[1-9]/.test(line)).sort();
};
/** What the ledger says of the same. */
const bookedBalances = async (tenantId: string, { db }: Till = till): Promise<string[]> => {
  const { balances } = await trialBalance(db, tenantId, now);
  const of: Partial<Record<LedgerAccount, string>> = { "paypal:balance": "", "disputes:held": " held" };
  const booked = balances.filter(({ account, balance }) => account in of && /[1-9]/.test(balance));
  return booked.map(({ account, currency, balance }) => `${currency} ${balance}${of[account]}`).sort();
};

describe("a comparison of the books", () => {
  it("finds nothing where payments, ledger and PayPal agree, in currencies with and without decimals", async () => {
    const tenantId = randomUUID();
    const all = [await captured(tenantId), await captured(tenantId, "1000", "JPY"), await captured(tenantId, "25000", "HUF")];
    report.transactions = all.map((one) => reportOf(one));
    expect(await run(tenantId)).toMatchObject({ status: "completed", transactions: 3, found: 0, healed: 0, startedBy: "user:test" });
    expect(await breaks(tenantId)).toEqual([]);
  });

  it("mends what PayPal has and nobody here has heard of, by a look at the order", async () => {
    const tenantId = randomUUID();
    const payment = await approved(tenantId);
    const { orders } = await base.paypal(tenantId);
    const taken = await orders.captureOrder(payment.paypalPaymentId!, randomUUID());
    if (taken.outcome !== "ok") throw new Error(JSON.stringify(taken));
    const [view] = taken.value.captures;
    const at = { transaction_initiation_date: new Date().toISOString() };
    report.transactions = [
      stranger(view!.id, {
        ...at,
        custom_field: `${tenantId}:${payment.id}`,
        transaction_amount: { currency_code: "USD", value: "100.00" },
      }),
    ];
    expect(await run(tenantId)).toMatchObject({ transactions: 1, found: 1, healed: 1 });
    expect(await breaks(tenantId)).toEqual([["missing_in_ledger", view!.id, "resolved", "A look at PayPal mended it."]]);
    expect(await settle(till, payment.id)).toMatchObject({ status: "captured", captureId: view!.id });
    expect(await run(tenantId)).toMatchObject({ found: 0 });
  });

  it("mends a refund that was made at PayPal's website", async () => {
    const tenantId = randomUUID();
    const paid = await captured(tenantId);
    const made = base.simulator.tell(`captures/${paid.capture.paypalId}/refund`, { value: "20.00" }) as { id: string };
    report.transactions = [
      reportOf(paid),
      stranger(made.id, {
        ...{ transaction_event_code: "T1107", transaction_initiation_date: new Date().toISOString() },
        ...{ transaction_amount: { currency_code: "USD", value: "-20.00" } },
        ...{ paypal_reference_id: paid.capture.paypalId!, paypal_reference_id_type: "TXN" },
      }),
    ];
    expect(await run(tenantId)).toMatchObject({ transactions: 2, found: 1, healed: 1 });
    expect(await settle(till, paid.payment.id)).toMatchObject({ status: "partially_refunded", refundedMinor: 2_000n });
  });

  it("mends the sale of a subscription that no webhook told of", async () => {
    const tenantId = randomUUID();
    const who = principal(tenantId);
    const plan = await createPlan(till, who, {
      name: "Gold",
      currency: "EUR",
      cycles: [{ tenure: "regular", unit: "month", price: "10.00" }],
    });
    const { id, paypalSubscriptionId } = await createSubscription(till, who, { planId: plan.id, customer: "c" });
    base.simulator.approve(paypalSubscriptionId!);
    const gateway = await gatewayOf(till, { tenantId });
    const paid = await gateway.payments(paypalSubscriptionId!, today, now);
    const [sale] = paid.outcome === "ok" ? paid.value : [];
    report.transactions = [
      stranger(sale!.id, {
        ...{ transaction_event_code: "T0002", transaction_initiation_date: sale!.at.toISOString() },
        ...{ transaction_amount: { currency_code: "EUR", value: "10.00" }, custom_field: `${tenantId}:${id}` },
      }),
    ];
    expect(await run(tenantId)).toMatchObject({ transactions: 1, found: 1, healed: 1 });
    expect(await breaks(tenantId)).toMatchObject([["missing_in_ledger", sale!.id, "resolved", "A look at PayPal mended it."]]);
    const { data } = await listEntries(till.db, secret, tenantId, { kind: "capture" });
    expect(data).toMatchObject([{ objectId: sale!.id, subscriptionId: id, paymentId: null, amount: "10.00" }]);
  });

  it("compares in parts what PayPal has more of than it lists at once, and leaves nothing out", async () => {
    const tenantId = randomUUID();
    const all = [await captured(tenantId), await captured(tenantId)];
    const spread = (index: number) => new Date(today.getTime() + index * 3_600_000).toISOString();
    const many = Array.from({ length: 40 }, (_, index) =>
      stranger(`${tenantId}-${index}`, { transaction_initiation_date: spread(index), custom_field: `${tenantId}:${randomUUID()}` }),
    );
    Object.assign(report, { transactions: [...all.map((one) => reportOf(one)), ...many], most: 9 });
    expect(await run(tenantId)).toMatchObject({ status: "completed", transactions: 42, found: 40 });
    expect(await breaks(tenantId)).toHaveLength(40);
    expect(report.asked.length).toBeGreaterThan(8);
  });

  it("leaves to people what differs, and closes it when it is gone", async () => {
    const tenantId = randomUUID();
    const [one, two, three, four] = [
      await captured(tenantId),
      await captured(tenantId),
      await captured(tenantId),
      await captured(tenantId),
    ];
    report.transactions = [
      reportOf(one, { transaction_amount: { currency_code: "USD", value: "99.99" } }),
      reportOf(two, { transaction_amount: { currency_code: "EUR", value: "100.00" } }),
      reportOf(three),
      reportOf(three),
    ];
    expect(await run(tenantId)).toMatchObject({ transactions: 4, found: 4, healed: 0 });
    const open = async () =>
      (await listBreaks(till.db, secret, tenantId, { state: "open" })).data.map(({ kind, objectId }) => [kind, objectId]);
    expect((await open()).sort()).toEqual([
      ["amount_differs", one.capture.paypalId],
      ["currency_differs", two.capture.paypalId],
      ["duplicate_at_paypal", three.capture.paypalId],
      ["missing_at_paypal", four.capture.paypalId],
    ]);
    const { data } = await listBreaks(till.db, secret, tenantId, { kind: "amount_differs" });
    expect(data).toMatchObject([
      { paypal: { amount: "99.99" }, ours: { amount: "100.00", currency: "USD" }, paymentId: one.payment.id, ageDays: 0 },
    ]);
    expect(await booksStanding(till.db, tenantId)).toMatchObject({
      open: expect.arrayContaining([{ kind: "amount_differs", count: 1, oldestDays: 0 }]),
    });

    report.transactions = [one, two, three, four].map((each) => reportOf(each));
    expect(await run(tenantId)).toMatchObject({ found: 0 });
    expect(await open()).toEqual([]);
    expect((await breaks(tenantId)).every(([, , state, note]) => state === "resolved" && note === "It was not found any more.")).toBe(true);
  });

  it("keeps what a person has explained, and opens again what was called resolved and is still there", async () => {
    const tenantId = randomUUID();
    const { capture } = await captured(tenantId);
    const { id: runId } = await run(tenantId);
    const [found] = (await listBreaks(till.db, secret, tenantId, {})).data;
    const change = (state: "explained" | "resolved") =>
      changeBreak(till.db, tenantId, found!.id, { state, note: "Seen.", by: "user:auditor" });
    expect(await change("explained")).toMatchObject({ state: "explained", closedBy: "user:auditor" });
    await run(tenantId);
    expect(await breaks(tenantId)).toEqual([["missing_at_paypal", capture.paypalId, "explained", "Seen."]]);
    await change("resolved");
    await run(tenantId);
    const { rows } = await base.database.admin.query<{ data: object }>(
      `select data from payment.events where tenant_id = $1 and type = 'payment.breaks.found'`,
      [tenantId],
    );
    expect(rows).toMatchObject([{ data: { runId, breaks: 1, open: 1 } }]);
    expect(await breaks(tenantId)).toEqual([["missing_at_paypal", capture.paypalId, "open", "It was found again."]]);
    const theirs = changeBreak(till.db, randomUUID(), found!.id, { state: "resolved", note: "Ours.", by: "user:stranger" });
    await expect(theirs).rejects.toMatchObject({ type: "RECONCILIATION_BREAK_NOT_FOUND" });
  });

  it("shows no organisation the money of another in an account that both share, and gives what is nobody's to the platform", async () => {
    const [ours, theirs] = [randomUUID(), randomUUID()];
    const [mine, other] = [await captured(ours), await captured(theirs)];
    const [unknown, withdrawn] = [randomUUID().slice(0, 17), randomUUID().slice(0, 17)];
    report.transactions = [
      reportOf(mine, { custom_field: "" }),
      reportOf(other, { transaction_amount: { currency_code: "USD", value: "1.00" } }),
      stranger(unknown),
      stranger(withdrawn, { transaction_event_code: "T0400", transaction_amount: { currency_code: "USD", value: "-500.00" } }),
    ];
    expect(await run(ours)).toMatchObject({ transactions: 1, found: 0 });
    expect(await breaks(ours)).toEqual([]);
    expect(await run(theirs)).toMatchObject({ transactions: 1, found: 1 });
    expect(await run(platform)).toMatchObject({ transactions: 2, found: 2 });
    expect(
      (await breaks(platform)).filter(([, id]) => [unknown, withdrawn].includes(String(id))).map(([kind, , state]) => [kind, state]),
    ).toEqual(
      expect.arrayContaining([
        ["unknown_reference", "open"],
        ["unknown_reference", "explained"],
      ]),
    );
  });
});

describe("a comparison with the simulator's report", () => {
  let own: TestTill;
  let ownConnection: PayPalConnection;
  beforeAll(async () => {
    own = await testTill();
    own.simulator.configure("client", { currency: "USD", rates: { EUR: "1.10", JPY: "0.0065", HUF: "0.0027" }, returnsFees: true });
    const { url } = own.simulator;
    ownConnection = paypalConnection({
      clientId: "own",
      clientSecret: "secret",
      url,
      timeoutMs: 5_000,
      breaker: { volumeThreshold: 1_000 },
    });
  });
  afterAll(async () => {
    ownConnection?.close();
    await own?.stop();
  });

  it("agrees to the cent in four currencies, with fees, exchange and refunds, whoever made them, and reads an organisation's own account beside the shared one", async () => {
    const tenantId = randomUUID();
    const pay = async (of: Till, amount: string, currency: Currency) => {
      const payment = await createPayment(of, principal(tenantId), { amount, currency });
      own.simulator.approve(payment.paypalPaymentId!);
      return await settle(of, payment.id, { payerActed: true });
    };
    for (const [amount, currency] of [
      ["100.00", "USD"],
      ["33.33", "EUR"],
      ["10000", "JPY"],
      ["25000", "HUF"],
    ] as const) {
      const { captureId } = await pay(own, amount, currency);
      own.simulator.tell(`captures/${captureId}/refund`, { value: currency === "JPY" || currency === "HUF" ? "1000" : "11.11" });
    }
    // Connected since then: new payments go there, and what was paid before stays where it was.
    const accountId = randomUUID();
    await own.database.admin.query(
      `insert into payment.paypal_accounts (id, tenant_id, environment, client_id, sealed_secret, master_key_id) values ($1, $2, 'sandbox', 'own', '\\x00', 'k')`,
      [accountId, tenantId],
    );
    const shared = await own.paypal(tenantId);
    const theirs = paypalOf(ownConnection, accountId);
    const both: Till = { ...own, paypal: (_tenant, id) => Promise.resolve(id === null ? shared : theirs) };
    const { id: paid } = await pay(both, "77.00", "GBP");
    own.simulator.advance(3 * day);

    const compare = () => runNow(both, tenantId, period, "user:test", now);
    // Four refunds that only PayPal knows, each with an exchange but that in dollars.
    expect(await compare()).toMatchObject({ status: "completed", transactions: 21, found: 10, healed: 10 });
    expect(await compare()).toMatchObject({ found: 0 });
    const atPayPal = [...(await balancesAt(shared.connection)), ...(await balancesAt(theirs.connection))].sort();
    expect(await bookedBalances(tenantId, own)).toEqual(atPayPal);
    expect(atPayPal).toHaveLength(2);
    expect((await listEntries(own.db, secret, tenantId, { paymentId: paid })).data).toHaveLength(2);
  });
});

describe("whatever happened at PayPal, and whatever nobody here heard of", () => {
  it("a comparison brings the ledger to PayPal's own balances, and a second one finds nothing", async () => {
    const step = fc.record({
      kind: fc.constantFrom("pay", "pay", "refund", "reverse", "dispute"),
      /** How a dispute ends; it goes on where there is no outcome. */
      outcome: fc.constantFrom(undefined, "RESOLVED_BUYER_FAVOUR", "RESOLVED_SELLER_FAVOUR", "RESOLVED_WITH_PAYOUT", "CANCELED_BY_BUYER"),
      external: fc.boolean(),
      /** Whether it was told here. */
      heard: fc.boolean(),
      currency: fc.constantFrom<Currency>("USD", "EUR", "JPY", "HUF"),
      amount: fc.integer({ min: 200, max: 9_000 }),
      which: fc.nat(9),
      part: fc.integer({ min: 1, max: 100 }),
    });
    const steps = fc.array(step, { minLength: 2, maxLength: 7 });
    await fc.assert(
      fc.asyncProperty(steps, fc.boolean(), async (drawn, exchanges) => {
        const [tenantId, clientId] = [randomUUID(), randomUUID()];
        base.simulator.configure(clientId, { searchLagMs: -3 * day, returnsFees: true, ...(exchanges && { currency: "USD" }) });
        const link = paypalConnection({ clientId, clientSecret: "secret", url: base.simulator.url, breaker: { volumeThreshold: 1_000 } });
        const paypal = paypalOf(link);
        const own: Till = { ...base, paypal: () => Promise.resolve(paypal) };
        const paid: { id: string; currency: Currency; left: number }[] = [];
        for (const { kind, heard, currency, amount, which, part, outcome, external } of drawn) {
          if (kind === "pay") {
            const payment = await createPayment(own, principal(tenantId), { amount: String(amount), currency });
            base.simulator.approve(payment.paypalPaymentId!);
            if (heard) await settle(own, payment.id, { payerActed: true });
            else await paypal.orders.captureOrder(payment.paypalPaymentId!, randomUUID());
            const order = await paypal.orders.getOrder(payment.paypalPaymentId!);
            const [capture] = order.outcome === "ok" ? order.value.captures : [];
            paid.push({ id: capture!.id, currency, left: amount });
            continue;
          }
          const of = paid[which % (paid.length || 1)];
          if (of && kind === "dispute") {
            // What is disputed is not refunded any more in this story.
            paid.splice(paid.indexOf(of), 1);
            if (of.left === 0) continue;
            const complaint = { value: String(of.left), channel: external ? "EXTERNAL" : "INTERNAL" };
            const { dispute_id: id } = base.simulator.tell(`captures/${of.id}/dispute`, complaint) as { dispute_id: string };
            if (outcome) base.simulator.tell(`disputes/${id}/resolve`, { outcome });
            continue;
          }
          const value = of ? Math.ceil((of.left * part) / 100) : 0;
          if (!of || value === 0) continue;
          of.left -= value;
          base.simulator.tell(`captures/${of.id}/${kind}`, { value: String(value) });
        }
        const compare = () => runNow(own, tenantId, period, "user:test", now);
        const first = await compare();
        expect(first.healed).toBe(first.found);
        expect(await compare()).toMatchObject({ status: "completed", found: 0 });
        expect(await bookedBalances(tenantId)).toEqual(await balancesAt(link));
        link.close();
      }),
      { numRuns: 12 },
    );
  });
});

describe("the schedule", () => {
  const due = () =>
    base.database.admin.query(
      `update payment.reconciliations set next_run_at = now() - interval '1 minute', claimed_until = null, compared_until = null`,
    );
  const dates = (of: Date[]) => of.map((date) => date.toISOString());

  it("compares everybody's finished days once a day, and goes on where it was", async () => {
    const tenantId = randomUUID();
    report.transactions = [reportOf(await captured(tenantId))];
    await due();
    await sweepBooks(till, now, 1_000);
    const runs = (await listRuns(till.db, secret, tenantId, {})).data;
    expect(runs).toMatchObject([
      { status: "completed", found: 0, transactions: 1, startedBy: "service:payment", to: lastComplete(now).toISOString() },
    ]);
    const standing = await booksStanding(till.db, tenantId);
    expect(standing).toMatchObject({
      comparedUntil: lastComplete(now).toISOString(),
      nextRunAt: nextRun(tenantId, now).toISOString(),
      failures: 0,
    });
    expect(await sweepBooks(till, now, 1_000)).toBe(0);
    expect((await listRuns(till.db, secret, platform, {})).data.length).toBeGreaterThan(0);
  });

  it("reads the report of the account that organisations share once for those whose turn comes together, and gives each its own", async () => {
    const [one, other] = [randomUUID(), randomUUID()];
    const [first, second] = [await captured(one), await captured(other, "40.00")];
    report.transactions = [reportOf(first), reportOf(second)];
    await sweepBooks(till, now, 1_000);
    report.asked = [];
    await base.database.admin.query(
      `update payment.reconciliations set next_run_at = now() - interval '1 minute', compared_until = null where tenant_id = any($1)`,
      [[one, other]],
    );
    expect(await sweepBooks(till, now, 1_000)).toBe(2);
    expect(report.asked).toHaveLength(1);
    for (const tenantId of [one, other])
      expect((await listRuns(till.db, secret, tenantId, {})).data[0]).toMatchObject({ status: "completed", found: 0, transactions: 1 });
  });

  it("tries again later when PayPal's report can't be had, and says so", async () => {
    const tenantId = randomUUID();
    await captured(tenantId);
    await due();
    report.refusal = { status: 503, body: { name: "INTERNAL_SERVICE_ERROR" } };
    await expect(sweepBooks(till, now, 1_000)).rejects.toMatchObject({ type: "PAYMENT_GATEWAY_UNAVAILABLE" });
    expect((await listRuns(till.db, secret, tenantId, {})).data).toMatchObject([
      { status: "failed", failure: { type: "PAYMENT_GATEWAY_UNAVAILABLE" } },
    ]);
    const { failures, nextRunAt, comparedUntil } = await booksStanding(till.db, tenantId);
    expect({ failures, nextRunAt, comparedUntil }).toEqual({
      ...{ failures: 1, comparedUntil: null },
      nextRunAt: new Date(now.getTime() + 15 * 60_000).toISOString(),
    });
    expect(await breaks(tenantId)).toEqual([]);
  });

  it("lets one at a time compare an organisation's books, and ends the run of a process that died", async () => {
    const tenantId = randomUUID();
    await captured(tenantId);
    expect(await till.db.tenant(tenantId, (em) => takeBooks(em, tenantId))).not.toBeNull();
    await expect(run(tenantId)).rejects.toMatchObject({ type: "RECONCILIATION_UNDER_WAY" });
    await base.database.admin.query(`update payment.reconciliations set claimed_until = now() where tenant_id = $1`, [tenantId]);
    const lost = randomUUID();
    await base.database.admin.query(
      `insert into payment.reconciliation_runs (id, tenant_id, period_from, period_to, started_by, started_at) values ($1, $2, now(), now(), 'x', now() - interval '1 hour')`,
      [lost, tenantId],
    );
    await run(tenantId);
    const runs = (await listRuns(till.db, secret, tenantId, {})).data;
    expect(runs.map(({ status, failure }) => [status, failure?.type])).toEqual([
      ["completed", undefined],
      ["failed", "PROCESS_LOST"],
    ]);
  });

  it("never asks for a day that PayPal's report may not have whole yet", () => {
    const at = (time: string) => new Date(`2026-11-02T${time}Z`);
    expect(dates([lastComplete(at("02:59:59")), lastComplete(at("03:00:00"))])).toEqual([
      "2026-11-01T00:00:00.000Z",
      "2026-11-02T00:00:00.000Z",
    ]);
    const faultsOf = (wish: { from?: string; to?: string }, when: Date) => {
      try {
        return periodOf(wish, when);
      } catch (error) {
        return (error as { data: { faults: { pointer: string; detail: string }[] } }).data.faults.map(({ pointer }) => pointer);
      }
    };
    expect(faultsOf({ to: "2026-11-01" }, at("02:59:59"))).toEqual(["/to"]);
    expect(faultsOf({ to: "2026-11-01" }, at("03:00:00"))).toEqual({ from: new Date("2026-11-01"), to: new Date("2026-11-02") });
    expect(faultsOf({ from: "2026-11-02", to: "2026-11-01" }, at("04:00:00"))).toEqual(["/from"]);
    expect(faultsOf({ from: "2026-01-01", to: "2026-11-03" }, at("04:00:00"))).toEqual(["/to", "/from"]);
    for (const hour of ["00", "04", "06", "23"]) {
      const next = nextRun("00000000-0000-4000-8000-0000000000ff", at(`${hour}:30:00`));
      expect(next.getTime()).toBeGreaterThan(at(`${hour}:30:00`).getTime());
      expect(next.getTime() - at(`${hour}:30:00`).getTime()).toBeLessThanOrEqual(day);
      expect([4, 5]).toContain(next.getUTCHours());
    }
  });
});
