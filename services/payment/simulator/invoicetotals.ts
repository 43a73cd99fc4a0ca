import { type Amount, amountOf, minorOf } from "./amounts.ts";

export interface Discount {
  percent?: string;
  amount?: Amount;
}

export interface InvoiceItem {
  name: string;
  description?: string;
  /** Up to five decimals. */
  quantity: string;
  unit_amount: Amount;
  tax?: { name?: string; percent: string };
  discount?: Discount;
}

export interface Wishes {
  items: InvoiceItem[];
  discount?: Discount;
  shipping?: { amount?: Amount; tax?: { name?: string; percent: string } };
  custom?: { label?: string; amount?: Amount };
  taxInclusive: boolean;
  /** Whether discounts lower the base of the tax; yes unless told otherwise. */
  taxAfterDiscount: boolean;
}

/** "19.5" with five decimals → 1950000n: hundred-thousandths. */
function scaled(decimal: string): bigint {
  const [whole = "0", fraction = ""] = decimal.split(".");
  return BigInt(whole + fraction.padEnd(5, "0"));
}
const unit = 100_000n;
const rounded = (numerator: bigint, denominator: bigint) => (2n * numerator + denominator) / (2n * denominator);
const percentOf = (minor: bigint, percent: string) => rounded(minor * scaled(percent), 100n * unit);
const taxIn = (minor: bigint, percent: string) => minor - rounded(minor * 100n * unit, 100n * unit + scaled(percent));
const sum = (of: bigint[]) => of.reduce((total, one) => total + one, 0n);

const discountOf = (minor: bigint, { percent, amount }: Discount = {}) =>
  percent !== undefined ? percentOf(minor, percent) : amount ? minorOf(amount) : 0n;

/** What an invoice comes to, line by line, each rounded half up. */
export function totalsOf(wishes: Wishes, code: string) {
  const { items, taxInclusive, taxAfterDiscount } = wishes;
  const lines = items.map((item) => {
    const gross = rounded(minorOf(item.unit_amount) * scaled(item.quantity), unit);
    return { item, gross, discount: discountOf(gross, item.discount) };
  });
  const itemTotal = sum(lines.map(({ gross }) => gross));
  const itemDiscount = sum(lines.map(({ discount }) => discount));
  const base = itemTotal - itemDiscount;
  const invoiceDiscount = discountOf(base, wishes.discount);
  const taxes = lines.map(({ item, gross, discount }) => {
    const share = base > 0n ? rounded(invoiceDiscount * (gross - discount), base) : 0n;
    const taxed = taxAfterDiscount ? gross - discount - share : gross;
    return item.tax ? (taxInclusive ? taxIn(taxed, item.tax.percent) : percentOf(taxed, item.tax.percent)) : 0n;
  });
  const { shipping, custom } = wishes;
  const freight = shipping?.amount ? minorOf(shipping.amount) : 0n;
  const freightTax = shipping?.tax ? (taxInclusive ? taxIn(freight, shipping.tax.percent) : percentOf(freight, shipping.tax.percent)) : 0n;
  const extra = custom?.amount ? minorOf(custom.amount) : 0n;
  const taxTotal = sum(taxes) + freightTax;
  const total = base - invoiceDiscount + freight + extra + (taxInclusive ? 0n : taxTotal);
  const money = (minor: bigint) => amountOf(minor, code);
  return {
    total,
    taxes: taxes.map(money),
    amount: {
      ...money(total),
      breakdown: {
        item_total: money(itemTotal),
        discount: {
          ...(wishes.discount && { invoice_discount: { ...wishes.discount, amount: money(-invoiceDiscount) } }),
          item_discount: money(-itemDiscount),
        },
        tax_total: money(taxTotal),
        ...(shipping && { shipping: { ...shipping, ...(shipping.tax && { tax: { ...shipping.tax, amount: money(freightTax) } }) } }),
        ...(custom && { custom }),
      },
    },
  };
}
