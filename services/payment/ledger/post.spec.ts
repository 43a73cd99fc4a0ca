import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { rows, type Database, type Em } from "../../../mixins/database.ts";
import { testDatabase, type TestDatabase } from "../../../test/database.ts";
import type { Currency } from "../money.ts";
import { postCapture, postDisputeHold, postDisputeLoss, postDisputeRelease, postRefund, postReversal } from "./post.ts";

let world: TestDatabase;
let db: Database;
beforeAll(async () => {
  world = await testDatabase();
  db = await world.open("payment");
});
afterAll(() => world.drop());

type Post = (em: Em, of: { tenantId: string; paymentId: string }) => Promise<boolean>;
interface Balance {
  account: string;
  currency: string;
  amount: string;
}

const at = (minute: number) => new Date(Date.UTC(2026, 10, 1, 0, minute));
const usd = (amountMinor: bigint) => ({ amountMinor, currency: "USD" as const });

const balances = (tenantId: string) =>
  db.tenant(tenantId, (em) =>
    rows<Balance>(
      em,
      `select account, currency, sum(amount_minor)::text as amount from payment.ledger_lines
       group by 1, 2 having sum(amount_minor) <> 0 order by 1, 2`,
    ),
  );
const linesOf = (tenantId: string) =>
  db.tenant(tenantId, (em) => rows<{ count: number }>(em, "select count(*)::int as count from payment.ledger_lines"));

/** Books each fact in a transaction of its own. @returns which were new */
async function book(tenantId: string, posts: readonly Post[], paymentId = randomUUID()): Promise<boolean[]> {
  const written: boolean[] = [];
  for (const post of posts) written.push(await db.tenant(tenantId, (em) => post(em, { tenantId, paymentId })));
  return written;
}

const capture =
  (gross: bigint, fee: bigint | null, objectId = "C1"): Post =>
  (em, of) =>
    postCapture(em, { ...of, objectId, at: at(0), gross: usd(gross), fee, settled: null });
const dispute = { captureId: "C1", objectId: "D1", amount: usd(4_000n) };
const back = { captureId: "C1", feeReturned: null, settled: null };

describe("the ledger", () => {
  it("books a capture, its fee and a refund, each once, and shows none of it to another organisation", async () => {
    const tenantId = randomUUID();
    const posts: Post[] = [
      capture(10_000n, 320n),
      (em, of) => postRefund(em, { ...of, ...back, objectId: "R1", at: at(1), gross: usd(2_500n), feeReturned: 80n }),
    ];
    expect(await book(tenantId, posts)).toEqual([true, true]);
    expect(await book(tenantId, posts)).toEqual([false, false]);
    expect(await balances(tenantId)).toEqual([
      { account: "fees", currency: "USD", amount: "240" },
      { account: "paypal:balance", currency: "USD", amount: "7260" },
      { account: "refunds", currency: "USD", amount: "2500" },
      { account: "revenue", currency: "USD", amount: "-10000" },
    ]);
    expect(await balances(randomUUID())).toEqual([]);
  });

  it("books the fee of a held capture when it becomes known", async () => {
    const tenantId = randomUUID();
    expect(await book(tenantId, [capture(10_000n, null), capture(10_000n, 320n), capture(10_000n, 320n)])).toEqual([true, true, false]);
    expect(await balances(tenantId)).toContainEqual({ account: "fees", currency: "USD", amount: "320" });
  });

  it("leads money that arrives in another currency through fx, and back when it is refunded", async () => {
    const tenantId = randomUUID();
    const jpy = (amountMinor: bigint) => ({ amountMinor, currency: "JPY" as const });
    const rate = "0.0064";
    await book(tenantId, [
      (em, of) =>
        postCapture(em, { ...of, objectId: "C1", at: at(0), gross: jpy(10_000n), fee: 400n, settled: { net: usd(6_144n), rate } }),
      (em, of) =>
        postRefund(em, {
          ...of,
          ...back,
          objectId: "R1",
          at: at(1),
          gross: jpy(5_000n),
          feeReturned: 0n,
          settled: { net: usd(3_300n), rate },
        }),
    ]);
    expect(await balances(tenantId)).toEqual([
      { account: "fees", currency: "JPY", amount: "400" },
      { account: "fx", currency: "JPY", amount: "4600" },
      { account: "fx", currency: "USD", amount: "-2844" },
      { account: "paypal:balance", currency: "USD", amount: "2844" },
      { account: "refunds", currency: "JPY", amount: "5000" },
      { account: "revenue", currency: "JPY", amount: "-10000" },
    ]);
  });

  it("takes a lost dispute and the reversal that carries it out for one loss, in whatever order they come", async () => {
    const steps: Post[] = [
      (em, of) => postDisputeHold(em, { ...of, ...dispute, at: at(1) }),
      (em, of) => postDisputeLoss(em, { ...of, ...dispute, at: at(3), fee: 1_500n }),
      (em, of) => postReversal(em, { ...of, ...back, objectId: "V1", at: at(2), gross: usd(4_000n) }),
    ];
    for (const order of [
      [0, 1, 2],
      [0, 2, 1],
      [1, 0, 2],
      [1, 2, 0],
      [2, 0, 1],
      [2, 1, 0],
    ]) {
      const tenantId = randomUUID();
      await book(tenantId, [capture(10_000n, 0n), ...order.map((step) => steps[step]!)]);
      expect(await balances(tenantId)).toEqual([
        { account: "chargebacks", currency: "USD", amount: "4000" },
        { account: "fees", currency: "USD", amount: "1500" },
        { account: "paypal:balance", currency: "USD", amount: "4500" },
        { account: "revenue", currency: "USD", amount: "-10000" },
      ]);
    }
  });

  it("takes a refund of PayPal's for what a lost dispute has booked, as far as it fits, and one that was asked for here never", async () => {
    const lost: Post[] = [capture(10_000n, 0n), (em, of) => postDisputeLoss(em, { ...of, ...dispute, at: at(3) })];
    const refund =
      (objectId: string, gross: bigint, ours: boolean): Post =>
      (em, of) =>
        postRefund(em, { ...of, ...back, objectId, at: at(4), gross: usd(gross), ours });
    const sums = async (...posts: Post[]) => {
      const tenantId = randomUUID();
      await book(tenantId, [...lost, ...posts, ...posts]);
      const found = Object.fromEntries((await balances(tenantId)).map(({ account, amount }) => [account, Number(amount)]));
      return [found["chargebacks"], found["refunds"], found["paypal:balance"]];
    };
    expect(await sums(refund("R1", 4_000n, false))).toEqual([4_000, undefined, 6_000]);
    expect(await sums(refund("R1", 1_000n, false), refund("R2", 3_000n, false))).toEqual([4_000, undefined, 6_000]);
    expect(await sums(refund("R1", 4_000n, true))).toEqual([4_000, 4_000, 2_000]);
    expect(await sums(refund("R1", 6_000n, false))).toEqual([4_000, 6_000, undefined]);
    expect(await sums(refund("R1", 4_000n, false), refund("R2", 4_000n, false))).toEqual([4_000, 4_000, 2_000]);
  });

  it("holds a disputed amount until the dispute is over, and holds nothing that was released before the hold was reported", async () => {
    const tenantId = randomUUID();
    const hold: Post = (em, of) => postDisputeHold(em, { ...of, ...dispute, at: at(1) });
    const release: Post = (em, of) => postDisputeRelease(em, { ...of, ...dispute, at: at(2) });
    await book(tenantId, [capture(10_000n, 0n), hold]);
    expect(await balances(tenantId)).toContainEqual({ account: "disputes:held", currency: "USD", amount: "4000" });
    await book(tenantId, [release]);
    expect(await balances(tenantId)).toEqual([
      { account: "paypal:balance", currency: "USD", amount: "10000" },
      { account: "revenue", currency: "USD", amount: "-10000" },
    ]);
    const late = randomUUID();
    await book(late, [capture(10_000n, 0n), release, hold]);
    expect(await balances(late)).toEqual(await balances(tenantId));
  });

  it("sums to zero in each currency after any facts, in any order, repeated and at once, and always ends the same", async () => {
    const amount = fc.bigInt(1n, 1_000_000n);
    const fact = fc.record({
      kind: fc.constantFrom("capture", "refund", "reversal", "hold", "release", "loss"),
      currency: fc.constantFrom<Currency>("USD", "EUR", "JPY", "HUF"),
      capture: fc.integer({ min: 1, max: 2 }),
      dispute: fc.integer({ min: 1, max: 2 }),
      minute: fc.integer({ min: 0, max: 3 }),
      amount,
      fee: fc.option(fc.bigInt(0n, 100n)),
      settled: fc.option(fc.record({ amountMinor: amount, currency: fc.constantFrom<Currency>("USD", "JPY") })),
    });
    type Drawn = typeof fact extends fc.Arbitrary<infer T> ? T : never;
    const postOf = (drawn: Drawn): Post => {
      const { kind, currency, minute, settled: net } = drawn;
      const captureId = `C${drawn.capture}${currency}`;
      const gross = { amountMinor: drawn.amount, currency };
      const settled = net && { net, rate: "1.1" };
      const money = { at: at(minute), gross, settled };
      const disputed = { captureId, objectId: `D${drawn.dispute}-${captureId}`, at: at(minute), amount: gross, fee: 15n };
      return async (em, of) => {
        if (kind === "capture") return await postCapture(em, { ...of, ...money, objectId: captureId, fee: drawn.fee });
        if (kind === "hold") return await postDisputeHold(em, { ...of, ...disputed });
        if (kind === "release") return await postDisputeRelease(em, { ...of, ...disputed });
        if (kind === "loss") return await postDisputeLoss(em, { ...of, ...disputed });
        const refund = { ...of, ...money, captureId, objectId: `${kind}-${drawn.dispute}-${captureId}`, feeReturned: drawn.fee };
        // Those of PayPal's own may be what a dispute has lost: then it matters which was heard of first.
        return await (kind === "refund" ? postRefund(em, { ...refund, ours: true }) : postReversal(em, refund));
      };
    };
    // One object tells one story: facts of the same object must not contradict each other, as PayPal's don't.
    const same = ({ kind, currency, capture, dispute }: Drawn) => [kind, currency, capture, kind === "capture" ? 0 : dispute].join();
    const facts = fc.uniqueArray(fact, { selector: same, minLength: 1, maxLength: 14 });
    await fc.assert(
      fc.asyncProperty(
        facts.chain((drawn) => fc.tuple(fc.constant(drawn), fc.shuffledSubarray(drawn, { minLength: drawn.length }))),
        async ([drawn, shuffled]) => {
          const [first, second] = [randomUUID(), randomUUID()];
          await book(first, drawn.map(postOf));
          await book(first, shuffled.slice(0, 4).map(postOf));
          // The same facts in another order, each delivered twice at once.
          const paymentId = randomUUID();
          await Promise.all(
            [...shuffled, ...shuffled].map((one) => db.tenant(second, (em) => postOf(one)(em, { tenantId: second, paymentId }))),
          );
          expect(await balances(second)).toEqual(await balances(first));
          const sums = new Map<string, bigint>();
          for (const { currency, amount } of await balances(first)) sums.set(currency, (sums.get(currency) ?? 0n) + BigInt(amount));
          expect([...sums.values()].filter((sum) => sum !== 0n)).toEqual([]);
        },
      ),
      { numRuns: 20 },
    );
  });

  it("is refused by the database when lines do not sum to zero, come later than their entry, or are rewritten", async () => {
    const tenantId = randomUUID();
    await book(tenantId, [capture(10_000n, 320n)]);
    const before = await linesOf(tenantId);
    const line = `insert into payment.ledger_lines (entry_id, number, tenant_id, account, currency, amount_minor)`;
    const entry = `insert into payment.ledger_entries (tenant_id, kind, object_id, capture_id, method, amount_minor, currency, at)
                   values ('${tenantId}', 'refund', 'R9', 'C1', 'paypal', 5, 'USD', now()) returning id, tenant_id`;
    const attempt = (sql: string) => db.tenant(tenantId, (em) => em.execute(sql));
    await expect(attempt(`with e as (${entry}) ${line} select id, 1, tenant_id, 'refunds', 'USD', 5 from e`)).rejects.toThrow(
      /sum to zero/,
    );
    await expect(
      attempt(
        `with e as (${entry}) ${line} select id, n, tenant_id, 'refunds', c, a from e, (values (1, 'USD', 5), (2, 'EUR', -5)) v(n, c, a)`,
      ),
    ).rejects.toThrow(/sum to zero/);
    await expect(
      attempt(`${line} select id, 8 + n, tenant_id, 'refunds', 'USD', a from payment.ledger_entries, (values (1, 5), (2, -5)) v(n, a)`),
    ).rejects.toThrow(/written with their entry/);
    for (const table of ["ledger_entries", "ledger_lines"]) {
      await expect(attempt(`update payment.${table} set amount_minor = 1`)).rejects.toThrow(/permission denied/);
      await expect(attempt(`delete from payment.${table}`)).rejects.toThrow(/permission denied/);
      await expect(world.admin.query(`update payment.${table} set amount_minor = 1`)).rejects.toThrow(/append-only/);
      await expect(world.admin.query(`delete from payment.${table}`)).rejects.toThrow(/append-only/);
    }
    expect(await linesOf(tenantId)).toEqual(before);
  });

  it("refuses a fact without an amount or an owner, and writes nothing of it", async () => {
    const tenantId = randomUUID();
    await expect(book(tenantId, [capture(0n, null)])).rejects.toMatchObject({ type: "INTERNAL_ERROR" });
    const nobodys: Post = (em, { tenantId: of }) =>
      postCapture(em, { tenantId: of, paymentId: null, objectId: "C2", at: at(0), gross: usd(1n), fee: null, settled: null });
    await expect(book(tenantId, [nobodys])).rejects.toMatchObject({ type: "INTERNAL_ERROR" });
    expect(await linesOf(tenantId)).toEqual([{ count: 0 }]);
  });
});
