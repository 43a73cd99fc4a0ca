import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { openRedis } from "../../../mixins/redis.ts";
import { wayTo } from "../../../test/cut.ts";
import { testTill, type TestTill } from "../../../test/till.ts";
import { assess, keepAssessment, type Assessment, type Subject } from "./assess.ts";
import { listAssessments, readAssessment } from "./assessments.ts";
import { addEntry, listEntries, removeEntry, type NewEntry } from "./entries.ts";
import { replay, type Replayed } from "./replay.ts";
import type { RuleSet } from "./ruleset.ts";
import { listRules, moveRules, proposeRules, readRules } from "./rulesets.ts";

const blockAll: RuleSet = {
  thresholds: { review: 50, block: 100 },
  rules: [{ id: "all", description: "Everything.", when: { amount: { over: { EUR: "0", USD: "0" } } }, effect: "block" }],
};
const byEmail: RuleSet = {
  thresholds: { review: 50, block: 100 },
  rules: [
    {
      ...{ id: "third", description: "The third attempt.", effect: "review" as const },
      when: { velocity: { of: "email", minutes: 60, countOver: 2 } },
    },
  ],
};

describe("assessments", () => {
  let till: TestTill;
  beforeAll(async () => void (till = await testTill()));
  afterAll(() => till.stop());

  const subject = (tenantId: string, change: Partial<Subject> = {}): Subject => ({
    ...{ tenantId, userId: randomUUID(), attempt: randomUUID(), amountMinor: 1250n, currency: "EUR" },
    ...change,
  });
  const use = (tenantId: string, rules: RuleSet, state: "active" | "shadow" = "active") =>
    till.db.tenant(tenantId, async (em) => {
      const { version } = await proposeRules(em, tenantId, "user:spec", rules, "spec");
      await moveRules(em, tenantId, version, state);
      return version;
    });
  const keep = async (assessment: Assessment) => {
    const id = randomUUID();
    await till.db.tenant(assessment.subject.tenantId, async (em) => {
      keepAssessment(em, assessment, { kind: "payment", id });
      await em.flush();
    });
    return id;
  };
  const enter = (tenantId: string, entry: Omit<NewEntry, "note">) =>
    till.db.tenant(tenantId, (em) => addEntry(em, till.secret, tenantId, "user:spec", { ...entry, note: "spec" }));

  it("says what was seen, hides who the payer is, and keeps both for the organisation alone", async () => {
    const [one, other] = [randomUUID(), randomUUID()];
    const payer = { email: "Ada.Lovelace@Mail.Example.com", ip: "203.0.113.77", card: "fp_1a2b3c4d5e", country: "DE", ipCountry: "BR" };
    const judged = await assess(till, subject(one, { payer }));
    expect(judged).toMatchObject({ version: 0, decision: "allow", score: 40, shadow: null });
    expect(judged.facts).toMatchObject({
      ...{ amount: "12.50", currency: "EUR", counters: "redis", listed: { block: [], allow: [] } },
      payer: { domain: "mail.example.com", country: "DE", ipCountry: "BR", told: ["email", "ip", "card", "user"], isNew: true },
      velocity: { email: { 5: { count: 1, sumMinor: "1250" }, 10080: { count: 1, sumMinor: "1250" } } },
    });
    const id = await keep(judged);
    const stored = await till.database.admin.query<object>("select * from payment.fraud_assessments where object_id = $1", [id]);
    expect(stored.rows).toHaveLength(1);
    for (const secret of ["lovelace", "203.0.113", "fp_1a2b"]) expect(JSON.stringify(stored.rows).toLowerCase()).not.toContain(secret);
    const read = (tenantId: string) => till.db.tenant(tenantId, (em) => readAssessment(em, tenantId, id));
    expect(await read(one)).toMatchObject({ objectId: id, reasons: [{ rule: "countries-differ", points: 40 }], review: null });
    await expect(read(other)).rejects.toMatchObject({ type: "FRAUD_ASSESSMENT_NOT_FOUND", code: 404 });
    // The same payer is another one to another organisation.
    expect((await assess(till, subject(other, { payer }))).facts.velocity.email![60]).toEqual({ count: 1, sumMinor: "1250" });
  });

  it("counts a repeat of the same request once, and knows two writings of an address or a network for one", async () => {
    const tenantId = randomUUID();
    const attempt = randomUUID();
    const of = (payer: Subject["payer"], repeat?: string) => assess(till, subject(tenantId, { payer, ...(repeat && { attempt: repeat }) }));
    const counted = async (...args: Parameters<typeof of>) => {
      const { email, ip } = (await of(...args)).facts.velocity;
      return [email?.[60]?.count, ip?.[60]?.count];
    };
    expect(await counted({ email: "a@example.com", ip: "2001:db8:1:2::1" }, attempt)).toEqual([1, 1]);
    expect(await counted({ email: "a@example.com", ip: "2001:db8:1:2::1" }, attempt)).toEqual([1, 1]);
    expect(await counted({ email: "A@EXAMPLE.com", ip: "2001:db8:1:2:ffff::9" })).toEqual([2, 2]);
    expect(await counted({ email: "b@example.com", ip: "2001:db8:1:3::1" })).toEqual([1, 1]);
    expect(await counted({ ip: "::ffff:192.0.2.1" })).toEqual([undefined, 1]);
    expect(await counted({ ip: "192.0.2.1" })).toEqual([undefined, 2]);
  });

  it("goes on while Redis is away: PostgreSQL counts what is stored, the assessment says so, and Redis counts again when it is back", async () => {
    const redis = new URL(process.env["REDIS_URL"] ?? "");
    const way = await wayTo(redis.hostname, Number(redis.port));
    redis.host = way.host;
    const connection = openRedis(redis.href, `test-${randomUUID()}`);
    await connection.connect();
    try {
      const [tenantId, other] = [randomUUID(), randomUUID()];
      await use(tenantId, byEmail);
      const asked = async (of: string) => {
        const judged = await assess({ ...till, redis: connection }, subject(of, { payer: { email: "a@example.com" } }));
        await keep(judged);
        return [judged.facts.counters, judged.facts.velocity.email![60]!.count, judged.decision];
      };
      expect(await asked(tenantId)).toEqual(["redis", 1, "allow"]);
      way.cut();
      expect(await asked(tenantId)).toEqual(["postgres", 2, "allow"]);
      expect(await asked(tenantId)).toEqual(["postgres", 3, "review"]);
      expect(await asked(other)).toEqual(["postgres", 1, "allow"]);
      way.mend();
      for (let tries = 0; (await asked(other))[0] !== "redis"; tries++) {
        expect(tries).toBeLessThan(400);
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    } finally {
      connection.disconnect();
      await way.close();
    }
  });

  it("knows who has paid before, by a payment or a subscription, and takes a declined one for none", async () => {
    const [one, other] = [randomUUID(), randomUUID()];
    const payer = { email: "ada@example.com" };
    const isNew = async (tenantId: string) => (await assess(till, subject(tenantId, { payer }))).facts.payer.isNew;
    const id = randomUUID();
    const judged = await assess(till, subject(one, { payer }));
    await till.db.tenant(one, async (em) => {
      keepAssessment(em, judged, { kind: "subscription", id });
      await em.flush();
    });
    const pays = (status: string) =>
      till.database.admin.query(
        `insert into payment.subscription_payments (tenant_id, subscription_id, sale_id, status, amount_minor, currency, paid_at)
         values ($1, $2, $3, $4, 100, 'EUR', now())`,
        [one, id, randomUUID(), status],
      );
    await pays("declined");
    expect(await isNew(one)).toBe(true);
    await pays("completed");
    expect([await isNew(one), await isNew(other)]).toEqual([false, true]);
  });

  it("judges by the organisation's active rules, lets those in shadow judge beside them, and shows where they differ", async () => {
    const [one, other] = [randomUUID(), randomUUID()];
    expect(await use(one, byEmail)).toBe(1);
    expect(await use(one, blockAll, "shadow")).toBe(2);
    const judged = await assess(till, subject(one));
    expect(judged).toMatchObject({ version: 1, decision: "allow", shadow: { version: 2, decision: "block", reasons: [{ rule: "all" }] } });
    const id = await keep(judged);
    await keep(await assess(till, subject(other)));
    const differing = (tenantId: string) => till.db.tenant(tenantId, (em) => listAssessments(em, till.secret, tenantId, { differs: true }));
    expect((await differing(one)).data).toMatchObject([{ objectId: id, differs: true, shadow: { version: 2, decision: "block" } }]);
    expect((await differing(other)).data).toEqual([]);
    expect(await assess(till, subject(other))).toMatchObject({ version: 0, decision: "allow", shadow: null });
  });

  it("lets versions come and go: one is active, what was before retires, can come back, and never changes", async () => {
    const tenantId = randomUUID();
    const move = (version: number, to: "active" | "shadow" | "retired") =>
      till.db.tenant(tenantId, (em) => moveRules(em, tenantId, version, to));
    const states = async () =>
      (await till.db.tenant(tenantId, (em) => listRules(em, till.secret, tenantId, {}))).data.map(({ version, state }) => [version, state]);
    expect(await till.db.tenant(tenantId, (em) => readRules(em, tenantId, 0))).toMatchObject({ version: 0, state: "active" });
    await Promise.all([use(tenantId, byEmail), use(tenantId, blockAll)]);
    const made = await states();
    expect(made.map(([version]) => version)).toEqual([2, 1]);
    expect(made.map(([, state]) => state).sort()).toEqual(["active", "retired"]);
    const [retired] = made.find(([, state]) => state === "retired")! as [number, string];
    await move(retired, "active");
    expect(new Map((await states()) as [number, string][]).get(retired)).toBe("active");
    await expect(move(retired, "active")).rejects.toMatchObject({ type: "CONFLICT", data: { state: "active" } });
    await expect(move(0, "active")).rejects.toMatchObject({ type: "CONFLICT" });
    await expect(move(9, "active")).rejects.toMatchObject({ type: "FRAUD_RULE_SET_NOT_FOUND" });
    await move(retired, "retired");
    expect(await assess(till, subject(tenantId))).toMatchObject({ version: 0, decision: "allow" });
  });

  it("stores no rules that have a fault", async () => {
    const tenantId = randomUUID();
    const faulty = {
      thresholds: { review: 10, block: 5 },
      rules: [{ ...blockAll.rules[0]!, when: { amount: { over: { EUR: "1.234" } } } }],
    };
    await expect(use(tenantId, faulty)).rejects.toMatchObject({
      type: "VALIDATION_FAILED",
      data: { faults: [{ pointer: "/thresholds/review" }, { pointer: "/rules/0/when/amount/over/EUR" }] },
    });
    expect((await till.db.tenant(tenantId, (em) => listRules(em, till.secret, tenantId, {}))).data).toEqual([]);
  });

  it("blocks and allows by the organisation's lists, of which nobody can read addresses, until an entry's end or removal", async () => {
    const [one, other] = [randomUUID(), randomUUID()];
    const payer = { email: "mallory@example.com", ip: "198.51.100.7", country: "DE" };
    const decided = async (tenantId: string) => (await assess(till, subject(tenantId, { payer }))).decision;
    expect([await decided(one), await decided(other)]).toEqual(["allow", "allow"]);
    const entry = await enter(one, { list: "block", kind: "email", value: "Mallory@Example.com" });
    expect(entry).toMatchObject({ value: "m***@example.com", createdBy: "user:spec", expiresAt: null });
    const again = await enter(one, { list: "block", kind: "email", value: "mallory@example.com" });
    expect(again.id).toBe(entry.id);
    await enter(one, { list: "allow", kind: "ip", value: "198.51.100.7" });
    expect([await decided(one), await decided(other)]).toEqual(["block", "allow"]);
    const judged = await assess(till, subject(one, { payer }));
    expect(judged.facts.listed).toEqual({ block: ["email"], allow: ["ip"] });
    const stored = await till.database.admin.query<object>("select * from payment.fraud_list_entries where tenant_id = $1", [one]);
    for (const secret of ["mallory", "100.7"]) expect(JSON.stringify(stored.rows)).not.toContain(secret);

    const listed = (tenantId: string) => till.db.tenant(tenantId, (em) => listEntries(em, till.secret, tenantId, {}));
    expect((await listed(one)).data.map(({ value }) => value)).toEqual(["198.51.100.***", "m***@example.com"]);
    expect((await listed(other)).data).toEqual([]);
    const strike = (tenantId: string) => till.db.tenant(tenantId, (em) => removeEntry(em, tenantId, entry.id));
    await expect(strike(other)).rejects.toMatchObject({ type: "FRAUD_ENTRY_NOT_FOUND" });
    await strike(one);
    expect(await decided(one)).toBe("allow");
    await enter(one, { list: "block", kind: "country", value: "DE" });
    expect(await decided(one)).toBe("block");
    await till.database.admin.query("update payment.fraud_list_entries set expires_at = now() where tenant_id = $1 and kind = 'country'", [
      one,
    ]);
    expect(await decided(one)).toBe("allow");
  });

  it("takes no entry that could never be met", async () => {
    const faulty: [NewEntry["kind"], string][] = [
      ["email", "nobody"],
      ["domain", "a@example.com"],
      ["ip", "10.0.0.0/8"],
      ["country", "de"],
      ["card", "4111 1111 1111 1111"],
      ["user", "ada"],
    ];
    for (const [kind, value] of faulty)
      await expect(enter(randomUUID(), { list: "block", kind, value, expiresAt: "2020-01-01T00:00:00Z" })).rejects.toMatchObject({
        type: "VALIDATION_FAILED",
        data: { faults: [{ pointer: "/value" }, { pointer: "/expiresAt" }] },
      });
  });

  it("plays past payments against other rules, page by page, and says what would have changed, without touching anything", async () => {
    const [one, other] = [randomUUID(), randomUUID()];
    const ids: string[] = [];
    for (let made = 0; made < 5; made++) ids.push(await keep(await assess(till, subject(one, { payer: { email: "a@example.com" } }))));
    await keep(await assess(till, subject(other, { payer: { email: "a@example.com" } })));
    const snapshot = async () =>
      JSON.stringify((await till.database.admin.query<object>("select * from payment.fraud_assessments order by id")).rows);
    const before = await snapshot();
    const span = { from: "2020-01-01T00:00:00Z", to: "2100-01-01T00:00:00Z" };
    const pages: Replayed[] = [];
    for (let cursor: string | null | undefined; cursor !== null; cursor = pages.at(-1)!.cursor)
      pages.push(await replay(till.db, till.secret, one, byEmail, { ...span, limit: 2, ...(cursor && { cursor }) }));
    expect(pages.map(({ progress: { examined, total } }) => [examined, total])).toEqual([
      [2, 5],
      [4, 5],
      [5, 5],
    ]);
    expect(pages.at(-1)!.progress.decisions).toEqual({ "allow>allow": 2, "allow>review": 3 });
    expect(pages.flatMap(({ changed }) => changed)).toMatchObject(
      ids
        .slice(2)
        .map((objectId) => ({ objectId, was: { decision: "allow" }, would: { decision: "review", reasons: [{ rule: "third" }] } })),
    );
    expect(await snapshot()).toBe(before);
    // A cursor is for the same rules, organisation and time alone.
    const { cursor } = pages[0]!;
    for (const [tenantId, rules, to] of [
      [other, byEmail, span.to],
      [one, blockAll, span.to],
      [one, byEmail, "2099-01-01T00:00:00Z"],
    ] as const)
      await expect(replay(till.db, till.secret, tenantId, rules, { ...span, to, limit: 2, cursor: cursor! })).rejects.toMatchObject({
        type: "CURSOR_INVALID",
      });
    expect((await replay(till.db, till.secret, other, blockAll, span)).progress).toEqual({
      ...{ examined: 1, total: 1 },
      decisions: { "allow>block": 1 },
    });
  });
});
