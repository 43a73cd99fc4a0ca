import { v7 as uuidv7 } from "uuid";
import type { Principal } from "../../config/permissions.ts";
import type { PaymentIntent } from "../../config/states.ts";
import { errors, type Fault } from "../../config/errors.ts";
import { Payment, type PaymentRow } from "../../entities/Payment.ts";
import type { PayMethod } from "../../entities/LedgerEntry.ts";
import { describeAct } from "../../mixins/act.ts";
import { once } from "../../mixins/events.ts";
import { claimRow } from "./claim.ts";
import { assess, keepAssessment } from "./fraud/assess.ts";
import { payerFaults, type Payer } from "./fraud/payer.ts";
import { told } from "./fraud/told.ts";
import { mustPass, passes } from "./fraud/withhold.ts";
import { sweepDue } from "./due.ts";
import { turnAfter } from "./issues.ts";
import { amountFaults, formatAmount, parseAmount, type Currency } from "./money.ts";
import { usableMethod } from "./methods/methods.ts";
import { tell } from "./tell.ts";
import { firstLookMs } from "./schedule.ts";
import { settle } from "./settle.ts";
import { openCreation, submit } from "./submit.ts";
import { sell, type SaleWish } from "./tax/sale.ts";
import { store } from "./tax/stored.ts";
import type { Till } from "./till.ts";
import { urlFaults } from "./weburl.ts";

export interface NewPayment extends SaleWish {
  /** Decimal string, e.g. "12.50". */
  amount: string;
  currency: string;
  /** When the money is taken: at once unless said. */
  intent?: PaymentIntent;
  /** How the payer pays: with PayPal unless said. */
  method?: PayMethod;
  /** The saved method, when `method` is that. */
  methodId?: string;
  description?: string;
  returnUrl?: string;
  cancelUrl?: string;
  payer?: Payer;
}

/** Every reason why a payment can't be made of this. */
function faultsOf(input: NewPayment): Fault[] {
  const faults = amountFaults(input.amount, input.currency);
  if (faults.length === 0 && parseAmount(input.amount, input.currency) === 0n)
    faults.push({ pointer: "/amount", detail: "must be more than zero" });
  faults.push(...urlFaults(input, ["returnUrl", "cancelUrl"]));
  if ((input.method === "saved") !== (input.methodId !== undefined))
    faults.push({ pointer: "/methodId", detail: 'belongs to the method "saved", which needs one' });
  return [...faults, ...payerFaults(input.payer ?? {})];
}

/**
 * Creates a payment and PayPal's order for it. Row, attempt and event are committed before PayPal hears of it; when its answer is
 * lost the payment stays `created` and the sweeper asks again. A repeat under the same key gives the same payment. The rules against fraud come first:
 * what they let wait for a person stays `review`, and PayPal is not asked.
 * @throws VALIDATION_FAILED, SELLER_INCOMPLETE (items before the seller's country is known), IDEMPOTENCY_KEY_REUSED, PAYMENT_BLOCKED, PAYMENT_REFUSED (with PayPal's issue; the payment then is `failed`)
 */
export async function createPayment(till: Till, principal: Principal, input: NewPayment, key?: string): Promise<PaymentRow> {
  const faults = faultsOf(input);
  if (faults.length) throw errors.invalid(faults);
  const { tenantId, userId, subject } = principal;
  const paypal = await till.paypal(tenantId);
  const paymentId = uuidv7();
  const amountMinor = parseAmount(input.amount, input.currency);
  const currency = input.currency as Currency;
  const wished = { tenantId, userId, attempt: key === undefined ? paymentId : `payment ${key}`, amountMinor, currency, ...told(input) };
  const judged = await assess(till, wished);
  const begun = await till.db.tenant(tenantId, async (em) => {
    let fresh: { payment: PaymentRow; claim: string; attempt: Awaited<ReturnType<typeof openCreation>> } | undefined;
    const { id } = await once(em, "payment", { tenantId, action: "payment.create", key, params: input }, async () => {
      const sale = await sell(em, tenantId, input);
      const saved = input.methodId === undefined ? null : await usableMethod(em, tenantId, paypal.accountId, input.methodId);
      const payment = em.create(Payment, {
        id: paymentId,
        tenantId,
        userId,
        accountId: paypal.accountId,
        amountMinor,
        amount: formatAmount(amountMinor, currency),
        currency,
        intent: input.intent ?? "capture",
        method: input.method ?? "paypal",
        methodId: saved?.id ?? null,
        status: "created",
        description: input.description ?? null,
        sale: sale && store(sale),
        taxMinor: sale?.breakdown.taxMinor ?? null,
        returnUrl: input.returnUrl ?? null,
        cancelUrl: input.cancelUrl ?? null,
        simulated: paypal.connection.simulated,
        createdAt: new Date(),
        nextCheckAt: new Date(Date.now() + firstLookMs),
      });
      em.persist(payment);
      keepAssessment(em, judged, { kind: "payment", id: paymentId });
      await tell(em, payment, subject);
      describeAct({ object: `payment:${payment.id}`, details: { amount: payment.amount, currency: payment.currency } });
      if (!(await passes(em, payment, judged.decision))) return { id: payment.id };
      const claim = claimRow(payment);
      const attempt = await openCreation(em, payment, till, paypal);
      fresh = { payment, claim, attempt };
      return { id: payment.id };
    });
    return { id, fresh };
  });

  const { fresh } = begun;
  const payment = fresh ? await submit(till, paypal, fresh.payment, fresh.claim, fresh.attempt) : await repeated(till, tenantId, begun.id);
  mustPass(payment);
  if (payment.status === "failed" && !payment.paypalPaymentId) {
    throw errors.paymentRefused(`PayPal refused the payment: ${payment.failureMessage}`, {
      paymentId: payment.id,
      issue: payment.failureType,
      turn: turnAfter(payment.failureType ?? "", null),
    });
  }
  return payment;
}

/** A repeat under the same key: the payment as it stands, taken up again when PayPal has not confirmed it. */
async function repeated(till: Till, tenantId: string, id: string): Promise<PaymentRow> {
  const payment = await till.db.tenant(tenantId, (em) => em.findOneOrFail(Payment, { id }));
  return payment.status === "created" ? settle(till, id, { waitMs: 2_000 }) : payment;
}

/** Settles what is due: lost answers, approvals nobody came back from. See `sweepDue`. */
export const sweep = (till: Till, limit: number, signal?: AbortSignal): Promise<number> =>
  sweepDue(till, "payments", limit, (id) => settle(till, id), signal);
