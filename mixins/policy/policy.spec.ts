import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import pg from "pg";
import type { Rule, Things } from "../../config/rules.ts";
import { adminUrl } from "../../test/database.ts";
import { isOpen } from "./hours.ts";
import { Policy } from "./policy.ts";

const [me, other, a, b, c] = [randomUUID(), randomUUID(), randomUUID(), randomUUID(), randomUUID()];
let postgres: pg.Client;
beforeAll(async () => {
  postgres = new pg.Client({ connectionString: adminUrl() });
  await postgres.connect();
});
afterAll(() => postgres.end());

/** The same questions asked of PostgreSQL: which of the things does the filter let through? */
async function filtered(policy: Policy, kind: "payment" | "job", things: object[]): Promise<boolean[]> {
  const columns = {
    owner: `(t->>'owner')::uuid`,
    source: `(t->>'source')::uuid`,
    amount: `(t->>'amount')::numeric`,
    currency: `t->>'currency'`,
  };
  const { sql, values } = policy.filter(kind === "job" ? "sync:read" : "payment:read", kind, columns);
  let place = 1;
  const { rows } = await postgres.query<{ through: boolean | null }>(
    `select (${sql.replaceAll("?", () => `$${++place}`)}) as through from jsonb_array_elements($1::jsonb) with ordinality as x(t, n) order by n`,
    [JSON.stringify(things), ...values],
  );
  return rows.map(({ through }) => through === true);
}

describe("a policy", () => {
  const amount = fc.integer({ min: 0, max: 100_000 }).map((cents) => (cents / 100).toFixed(2));
  const owner = fc.constantFrom(me, other, null);
  const name = fc.constant("rule");

  test("lets the same payments through its check and its filter, whatever the rules", async () => {
    const rule = fc.record(
      {
        name,
        permissions: fc.constant(["payment:read" as const]),
        own: fc.constant(true as const),
        maximum: fc.record({ amount, currency: fc.constantFrom("EUR", "USD") }),
      },
      { requiredKeys: ["name", "permissions"] },
    );
    const thing = fc.record({ owner, amount: amount.map(Number), currency: fc.constantFrom("EUR", "USD", "JPY") });
    await fc.assert(
      fc.asyncProperty(fc.array(rule, { maxLength: 3 }), fc.array(thing, { minLength: 1, maxLength: 20 }), async (rules, things) => {
        const policy = new Policy({ version: 1, role: "r", userId: me, permissions: ["payment:read"], rules: rules as unknown as Rule[] });
        const checked = things.map((attributes: Things["payment"]) => !policy.refusalOf("payment:read", "payment", attributes));
        expect(await filtered(policy, "payment", things)).toEqual(checked);
      }),
      { numRuns: 100 },
    );
  });

  test("lets the same jobs through its check and its filter, whatever the rules", async () => {
    const rule = fc.record(
      {
        name,
        permissions: fc.constant(["sync:read" as const]),
        own: fc.constant(true as const),
        sources: fc.uniqueArray(fc.constantFrom(a, b, c), { minLength: 1 }),
      },
      { requiredKeys: ["name", "permissions"] },
    );
    const thing = fc.record({ owner, source: fc.constantFrom(a, b, c, null) });
    await fc.assert(
      fc.asyncProperty(fc.array(rule, { maxLength: 3 }), fc.array(thing, { minLength: 1, maxLength: 20 }), async (rules, things) => {
        const policy = new Policy({ version: 1, role: "r", userId: me, permissions: ["sync:read"], rules: rules as unknown as Rule[] });
        const checked = things.map((attributes: Things["job"]) => !policy.refusalOf("sync:read", "job", attributes));
        expect(await filtered(policy, "job", things)).toEqual(checked);
      }),
      { numRuns: 100 },
    );
  });

  test("holds nothing that its permissions lack, and passes on only what no rule limits", () => {
    const rules: Rule[] = [{ name: "own", permissions: ["payment:read"], own: true }];
    const policy = new Policy({ version: 1, role: "r", userId: null, permissions: ["payment:read", "org:read"], rules });
    expect(policy.refusal("payment:write")).toMatchObject({ permission: "payment:write" });
    expect(policy.filter("payment:write", "payment", { owner: "o", amount: "a", currency: "c" })).toEqual({ sql: "false", values: [] });
    expect([policy.holdsFully("org:read"), policy.holdsFully("payment:read"), policy.holdsFully("org:write")]).toEqual([
      true,
      false,
      false,
    ]);
    // A caller who is nobody has made nothing.
    expect(policy.refusalOf("payment:read", "payment", { owner: null, amount: 1, currency: "EUR" })).toMatchObject({
      rule: { name: "own" },
    });
  });
});

test("hours are those of their time zone, belong to the day on which they begin, and end on the minute", () => {
  const work = { days: [1, 2, 3, 4, 5], from: "08:00", to: "18:00", timeZone: "Europe/Berlin" };
  const night = { days: [5], from: "22:00", to: "06:00", timeZone: "UTC" };
  // 2026-11-27 is a Friday; Berlin is an hour ahead of UTC then.
  const at = (text: string) => new Date(`2026-11-${text}:00Z`);
  expect(["27T06:59", "27T07:00", "27T16:59", "27T17:00", "28T10:00"].map((text) => isOpen(work, at(text)))).toEqual([
    false,
    true,
    true,
    false,
    false,
  ]);
  expect(["27T21:59", "27T22:00", "28T05:59", "28T06:00", "27T03:00"].map((text) => isOpen(night, at(text)))).toEqual([
    false,
    true,
    true,
    false,
    false,
  ]);
});
