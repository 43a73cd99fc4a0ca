import { randomUUID } from "node:crypto";
import { describe, expect, it } from "@jest/globals";
import type { PlanRow } from "../../../entities/Plan.ts";
import type { SubscriptionRow } from "../../../entities/Subscription.ts";
import type { SubscriptionView } from "../gateway/billing.ts";
import { entitlementOf, best } from "./entitlement.ts";
import { after } from "./interval.ts";
import { mirror, type Told } from "./mirror.ts";

const planId = randomUUID();
const on = (day: string, hour = "10:00") => new Date(`2026-${day}T${hour}:00Z`);
const price = { amountMinor: 1000n, currency: "EUR" } as const;

const plan = (of: Partial<PlanRow> = {}) =>
  ({
    id: planId,
    terms: { currency: "EUR", cycles: [{ tenure: "regular", unit: "month", count: 1, total: 0, price: "10.00" }] },
    ...of,
  }) as PlanRow;

const fresh: SubscriptionRow = {
  id: randomUUID(),
  tenantId: randomUUID(),
  planId,
  quantity: 1,
  status: "created",
  cycleMinor: 1000n,
  outstandingMinor: 0n,
  currency: "EUR",
  unit: "month",
  unitCount: 1,
  cycles: [] as object[],
  failedPayments: 0,
  checks: 0,
  createdAt: on("01-01"),
} as SubscriptionRow;

const cycle = (tenure: string, completed: number, of: { remaining?: number; version?: number } = {}) => ({
  sequence: tenure === "TRIAL" ? 1 : 2,
  tenure,
  completed,
  remaining: of.remaining ?? 0,
  total: 0,
  version: of.version ?? 1,
});
const shown = (of: Partial<SubscriptionView>): SubscriptionView => ({
  id: "I-1",
  status: "ACTIVE",
  planId: "P-1",
  customId: null,
  quantity: 1,
  email: null,
  approvalUrl: null,
  startAt: on("01-01"),
  changedAt: on("01-01", "11:00"),
  nextBillingAt: null,
  finalPaymentAt: null,
  outstanding: { amountMinor: 0n, currency: "EUR" },
  failedPayments: 0,
  lastPayment: null,
  lastFailure: null,
  cycles: [],
  ...of,
});

/** A mirror that looks again and again. */
function looking(start = fresh) {
  let known = start;
  return {
    get known() {
      return known;
    },
    look(this: void, view: Partial<SubscriptionView>, now: Date, its: PlanRow | null = plan()): Told[] {
      const { set, told } = mirror(known, shown(view), its, now);
      known = { ...known, ...set };
      return told;
    },
  };
}

const pending = { status: "APPROVAL_PENDING", approvalUrl: "https://paypal.example/approve" };
const trial = { nextBillingAt: on("01-15"), cycles: [cycle("TRIAL", 1), cycle("REGULAR", 0)] };
const first = {
  nextBillingAt: on("02-15"),
  lastPayment: { amount: price, at: on("01-15") },
  cycles: [cycle("TRIAL", 2), cycle("REGULAR", 1)],
};
const failure = (day: string, retry: string) => ({ at: on(day), reason: "PAYER_CANNOT_PAY", retryAt: on(retry) });
const failing = (count: number, day: string, retry: string) => ({
  ...first,
  failedPayments: count,
  lastFailure: failure(day, retry),
  outstanding: { amountMinor: 1000n * BigInt(count), currency: "EUR" as const },
});

describe("the mirror of a subscription", () => {
  it("tells a whole life once, however often each state is seen", () => {
    const { look } = looking();
    const twice = (view: Partial<SubscriptionView>, now: Date) => {
      const told = look(view, now);
      expect(look(view, now)).toEqual([]);
      return told;
    };
    expect(twice(pending, on("01-01"))).toEqual([]);
    expect(twice(trial, on("01-01", "12:00"))).toEqual(["subscription.activated"]);
    expect(twice(first, on("01-15"))).toEqual([]);
    expect(twice(failing(1, "02-15", "02-20"), on("02-15"))).toEqual(["subscription.payment_failed", "subscription.past_due"]);
    expect(twice(failing(2, "02-20", "02-25"), on("02-20"))).toEqual(["subscription.payment_failed"]);
    expect(twice({ ...failing(3, "02-25", "03-01"), status: "SUSPENDED" }, on("02-25"))).toEqual([
      "subscription.payment_failed",
      "subscription.suspended",
    ]);
    const recovered = { ...first, nextBillingAt: on("03-15"), lastFailure: failure("02-25", "03-01") };
    expect(twice(recovered, on("03-01"))).toEqual(["subscription.resumed"]);
    expect(twice({ ...recovered, status: "CANCELLED" }, on("03-02"))).toEqual(["subscription.cancelled"]);
  });

  it("tells what was missed between two looks", () => {
    const { look } = looking();
    expect(look({ ...failing(3, "02-25", "03-01"), status: "SUSPENDED" }, on("02-25"))).toEqual([
      "subscription.activated",
      "subscription.payment_failed",
      "subscription.suspended",
    ]);
  });

  it("never goes back: a cancelled subscription stays it, whatever an old answer shows", () => {
    const mirrored = looking();
    mirrored.look({ ...first, status: "CANCELLED" }, on("02-01"));
    for (const view of [pending, trial, first, { ...first, status: "SUSPENDED" }, { status: "SOMETHING_NEW" }])
      expect(mirrored.look(view, on("02-02"))).toEqual([]);
    expect(mirrored.known).toMatchObject({ status: "cancelled", nextBillingAt: null, nextCheckAt: null });
  });

  it("looks again soon after it became active, when the next payment has passed, and at PayPal's next try", () => {
    const mirrored = looking();
    const inMinutes = (now: Date) => ((mirrored.known.nextCheckAt?.getTime() ?? 0) - now.getTime()) / 60_000;
    // PayPal tells the moment of activation for the next payment of a trial.
    mirrored.look({ ...trial, nextBillingAt: on("01-01", "11:00") }, on("01-01", "11:00"));
    expect(inMinutes(on("01-01", "11:00"))).toBe(2);
    mirrored.look(trial, on("01-01", "11:30"));
    expect(mirrored.known.paidUntil).toEqual(on("01-15"));
    expect(inMinutes(on("01-01", "11:30"))).toBe(7 * 24 * 60);
    mirrored.look(trial, on("01-12"));
    expect(mirrored.known.nextCheckAt).toEqual(on("01-15", "10:10"));
    const waits = [1, 2, 3].map(() => {
      mirrored.look(trial, on("01-16"));
      return inMinutes(on("01-16"));
    });
    expect(waits).toEqual([40, 80, 160]);
    mirrored.look(failing(1, "02-15", "02-15"), on("02-15", "09:00"));
    expect(mirrored.known.nextCheckAt).toEqual(on("02-15", "10:10"));
  });

  it("is not looked for for ever when its payer never agrees", () => {
    const mirrored = looking();
    const waits = [on("01-01"), on("01-02"), on("01-29"), on("02-01")].map((now) => {
      mirrored.look(pending, now);
      return mirrored.known.nextCheckAt && (mirrored.known.nextCheckAt.getTime() - now.getTime()) / 60_000;
    });
    expect(waits).toEqual([0.5, 1, 2, null]);
  });

  it("pays regularly from the end of its trials on, or from the beginning", () => {
    const mirrored = looking();
    mirrored.look(trial, on("01-01", "12:00"));
    expect(mirrored.known.payingSince).toBeNull();
    mirrored.look(first, on("01-15"));
    expect(mirrored.known.payingSince).toEqual(on("01-15"));
    const later = looking({ ...fresh, startAt: on("01-20") });
    later.look({ nextBillingAt: on("01-20"), cycles: [cycle("REGULAR", 0)] }, on("01-01", "12:00"));
    expect(later.known.payingSince).toEqual(on("01-20"));
    const without = looking();
    without.look({ nextBillingAt: on("02-01"), cycles: [cycle("REGULAR", 0)] }, on("01-01", "12:00"));
    expect(without.known.payingSince).toEqual(on("01-01", "11:00"));
  });

  it("changes plan and price when PayPal charges them, and not before", () => {
    const mirrored = looking();
    mirrored.look(first, on("01-15"));
    const dearer = plan({ terms: { currency: "EUR", cycles: [{ tenure: "regular", unit: "month", count: 1, total: 0, price: "12.00" }] } });
    expect(mirrored.look(first, on("01-16"), dearer)).toEqual([]);
    expect(mirrored.known.cycleMinor).toBe(1000n);
    const charged = { ...first, cycles: [cycle("TRIAL", 2), cycle("REGULAR", 1, { version: 2 })] };
    expect(mirrored.look(charged, on("01-27"), dearer)).toEqual([]);
    expect(mirrored.known.cycleMinor).toBe(1200n);

    const yearly = plan({
      id: randomUUID(),
      terms: { currency: "EUR", cycles: [{ tenure: "regular", unit: "year", count: 1, total: 0, price: "99.00" }] },
    });
    Object.assign(mirrored.known, { nextPlanId: yearly.id, nextQuantity: 1, changeUrl: "https://paypal.example/consent" });
    expect(mirrored.look(charged, on("01-28"), dearer)).toEqual([]);
    expect(mirrored.known.nextPlanId).toBe(yearly.id);
    expect(mirrored.look(charged, on("01-29"), yearly)).toEqual(["subscription.plan_changed"]);
    expect(mirrored.known).toMatchObject({ planId: yearly.id, cycleMinor: 9900n, unit: "year", nextPlanId: null, changeUrl: null });
  });

  it("is paid for until the next payment, and after the last one for an interval more", () => {
    const mirrored = looking();
    mirrored.look(first, on("01-15"));
    expect(mirrored.known.paidUntil).toEqual(on("02-15"));
    mirrored.look(failing(1, "02-15", "02-20"), on("02-15"));
    expect(mirrored.known.paidUntil).toEqual(on("02-15"));
    // PayPal moves the next payment on though this one failed: a later try that succeeds pays for the time until then.
    mirrored.look({ ...failing(1, "02-15", "02-20"), nextBillingAt: on("03-15") }, on("02-15"));
    expect(mirrored.known.paidUntil).toEqual(on("02-15"));
    mirrored.look({ ...first, nextBillingAt: on("03-15"), lastPayment: { amount: price, at: on("02-20") } }, on("02-20"));
    expect(mirrored.known).toMatchObject({ status: "active", paidUntil: on("03-15"), pastDueSince: null });
    mirrored.look({ ...first, nextBillingAt: null, lastPayment: { amount: price, at: on("03-15") } }, on("03-15"));
    expect(mirrored.known.paidUntil).toEqual(on("04-15"));
    mirrored.look({ status: "EXPIRED", lastPayment: { amount: price, at: on("03-15") } }, on("04-15"));
    expect(mirrored.known).toMatchObject({ status: "expired", paidUntil: on("04-15") });
  });
});

describe("an entitlement", () => {
  const graceDays = 3;
  const of = (subscription: Partial<SubscriptionRow>, at: Date) =>
    entitlementOf({ ...fresh, activatedAt: on("01-01"), ...subscription }, graceDays, at);
  const paidUntil = on("02-15");
  const pastDueSince = on("02-15");

  it.each([
    ["active and paid", { status: "active", paidUntil }, on("02-14"), "paid", paidUntil],
    ["active, the payment of today not told yet", { status: "active", paidUntil }, on("02-16"), "renewal_due", on("02-18")],
    ["active, days after a payment that never came", { status: "active", paidUntil }, on("02-19"), "unpaid", null],
    ["past due, within the days of grace", { status: "past_due", paidUntil, pastDueSince }, on("02-17"), "grace", on("02-18")],
    ["past due, after them", { status: "past_due", paidUntil, pastDueSince }, on("02-18"), "unpaid", null],
    ["suspended for failed payments, within them", { status: "suspended", paidUntil, pastDueSince }, on("02-17"), "grace", on("02-18")],
    ["suspended though paid for", { status: "suspended", paidUntil }, on("02-14"), "paid", paidUntil],
    ["suspended on purpose, the paid time over", { status: "suspended", paidUntil }, on("02-15"), "suspended", null],
    ["cancelled, the paid time running", { status: "cancelled", paidUntil }, on("02-14"), "paid", paidUntil],
    ["cancelled, the paid time over", { status: "cancelled", paidUntil }, on("02-15"), "ended", null],
    ["agreed to, and to begin later", { status: "active", paidUntil, startAt: paidUntil }, on("02-14"), "not_started", null],
    ["not agreed to yet", { status: "approval_pending" }, on("01-02"), "not_started", null],
    ["refused by PayPal", { status: "failed" }, on("01-02"), "ended", null],
  ] as [string, Partial<SubscriptionRow>, Date, string, Date | null][])("by one that is %s", (_what, subscription, at, why, until) => {
    expect(of(subscription, at)).toMatchObject({ entitled: until !== null, until: until?.toISOString() ?? null, why });
  });

  it("is the one that lasts longest, else the newest subscription's", () => {
    const newest = of({ status: "cancelled" }, on("02-01"));
    const shorter = of({ status: "active", paidUntil: on("02-10") }, on("02-01"));
    const longer = of({ status: "cancelled", paidUntil }, on("02-01"));
    expect(best([newest, shorter, longer])).toBe(longer);
    expect(best([newest, of({ status: "failed" }, on("02-01"))])).toBe(newest);
    expect(best([])).toMatchObject({ entitled: false, why: "none" });
  });
});

describe("an interval", () => {
  it.each([
    ["2026-01-31", "month", 1, "2026-02-28"],
    ["2028-01-31", "month", 1, "2028-02-29"],
    ["2026-01-31", "month", 13, "2027-02-28"],
    ["2028-02-29", "year", 1, "2029-02-28"],
    ["2026-12-15", "month", 1, "2027-01-15"],
    ["2026-02-27", "week", 1, "2026-03-06"],
    ["2026-02-27", "day", 3, "2026-03-02"],
  ] as const)("after %s of a %s times %s ends on %s", (from, unit, count, to) => {
    expect(after(new Date(`${from}T10:00:00Z`), unit, count)).toEqual(new Date(`${to}T10:00:00Z`));
  });
});
