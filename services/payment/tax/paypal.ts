import type { Breakdown, BreakdownLine } from "./breakdown.ts";

/** The parts of an order's amount as PayPal takes them, in minor units: item total + tax total + shipping − discount = the amount. */
export interface OrderBreakdown {
  itemTotalMinor: bigint;
  taxTotalMinor: bigint;
  shippingMinor: bigint;
  discountMinor: bigint;
  items: OrderItem[];
}

export interface OrderItem {
  /** At most 127 characters. */
  name: string;
  sku: string | null;
  quantity: bigint;
  /** Without tax; times the quantity they add up to the item total. */
  unitMinor: bigint;
  /** Of one unit; null where it can't be told to the cent. */
  taxMinor: bigint | null;
}

/**
 * A breakdown in PayPal's terms. PayPal demands that units times quantities add up to item total and tax total to the cent: several of what has
 * no exact price without tax become one item of that name, and the tax of units is left out of all items unless it is exact for each.
 */
export function orderBreakdown({ lines, taxMinor }: Breakdown): OrderBreakdown {
  const sold = lines.filter(({ kind }) => kind === "item");
  const shipping = lines.filter(({ kind }) => kind === "shipping");
  const total = (amounts: readonly bigint[]) => amounts.reduce((sum, amount) => sum + amount, 0n);
  const net = total(sold.map(({ netMinor }) => netMinor));
  const listed = total(sold.map(({ listNetMinor }) => listNetMinor));
  // A discount of a cent or two can come out as nothing, or less, once the cents of tax are shared out anew.
  const priced = sold.map((line) => ({ line, priceMinor: listed < net ? line.netMinor : line.listNetMinor }));
  const items = priced.map(({ line, priceMinor }) => itemOf(line, priceMinor));
  const taxes = sold.map((line, index) => (line.taxMinor % items[index]!.quantity === 0n ? line.taxMinor / items[index]!.quantity : null));
  const exact = taxes.every((tax) => tax !== null) && shipping.every((line) => line.taxMinor === 0n);
  return {
    itemTotalMinor: listed < net ? net : listed,
    taxTotalMinor: taxMinor,
    shippingMinor: total(shipping.map(({ netMinor }) => netMinor)),
    discountMinor: listed < net ? 0n : listed - net,
    items: items.map((item, index) => ({ ...item, taxMinor: exact ? taxes[index]! : null })),
  };
}

function itemOf({ name, sku, quantity }: BreakdownLine, priceMinor: bigint): Omit<OrderItem, "taxMinor"> {
  return priceMinor % quantity === 0n
    ? { name: cut(name), sku, quantity, unitMinor: priceMinor / quantity }
    : { name: cut(`${quantity} × ${name}`), sku, quantity: 1n, unitMinor: priceMinor };
}

/** No half of a surrogate pair is left at the end. */
const cut = (name: string) => name.slice(0, 127).replace(/[\uD800-\uDBFF]$/, "");
