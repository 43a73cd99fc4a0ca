import Type, { type Static } from "typebox";
import { errors, failureType, type Fault } from "../../../config/errors.ts";
import { strict } from "../../../config/action.ts";
import type { SubscriptionRow } from "../../../entities/Subscription.ts";
import { describeAct } from "../../../mixins/act.ts";
import type { Em } from "../../../mixins/database.ts";
import { buyerSchema } from "../invoices/buyer.ts";
import { formatAmount, type Money } from "../money.ts";
import type { Basket } from "../tax/basket.ts";
import { quote } from "../tax/quote.ts";
import { category, customerSchema } from "../tax/schema.ts";
import type { Till } from "../till.ts";
import { missing } from "./look.ts";
import { writing } from "./record.ts";

/** Who the invoices of a subscription's payments are for, and how they are taxed. */
export const billingParams = { buyer: buyerSchema, customer: customerSchema, taxCategory: Type.Optional(category) };
export const billingSchema = strict(billingParams);
export type Billing = Static<typeof billingSchema>;

export const billingOf = ({ billing }: Pick<SubscriptionRow, "billing">): Billing | null => (billing as Billing | null | undefined) ?? null;

/**
 * What an invoice of a payment is reckoned from: one item of what was paid, which holds the tax.
 * @param name of what was sold
 * @param date day of the payment, whose rates hold; today when left out
 */
export function basketOf({ customer, taxCategory }: Billing, name: string, { amountMinor, currency }: Money, date?: string): Basket {
  const unitAmount = formatAmount(amountMinor, currency);
  return {
    ...{ currency, customer, prices: "inclusive" },
    items: [{ name, quantity: 1, unitAmount, ...(taxCategory !== undefined && { taxCategory }) }],
    ...(date !== undefined && { date }),
  };
}

/**
 * Sees to it that invoices can be reckoned, before the first payment comes.
 * @param at pointer to where the caller said it
 * @throws VALIDATION_FAILED naming every fault, SELLER_INCOMPLETE when the seller's country is unknown
 */
export async function checkBilling(em: Em, tenantId: string, billing: Billing, regular: Money, at: "" | "/billing"): Promise<void> {
  try {
    await quote(em, tenantId, basketOf(billing, "Subscription", regular));
  } catch (error) {
    if (failureType(error) !== "VALIDATION_FAILED") throw error;
    const { faults } = (error as { data: { faults: Fault[] } }).data;
    throw errors.invalid(
      faults.map(({ pointer, detail }) => ({ pointer: at + pointer.replace(/^\/items\/0(?=\/taxCategory)/, ""), detail })),
    );
  }
}

/**
 * Says who the invoices of a subscription are for, from its next payment on.
 * @throws SUBSCRIPTION_NOT_FOUND, and what `checkBilling` throws
 */
export async function setBilling(
  till: Till,
  { id, tenantId, cycleMinor, currency }: SubscriptionRow,
  billing: Billing,
): Promise<SubscriptionRow> {
  const regular = { amountMinor: cycleMinor, currency: currency as Money["currency"] };
  await till.db.tenant(tenantId, (em) => checkBilling(em, tenantId, billing, regular, ""));
  describeAct({ details: { country: billing.customer.country } });
  const written = await writing(till.db, id, null, (_em, locked) => void (locked.billing = billing));
  if (!written) throw missing(id);
  return written;
}
