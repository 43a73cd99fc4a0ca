import { describe, expect, it } from "@jest/globals";
import type { TransactionView } from "../gateway/search.ts";
import type { Money } from "../money.ts";
import { compareOne, duplicates, missingAtPayPal, oursFrom, type Booked, type Found, type Ours } from "./compare.ts";

const at = new Date("2026-11-01T10:00:00Z");
const money = (amountMinor: bigint, currency: Money["currency"] = "USD"): Money => ({ amountMinor, currency });
const reported = (of: Partial<TransactionView> = {}): TransactionView => ({
  ...{ id: "C1", code: "T0006", status: "S", at, amount: money(10_000n), fee: money(-320n), raw: { id: "C1" } },
  ...{ referenceId: null, referenceType: null, invoiceId: null, custom: null },
  ...of,
});
const owner = { paymentId: "P1", subscriptionId: null, invoiceId: null };
const entry = (kind: Booked["kind"], amountMinor: bigint, of: Partial<Booked> = {}): Booked => ({
  ...{ kind, objectId: "C1", captureId: "C1", amountMinor, currency: "USD" as const, at },
  ...owner,
  ...of,
});
const known = (...booked: Booked[]): Ours => oursFrom(booked, [], new Map());
const paid = [entry("capture", 10_000n), entry("capture_fee", 320n)];
const verdict = (found: Found | null) => found && found.kind;

describe("a transaction of PayPal's", () => {
  it("agrees when amount, fee and status are what is booked", () => {
    expect(compareOne(reported(), known(...paid))).toBeNull();
    expect(compareOne(reported({ status: "V" }), known(...paid))).toBeNull();
    const refund = entry("refund", 2_500n, { objectId: "R1" });
    expect(compareOne(reported({ id: "R1", code: "T1107", amount: money(-2_500n), fee: null }), known(...paid, refund))).toBeNull();
    const returned = entry("refund_fee", 80n, { objectId: "R1" });
    expect(compareOne(reported({ id: "R1", code: "T1107", amount: money(-2_500n), fee: money(80n) }), known(refund, returned))).toBeNull();
  });

  it.each([
    ["amount_differs", reported({ amount: money(9_999n) })],
    ["amount_differs", reported({ amount: null })],
    ["currency_differs", reported({ amount: money(10_000n, "EUR") })],
    ["fee_differs", reported({ fee: money(-321n) })],
    ["status_differs", reported({ status: "D" })],
    ["status_differs", reported({ status: "P" })],
  ])("gives %s with both sides beside each other", (kind, transaction) => {
    const found = compareOne(transaction, known(...paid))!;
    expect(found).toMatchObject({
      kind,
      objectId: "C1",
      ...owner,
      ours: { amount: money(10_000n), fee: money(320n) },
      evidence: { id: "C1" },
    });
    expect(found.paypal).toMatchObject({ amount: transaction.amount, status: transaction.status });
  });

  it("has a fee that differs while the ledger does not know it yet", () => {
    expect(verdict(compareOne(reported(), known(paid[0]!)))).toBe("fee_differs");
    expect(compareOne(reported({ fee: money(0n) }), known(paid[0]!))).toBeNull();
  });

  it("is missing in the ledger when it names something of ours, and unknown when it names nothing", () => {
    const transaction = reported();
    expect(compareOne(transaction, { ...known(), named: new Map([[transaction, owner]]) })).toMatchObject({
      kind: "missing_in_ledger",
      ...owner,
    });
    expect(compareOne(transaction, known())).toMatchObject({ kind: "unknown_reference", explanation: null });
    expect(verdict(compareOne(reported({ code: "T9999" }), known(...paid)))).toBe("unknown_reference");
  });

  it("differs in status where our row has not heard of its end, or of its failure", () => {
    const row = (status: string) => oursFrom([], [{ thing: "capture", paypalId: "C1", ...owner, status }], new Map());
    expect(compareOne(reported(), row("pending"))).toMatchObject({ kind: "status_differs", paymentId: "P1", ours: { status: "pending" } });
    expect(verdict(compareOne(reported({ status: "D" }), row("completed")))).toBe("status_differs");
    expect(compareOne(reported({ status: "P" }), row("pending"))).toBeNull();
    expect(compareOne(reported({ status: "D" }), known())).toBeNull();
  });

  it("is known as a dispute's hold, fee or end, and as a conversion, by what it refers to", () => {
    const disputed = { objectId: "D1", captureId: "C1" };
    const of = (code: string, id = "H1") => reported({ id, code, referenceId: "C1", amount: money(-10_000n) });
    expect(compareOne(of("T1110"), known(entry("dispute_hold", 10_000n, disputed)))).toBeNull();
    expect(compareOne(of("T0106"), known(entry("dispute_fee", 1_500n, disputed)))).toBeNull();
    expect(compareOne(of("T1106"), known(entry("dispute_loss", 10_000n, disputed)))).toBeNull();
    expect(verdict(compareOne(of("T1106"), known(...paid)))).toBe("unknown_reference");
    const exchanged = known(entry("capture_conversion", 9_000n, { currency: "EUR" }));
    expect(compareOne(of("T0200"), exchanged)).toBeNull();
    expect(compareOne({ ...of("T0200"), amount: money(9_000n, "EUR") }, exchanged)).toBeNull();
    expect(verdict(compareOne({ ...of("T0200"), amount: money(8_999n, "EUR") }, exchanged))).toBe("amount_differs");
    const ours = of("T0200");
    expect(verdict(compareOne(ours, { ...known(...paid), named: new Map([[ours, owner]]) }))).toBe("missing_in_ledger");
  });

  it("is explained when money only moved to the bank or between balances, and is never left out", () => {
    for (const code of ["T0400", "T0300", "T0200"]) {
      const found = compareOne(reported({ code, id: "B1" }), known(...paid))!;
      expect(found.kind).toBe("unknown_reference");
      expect(found.explanation).toContain("bank");
    }
  });

  it("is a duplicate when PayPal reports the same money twice, and not when an id has two meanings", () => {
    expect(duplicates([reported(), reported({ at: new Date(at.getTime() + 1) }), reported({ id: "C2" })])).toMatchObject([
      { kind: "duplicate_at_paypal", objectId: "C1", evidence: [{}, {}] },
    ]);
    const sides = [reported({ code: "T0200" }), reported({ code: "T0200", amount: money(9_000n, "EUR") })];
    expect(duplicates([reported(), reported({ code: "T1110" }), ...sides])).toEqual([]);
  });

  it("is missing at PayPal when only the ledger has it; its fee is not counted by itself", () => {
    expect(missingAtPayPal(paid, new Set(["C2"]))).toMatchObject([
      { kind: "missing_at_paypal", objectId: "C1", ours: { amount: money(10_000n) } },
    ]);
    expect(missingAtPayPal(paid, new Set(["C1"]))).toEqual([]);
  });
});
