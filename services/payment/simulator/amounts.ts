import { refusal, type Reply } from "./replies.ts";

/** Written apart from the service's own money.ts on purpose: a simulator that shares the code under test agrees with its mistakes. */
const withoutDecimals = new Set(["HUF", "JPY", "TWD"]);
const supported = new Set("AUD BRL CAD CNY CZK DKK EUR HKD HUF ILS JPY MYR MXN TWD NZD NOK PHP PLN GBP SGD SEK CHF THB USD".split(" "));

export interface Amount {
  currency_code: string;
  value: string;
}

/** PayPal's refusal of an amount, or null when it would take it. */
export function refuseAmount({ currency_code, value }: Amount): Reply | null {
  if (!supported.has(currency_code)) return refusal("INVALID_CURRENCY_CODE", "Currency code should be a three-character currency code.");
  const decimals = value.split(".")[1]?.length ?? 0;
  if (decimals > (withoutDecimals.has(currency_code) ? 0 : 2)) {
    return refusal("DECIMAL_PRECISION", "The value of the field should not be more than the currency's decimal places.");
  }
  if (Number(value) <= 0) return refusal("CANNOT_BE_ZERO_OR_NEGATIVE", "Must be greater than zero.");
  if (value.replace("-", "").split(".")[0]!.length > 15)
    return refusal("MAX_VALUE_EXCEEDED", "Should be less than or equal to 999999999999999.99.");
  return null;
}

/** What a seller receives: gross less 3.49 % and a fixed fee, never below nothing; exact in hundredths (or whole yen). */
export function receivable({ currency_code, value }: Amount) {
  const places = withoutDecimals.has(currency_code) ? 0 : 2;
  const [whole = "0", fraction = ""] = value.split(".");
  const gross = BigInt(whole + fraction.padEnd(places, "0"));
  const fixed = places ? 49n : 40n;
  const wanted = (gross * 349n + 5_000n) / 10_000n + fixed;
  const fee = wanted > gross ? gross : wanted;
  const amount = (minor: bigint): Amount => {
    const digits = String(minor).padStart(places + 1, "0");
    return { currency_code, value: places ? `${digits.slice(0, -places)}.${digits.slice(-places)}` : digits };
  };
  return { gross_amount: amount(gross), paypal_fee: amount(fee), net_amount: amount(gross - fee) };
}
