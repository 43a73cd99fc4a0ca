import type { Things } from "../../../config/rules.ts";
import { rows, type Em } from "../../../mixins/database.ts";
import { currencies, formatAmount, isWhole } from "../money.ts";
import { cycleAmount, type Terms } from "../plans/terms.ts";

/** What rules of roles look at of plans and subscriptions: each is as large as the largest payment that it leads to, or has led to. */
type Attributes = Things["payment"];

const whole = currencies.filter(isWhole).map((currency) => `'${currency}'`);

/**
 * The columns of a subscription: what a regular payment comes to, what is outstanding and what was paid. Names without a table are the subscription's,
 * whatever alias it has.
 */
export const subscriptionAttributes = {
  owner: "user_id",
  amount: `(greatest(cycle_minor, outstanding_minor, (
      select max(paid.minor) from (select subscription_id as "of", amount_minor as minor from payment.subscription_payments) paid where paid."of" = id
    ))::numeric / case when currency in (${whole.join(", ")}) then 1 else 100 end)`,
  currency: "currency",
};

/** The columns of a plan: its largest price or fee. */
export const planAttributes = {
  owner: "user_id",
  amount: `(select coalesce(max((price.of #>> '{}')::numeric), 0) from (
      select jsonb_path_query(terms, '$.cycles[*].price') as of union all select jsonb_path_query(terms, '$.cycles[*].tiers[*].amount')
      union all select jsonb_path_query(terms, '$.setupFee')
    ) price)`,
  currency: "currency",
};

const selected = ({ owner, amount, currency }: Record<keyof Attributes, string>) =>
  `${owner} as owner, ${amount}::float8 as amount, ${currency} as currency`;

export const attributesOfSubscription = async (em: Em, id: string): Promise<Attributes | undefined> =>
  (await rows<Attributes>(em, `select ${selected(subscriptionAttributes)} from payment.subscriptions where id = ?`, [id]))[0];

export const attributesOfPlan = async (em: Em, id: string): Promise<Attributes | undefined> =>
  (await rows<Attributes>(em, `select ${selected(planAttributes)} from payment.plans where id = ?`, [id]))[0];

/** Those of all subscriptions of a customer. */
export const attributesOfCustomer = (em: Em, tenantId: string, { customer, planId }: { customer: string; planId?: string }) =>
  rows<Attributes>(
    em,
    `select ${selected(subscriptionAttributes)} from payment.subscriptions where tenant_id = ? and customer = ? and (plan_id = ?::uuid or ?::uuid is null)`,
    [tenantId, customer, planId ?? null, planId ?? null],
  );

/** What a subscription to so many of a plan would be. */
export function attributesOfTerms(terms: Terms, quantity: number, owner: string | null): Attributes {
  const { currency, setupFee, cycles } = terms;
  const minors = cycles.map((cycle) => cycleAmount(cycle, currency, quantity));
  const most = minors.reduce((one, other) => (one > other ? one : other), 0n);
  return { owner, currency, amount: Math.max(Number(formatAmount(most, currency)), Number(setupFee ?? 0)) };
}

/** Prices as somebody wrote them, not checked yet. */
interface Priced {
  price?: string;
  tiers?: { amount: string }[];
}

/** The largest of them; what is no number is refused by whoever checks them. */
export const largestPrice = (cycles: readonly Priced[] | undefined, setupFee?: string): number =>
  Math.max(
    0,
    ...[setupFee ?? "0", ...listOf(cycles).flatMap(({ price = "0", tiers }) => [price, ...listOf(tiers).map(({ amount }) => amount)])]
      .map(Number)
      .filter((amount) => !Number.isNaN(amount)),
  );

const listOf = <T>(of: readonly T[] | undefined): readonly T[] => (Array.isArray(of) ? (of as T[]).filter((one) => one !== null) : []);
