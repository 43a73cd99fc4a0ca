import { refused } from "./replies.ts";

/** Written apart from the service's own money.ts on purpose: a simulator that shares the code under test agrees with its mistakes. */
const withoutDecimals = new Set(["HUF", "JPY", "TWD"]);
const supported = new Set("AUD BRL CAD CNY CZK DKK EUR HKD HUF ILS JPY MYR MXN TWD NZD NOK PHP PLN GBP SGD SEK CHF THB USD".split(" "));

export interface Amount {
  currency_code: string;
  value: string;
}

export const amountSyntax = /^(-?\d+|-?\d*\.\d+)$/;

export const isSupported = (code: string) => supported.has(code);

/** Digits after the point: none for HUF, JPY and TWD. */
export const placesOf = (code: string) => (withoutDecimals.has(code) ? 0 : 2);

/**
 * @param sign what an amount may be: "positive" unless told otherwise; items of an order may be nothing, discounts are never negative.
 * @param noDecimals how the operation calls decimals in HUF, JPY, TWD: Orders DECIMAL_PRECISION, Payments DECIMALS_NOT_SUPPORTED.
 * @throws Refused as PayPal refuses an amount.
 */
export function demandAmount(
  { currency_code, value }: Amount,
  { sign = "positive", noDecimals = "DECIMAL_PRECISION", field }: { sign?: "positive" | "zero"; noDecimals?: string; field?: string } = {},
): void {
  if (!isSupported(currency_code))
    throw refused("INVALID_CURRENCY_CODE", "Currency code should be a three-character currency code.", field);
  const decimals = value.split(".")[1]?.length ?? 0;
  if (decimals > placesOf(currency_code)) {
    throw placesOf(currency_code)
      ? refused("DECIMAL_PRECISION", "The value of the field should not be more than two decimal places.", field)
      : refused(noDecimals, "Currency does not support decimals.", field);
  }
  const number = minorOf({ currency_code, value });
  if (sign === "positive" && number <= 0n) throw refused("CANNOT_BE_ZERO_OR_NEGATIVE", "Must be greater than zero.", field);
  if (number < 0n) throw refused("CANNOT_BE_NEGATIVE", "Must be greater than or equal to zero.", field);
  if (value.split(".")[0]!.length > 15) throw refused("MAX_VALUE_EXCEEDED", "Should be less than or equal to 999999999999999.99.", field);
}

/** Hundredths, or whole units of HUF, JPY and TWD. The value has no more decimals than its currency. */
export function minorOf({ currency_code, value }: Amount): bigint {
  const [whole = "0", fraction = ""] = value.replace("-", "").split(".");
  const digits = BigInt(whole + fraction.padEnd(placesOf(currency_code), "0"));
  return value.startsWith("-") ? -digits : digits;
}

/** 1250n EUR → { currency_code: "EUR", value: "12.50" }. */
export function amountOf(minor: bigint, currency_code: string): Amount {
  const places = placesOf(currency_code);
  const digits = String(minor < 0n ? -minor : minor).padStart(places + 1, "0");
  const sign = minor < 0n ? "-" : "";
  return { currency_code, value: sign + (places ? `${digits.slice(0, -places)}.${digits.slice(-places)}` : digits) };
}

/** A share of an amount in hundredths of a percent, rounded half up. */
export const shareOf = (minor: bigint, basisPoints: bigint) => (minor * basisPoints + 5_000n) / 10_000n;
