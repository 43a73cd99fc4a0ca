/**
 * A tax rate as a whole number of 1/100,000 of a percent: 19 % is 1,900,000n, 9.975 % is 997,500n. Exact, as money is; PayPal takes
 * percentages with five decimals and nothing finer exists in the table.
 */
export type Rate = bigint;

/** 100 %. */
export const wholeRate: Rate = 10_000_000n;

/** What a percentage may look like: "19", "25.5", "9.975". */
export const percentPattern = "^(100|\\d{1,2})(\\.\\d{1,5})?$";

/** @param percent as `percentPattern` says */
export function parseRate(percent: string): Rate {
  const [whole = "", fraction = ""] = percent.split(".");
  return BigInt(whole + fraction.padEnd(5, "0"));
}

/** 1,900,000n → "19", 997,500n → "9.975". */
export function formatRate(rate: Rate): string {
  const digits = String(rate).padStart(6, "0");
  return `${digits.slice(0, -5)}.${digits.slice(-5)}`.replace(/\.?0+$/, "");
}
