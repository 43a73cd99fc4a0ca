import { readAmount, type Money } from "../money.ts";
import { list, record, text } from "./answer.ts";

/** A plan as PayPal shows it. Source: Subscriptions v1, read from raw bodies. */
export interface PlanView {
  id: string;
  productId: string | null;
  /** PayPal's word: CREATED, ACTIVE or INACTIVE. */
  status: string;
  name: string | null;
  prices: PriceView[];
}

/** What a cycle costs; PayPal counts a new version with each change of price. */
export interface PriceView {
  sequence: number;
  version: number;
  /** Null with tiers, and for a free trial. */
  fixed: Money | null;
  model: string | null;
  tiers: { from: number; to: number | null; amount: Money }[];
}

export interface CycleView {
  sequence: number;
  /** PayPal's word: TRIAL or REGULAR. */
  tenure: string;
  completed: number;
  /** Null when PayPal left it out; 0 also for a cycle without end. */
  remaining: number | null;
  total: number | null;
  /** Of the price that is charged now. */
  version: number | null;
}

/** A subscription as PayPal shows it. */
export interface SubscriptionView {
  id: string;
  /** PayPal's word: APPROVAL_PENDING, APPROVED, ACTIVE, SUSPENDED, CANCELLED or EXPIRED. */
  status: string;
  planId: string | null;
  customId: string | null;
  quantity: number;
  email: string | null;
  approvalUrl: string | null;
  startAt: Date | null;
  /** Of the status; null when PayPal left it out. */
  changedAt: Date | null;
  nextBillingAt: Date | null;
  finalPaymentAt: Date | null;
  outstanding: Money | null;
  /** In a row; back to 0 with the next good one. */
  failedPayments: number;
  lastPayment: { amount: Money; at: Date } | null;
  lastFailure: { at: Date; reason: string | null; retryAt: Date | null } | null;
  cycles: CycleView[];
}

/** A payment of a subscription: PayPal's list calls it a transaction, its webhooks a sale; the id is the same. */
export interface SaleView {
  id: string;
  /** COMPLETED, PENDING, DECLINED, PARTIALLY_REFUNDED, REFUNDED or REVERSED. */
  status: string;
  gross: Money;
  /** Null while PayPal has not taken it. */
  fee: Money | null;
  at: Date;
}

const time = (value: unknown): Date | null => {
  const at = new Date(text(value) ?? "");
  return Number.isNaN(at.getTime()) ? null : at;
};
const count = (value: unknown): number | null => (value !== null && value !== "" && Number.isInteger(Number(value)) ? Number(value) : null);

/** An amount without its sign, by v2's names (value, currency_code) or v1's (total, currency); null when it is none. PayPal may write "100.00" for yen. */
export function readSum(value: unknown): Money | null {
  const sum = record(value);
  const written = text(sum.value) ?? text(sum.total);
  const plain =
    written &&
    written
      .replace(/^-/, "")
      .replace(/(\.\d*?)0+$/, "$1")
      .replace(/\.$/, "");
  return readAmount(plain, text(sum.currency_code) ?? text(sum.currency));
}

export function readPlan(body: unknown): PlanView | null {
  const plan = record(body);
  const id = text(plan.id);
  if (!id) return null;
  // A minimal answer leaves the status out; PayPal makes plans active unless told otherwise.
  const status = text(plan.status) ?? "ACTIVE";
  return { id, productId: text(plan.product_id), status, name: text(plan.name), prices: list(plan.billing_cycles).flatMap(readPrice) };
}

function readPrice(value: unknown): PriceView[] {
  const cycle = record(value);
  const scheme = record(cycle.pricing_scheme);
  const sequence = count(cycle.sequence);
  if (sequence === null) return [];
  const tiers = list(scheme.tiers).flatMap((one) => {
    const tier = record(one);
    const amount = readSum(tier.amount);
    const from = count(tier.starting_quantity);
    return amount && from !== null ? [{ from, to: count(tier.ending_quantity), amount }] : [];
  });
  return [{ sequence, version: count(scheme.version) ?? 1, fixed: readSum(scheme.fixed_price), model: text(scheme.pricing_model), tiers }];
}

export const readPlans = (body: unknown): PlanView[] | null =>
  // PayPal leaves `plans` out of an empty page.
  typeof body === "object" ? list(record(body).plans).flatMap((plan) => readPlan(plan) ?? []) : null;

export const readProduct = (body: unknown): { id: string } | null => {
  const id = text(record(body).id);
  return id ? { id } : null;
};

export const approvalLink = (body: unknown): string | null =>
  text(
    list(record(body).links)
      .map(record)
      .find(({ rel }) => rel === "approve" || rel === "payer-action")?.href,
  );

export function readSubscription(body: unknown): SubscriptionView | null {
  const subscription = record(body);
  const id = text(subscription.id);
  const status = text(subscription.status);
  if (!id || !status) return null;
  const billing = record(subscription.billing_info);
  const payment = record(billing.last_payment);
  const amount = readSum(payment.amount);
  const at = time(payment.time);
  const failure = record(billing.last_failed_payment);
  const failedAt = time(failure.time);
  return {
    id,
    status,
    planId: text(subscription.plan_id),
    customId: text(subscription.custom_id),
    quantity: count(subscription.quantity) ?? 1,
    email: text(record(subscription.subscriber).email_address),
    approvalUrl: approvalLink(body),
    startAt: time(subscription.start_time),
    changedAt: time(subscription.status_update_time),
    nextBillingAt: time(billing.next_billing_time),
    finalPaymentAt: time(billing.final_payment_time),
    outstanding: readSum(billing.outstanding_balance),
    failedPayments: count(billing.failed_payments_count) ?? 0,
    lastPayment: amount && at ? { amount, at } : null,
    lastFailure: failedAt && { at: failedAt, reason: text(failure.reason_code), retryAt: time(failure.next_payment_retry_time) },
    cycles: list(billing.cycle_executions).flatMap(readCycle),
  };
}

function readCycle(value: unknown): CycleView[] {
  const cycle = record(value);
  const sequence = count(cycle.sequence);
  const tenure = text(cycle.tenure_type);
  if (sequence === null || !tenure) return [];
  return [
    {
      sequence,
      tenure,
      completed: count(cycle.cycles_completed) ?? 0,
      remaining: count(cycle.cycles_remaining),
      total: count(cycle.total_cycles),
      version: count(cycle.current_pricing_scheme_version),
    },
  ];
}

export function readTransaction(value: unknown): SaleView | null {
  const transaction = record(value);
  const amounts = record(transaction.amount_with_breakdown);
  const [id, gross, at] = [text(transaction.id), readSum(amounts.gross_amount), time(transaction.time)];
  if (!id || !gross || !at) return null;
  return { id, status: text(transaction.status) ?? "COMPLETED", gross, fee: readSum(amounts.fee_amount), at };
}

/** Null unless every line can be read: a list with holes would hide payments. */
export function readTransactions(body: unknown): SaleView[] | null {
  if (typeof body !== "object") return null;
  const read = list(record(body).transactions).map(readTransaction);
  return read.every((sale) => sale !== null) ? read : null;
}

/** A sale of v1 as webhooks bring it, and what it says of its subscription. Its states are lower case. */
export interface SaleNews {
  sale: SaleView;
  /** PayPal's id of the subscription; it has been missing at times. */
  subscriptionId: string | null;
  /** The subscription's custom_id. */
  custom: string | null;
}

export function readSale(resource: unknown): SaleNews | null {
  const sale = record(resource);
  const [id, gross, at] = [text(sale.id), readSum(sale.amount), time(sale.create_time)];
  if (!id || !gross || !at) return null;
  const status = (text(sale.state) ?? "completed").toUpperCase();
  return {
    sale: { id, status, gross, fee: readSum(sale.transaction_fee), at },
    subscriptionId: text(sale.billing_agreement_id),
    custom: text(sale.custom) ?? text(sale.custom_id),
  };
}

/** A refund or reversal of a sale. */
export interface SaleRefund {
  id: string;
  saleId: string;
  amount: Money;
  /** What PayPal gave back of its fee; null when it does not say. */
  fee: Money | null;
  at: Date;
}

/** Which refund or reversal of which sale is told, as v1 names them. */
export function readSaleRefund(resource: unknown): Pick<SaleRefund, "id" | "saleId"> | null {
  const refund = record(resource);
  const parent = list(refund.links)
    .map(record)
    .find(({ rel }) => rel === "sale");
  const id = text(refund.id);
  // A reversal is told with the sale itself as its resource at times.
  const saleId = text(refund.sale_id) ?? text(parent?.href)?.split("/").at(-1) ?? id;
  return id && saleId ? { id, saleId } : null;
}
