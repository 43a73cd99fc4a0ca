import type { Account } from "./accounts.ts";
import { type Amount, amountOf, minorOf, placesOf, shareOf } from "./amounts.ts";

/**
 * The fee of every payment: 3.49 % of the gross amount, rounded half up, plus the currency's fixed fee below, never more than the gross.
 * The fixed fees are in minor units and those that PayPal publishes for commercial transactions.
 */
const percent = 349n;
const fixedFees: Record<string, bigint> = {
  ...{ AUD: 59n, BRL: 290n, CAD: 59n, CHF: 49n, CNY: 300n, CZK: 900n, DKK: 290n, EUR: 39n, GBP: 39n, HKD: 379n, HUF: 149n, ILS: 160n },
  ...{ JPY: 49n, MXN: 900n, MYR: 200n, NOK: 390n, NZD: 69n, PHP: 2500n, PLN: 189n, SEK: 409n, SGD: 69n, THB: 1500n, TWD: 14n, USD: 49n },
};

/** What one unit is worth in dollars, in ten-thousandths of a dollar: only so that exchanges are the same each time. */
const worth: Record<string, bigint> = {
  ...{ AUD: 6600n, BRL: 1800n, CAD: 7300n, CHF: 11200n, CNY: 1400n, CZK: 430n, DKK: 1450n, EUR: 10800n, GBP: 12700n, HKD: 1280n, HUF: 27n },
  ...{ ILS: 2700n, JPY: 67n, MXN: 550n, MYR: 2200n, NOK: 940n, NZD: 6100n, PHP: 175n, PLN: 2500n, SEK: 950n, SGD: 7500n, THB: 290n },
  ...{ TWD: 310n, USD: 10000n },
};

interface Rate {
  source_currency: string;
  target_currency: string;
  /** Eight decimals unless the account sets another. */
  value: string;
}

/** The rate at which an account exchanges; null when it keeps the currency. */
function rateFor(account: Account, source: string): Rate | null {
  const target = account.currency;
  if (!target || target === source) return null;
  const digits = String((worth[source]! * 100_000_000n) / worth[target]!).padStart(9, "0");
  return {
    source_currency: source,
    target_currency: target,
    value: account.rates?.[source] ?? `${digits.slice(0, -8)}.${digits.slice(-8)}`,
  };
}

/** Exact up to the last step, which rounds half up to the target's minor unit. */
function exchange(amount: Amount, rate: Rate): Amount {
  const [whole = "0", fraction = ""] = rate.value.split(".");
  const scaled = BigInt(whole + fraction) * minorOf(amount) * 10n ** BigInt(placesOf(rate.target_currency));
  const unit = 10n ** BigInt(fraction.length + placesOf(amount.currency_code));
  return amountOf((scaled + unit / 2n) / unit, rate.target_currency);
}

export const feeOf = (gross: bigint, code: string) => {
  const fee = shareOf(gross, percent) + fixedFees[code]!;
  return fee > gross ? gross : fee;
};

/** What a seller receives of a payment: the breakdown of a completed capture. */
export function receivable(amount: Amount, account: Account) {
  const gross = minorOf(amount);
  const code = amount.currency_code;
  const fee = feeOf(gross, code);
  const net = amountOf(gross - fee, code);
  const rate = rateFor(account, code);
  return {
    gross_amount: amountOf(gross, code),
    paypal_fee: amountOf(fee, code),
    net_amount: net,
    ...(rate && {
      paypal_fee_in_receivable_currency: exchange(amountOf(fee, code), rate),
      receivable_amount: exchange(net, rate),
      exchange_rate: rate,
    }),
  };
}

/** What a refund takes from a seller. `refundedBefore` is of the same capture and in minor units. */
export function payable(amount: Amount, refundedBefore: bigint, account: Account) {
  const gross = minorOf(amount);
  const code = amount.currency_code;
  const fee = account.returnsFees ? shareOf(gross, percent) : 0n;
  const net = amountOf(gross - fee, code);
  const rate = rateFor(account, code);
  return {
    gross_amount: amountOf(gross, code),
    paypal_fee: amountOf(fee, code),
    net_amount: net,
    ...(rate && {
      paypal_fee_in_receivable_currency: exchange(amountOf(fee, code), rate),
      net_amount_in_receivable_currency: exchange(net, rate),
      net_amount_breakdown: [{ payable_amount: net, converted_amount: exchange(net, rate), exchange_rate: rate }],
    }),
    total_refunded_amount: amountOf(refundedBefore + gross, code),
  };
}
