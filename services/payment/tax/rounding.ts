export const roundingModes = ["half-up", "half-even"] as const;
export type RoundingMode = (typeof roundingModes)[number];
export const roundingScopes = ["total", "line"] as const;
export type RoundingScope = (typeof roundingScopes)[number];

/** Where and how tax is rounded to the currency's smallest unit. */
export interface Rounding {
  /** total: once for each rate, its cents shared out to the lines; line: on each line, the total being their sum. */
  scope: RoundingScope;
  mode: RoundingMode;
}

/** EN 16931 reckons tax once for each rate, half up (BR-CO-17), and it is the scope that is off by half a cent at most however many lines there are. */
export const usualRounding: Rounding = { scope: "total", mode: "half-up" };

/** `numerator / denominator`, rounded. Neither may be negative. */
export function divide(numerator: bigint, denominator: bigint, mode: RoundingMode): bigint {
  const quotient = numerator / denominator;
  const twice = (numerator % denominator) * 2n;
  if (twice < denominator) return quotient;
  if (twice > denominator || mode === "half-up") return quotient + 1n;
  return quotient + (quotient % 2n);
}

/**
 * Shares `total` out in proportion to `weights` so that the shares add up to it: each gets what it has whole, and what is left goes unit by unit
 * to the largest remainders, the first of equals. Without any weight the first gets all.
 */
export function allocate(total: bigint, weights: readonly bigint[]): bigint[] {
  const sum = weights.reduce((a, b) => a + b, 0n);
  if (sum === 0n) return weights.map((_, index) => (index === 0 ? total : 0n));
  return settle(
    total,
    weights.map((weight) => total * weight),
    sum,
  );
}

/** The largest-remainder method: parts / denominator, rounded so that they add up to `total`, which must be within their number of their floor. */
export function settle(total: bigint, parts: readonly bigint[], denominator: bigint): bigint[] {
  const shares = parts.map((part) => part / denominator);
  let left = total - shares.reduce((a, b) => a + b, 0n);
  const byRemainder = parts
    .map((part, index) => ({ index, remainder: part % denominator }))
    .sort((a, b) => (a.remainder === b.remainder ? a.index - b.index : a.remainder > b.remainder ? -1 : 1));
  for (const { index } of byRemainder) {
    if (left === 0n) break;
    shares[index]! += 1n;
    left -= 1n;
  }
  return shares;
}
