import { errors, type Fault } from "../../config/errors.ts";

/**
 * Decimal places of the currencies PayPal takes. PayPal's own table, not ISO 4217 (HUF and TWD have two there)
 * and not Intl's (two for TWD): asking the wrong one charges a hundredfold.
 * BRL, CNY and MYR work for accounts of that country only, which PayPal itself decides.
 */
const decimals = {
  ...{ AUD: 2, BRL: 2, CAD: 2, CHF: 2, CNY: 2, CZK: 2, DKK: 2, EUR: 2, GBP: 2, HKD: 2, HUF: 0, ILS: 2, JPY: 0 },
  ...{ MXN: 2, MYR: 2, NOK: 2, NZD: 2, PHP: 2, PLN: 2, SEK: 2, SGD: 2, THB: 2, TWD: 0, USD: 2 },
} as const;
export type Currency = keyof typeof decimals;
export const currencies = Object.keys(decimals) as Currency[];

/** An amount of money, e.g. 12.50 EUR as 1250n. */
export interface Money {
  /** Minor units of the currency. */
  amountMinor: bigint;
  currency: Currency;
}

/** PayPal's largest amount is 999999999999999.99, whatever the currency: 15 digits before the point. */
const wholeDigits = 15;

/** Whether PayPal takes this currency; codes are upper case. */
export const isCurrency = (code: string): code is Currency => Object.hasOwn(decimals, code);

const decimalsOf = (currency: Currency): number => decimals[currency];

/** Whether it has no smaller unit. */
export const isWhole = (currency: Currency): boolean => decimalsOf(currency) === 0;

/** The most that PayPal takes at once, in minor units. */
export const largestAmount = (currency: Currency): bigint => 10n ** BigInt(wholeDigits + decimalsOf(currency)) - 1n;

/** Every reason why `value` is not an amount in `currency`, in words for the caller. */
export function amountFaults(value: string, currency: string): Fault[] {
  const faults: Fault[] = [];
  const amount = (detail: string) => faults.push({ pointer: "/amount", detail });
  if (!isCurrency(currency))
    faults.push({ pointer: "/currency", detail: `must be one of ${currencies.join(", ")}; "${currency.slice(0, 16)}" came` });

  const number = /^(-?)(\d+)(?:\.(\d+))?$/.exec(value);
  if (!number) {
    amount(`must be a decimal string such as "12.50"; "${value.slice(0, 40)}" came`);
    return faults;
  }
  const [, sign, whole = "", fraction] = number;
  if (sign) amount(`must not be negative; ${value.slice(0, 40)} came`);
  if (whole.replace(/^0+/, "").length > wholeDigits)
    amount(`must have at most ${wholeDigits} digits before the point; ${whole.length} came`);
  if (isCurrency(currency) && fraction !== undefined && fraction.length > decimalsOf(currency)) {
    const places = decimalsOf(currency);
    amount(
      places
        ? `must have at most ${places} decimals in ${currency}; ${fraction.length} came`
        : `must be whole: PayPal takes ${currency} without decimals`,
    );
  }
  return faults;
}

/**
 * Reads a decimal string ("12.5", "1000") into minor units of its currency (1250n cents, 1000n yen).
 * @throws VALIDATION_FAILED naming every fault, pointing at /amount and /currency.
 */
export function parseAmount(value: string, currency: string): bigint {
  const faults = amountFaults(value, currency);
  if (faults.length || !isCurrency(currency)) throw errors.invalid(faults);
  const [whole = "", fraction = ""] = value.split(".");
  return BigInt(whole + fraction.padEnd(decimalsOf(currency), "0"));
}

/** An amount as a provider writes it; null when it is none in a currency that PayPal takes. */
export const readAmount = (value: string | null, currency: string | null): Money | null =>
  value !== null && currency !== null && isCurrency(currency) && amountFaults(value, currency).length === 0
    ? { amountMinor: parseAmount(value, currency), currency }
    : null;

/** Minor units as the decimal string PayPal wants: 1250n EUR → "12.50", 1000n JPY → "1000". */
export function formatAmount(minor: bigint, currency: Currency): string {
  const places = decimalsOf(currency);
  if (places === 0) return String(minor);
  const digits = String(minor < 0n ? -minor : minor).padStart(places + 1, "0");
  return `${minor < 0n ? "-" : ""}${digits.slice(0, -places)}.${digits.slice(-places)}`;
}
