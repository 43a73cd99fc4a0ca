import { errors, type Fault } from "../../../config/errors.ts";
import type { PaymentRow } from "../../../entities/Payment.ts";
import type { Em } from "../../../mixins/database.ts";
import type { Buyer } from "../invoices/buyer.ts";
import { formatAmount, parseAmount } from "../money.ts";
import type { Basket } from "./basket.ts";
import type { Breakdown } from "./breakdown.ts";
import { quote } from "./quote.ts";
import { restore } from "./stored.ts";

/** What a payment is for, as it was reckoned when the payment was made; stands in its row. */
export interface Sale {
  breakdown: Breakdown;
  /** Country of the billing address. */
  country: string;
  /** Who an invoice would be for. */
  buyer: Buyer | null;
}

/** What a caller may say of it: all of it is optional, but items want a customer. */
export type SaleWish = Partial<Omit<Basket, "currency">> & { buyer?: Buyer };

/** Members that mean nothing without items. */
const parts = ["shipping", "discount", "prices", "rounding", "customer", "date", "buyer"] as const;

/**
 * Reckons what is to be paid for; null when no items are named.
 * @throws VALIDATION_FAILED when the amount is not what the items come to, and what `quote` throws
 */
export async function sell(em: Em, tenantId: string, wish: SaleWish & { amount: string; currency: string }): Promise<Sale | null> {
  const { items, customer, buyer = null, amount, currency } = wish;
  if (!items || !customer) {
    const faults = partial(wish);
    if (faults.length) throw errors.invalid(faults);
    return null;
  }
  const breakdown = await quote(em, tenantId, { ...wish, items, customer });
  if (parseAmount(amount, currency) !== breakdown.grossMinor) {
    const total = formatAmount(breakdown.grossMinor, breakdown.currency);
    const detail = `must be what the items come to, ${total} ${currency} with ${formatAmount(breakdown.taxMinor, breakdown.currency)} tax; ${amount} came`;
    throw errors.invalid([{ pointer: "/amount", detail }]);
  }
  return { breakdown, country: customer.country, buyer };
}

function partial({ items, ...rest }: SaleWish): Fault[] {
  if (items) return [{ pointer: "/customer", detail: "is required with items" }];
  return parts.filter((name) => rest[name] !== undefined).map((name) => ({ pointer: `/${name}`, detail: "means nothing without items" }));
}

/** What a payment is for; null when nobody said. */
export const saleOf = ({ sale }: Pick<PaymentRow, "sale">): Sale | null => (sale ? restore<Sale>(sale) : null);
