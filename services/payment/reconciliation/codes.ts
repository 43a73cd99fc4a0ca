/**
 * What PayPal's event codes mean for the books. Source: PayPal's list of transaction event codes; what is not in it is money nobody here can explain.
 * capture: a payment or a subscription's sale; hold, release: kept back for a dispute, and given free; transfer: between PayPal and the merchant's bank.
 */
export type Meaning = "capture" | "refund" | "reversal" | "hold" | "release" | "fee" | "conversion" | "transfer" | "other";

const exact: Record<string, Meaning> = {
  T1107: "refund",
  T1106: "reversal",
  T1201: "reversal",
  T1110: "hold",
  T1111: "release",
  T1108: "fee",
  T1109: "fee",
};
const groups: Record<string, Meaning> = { T00: "capture", T01: "fee", T02: "conversion", T03: "transfer", T04: "transfer" };

export const meaningOf = (code: string): Meaning => exact[code] ?? groups[code.slice(0, 3)] ?? "other";
