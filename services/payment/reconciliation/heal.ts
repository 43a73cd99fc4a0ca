import { failureType } from "../../../config/errors.ts";
import { Payment, type PaymentRow } from "../../../entities/Payment.ts";
import { PaypalInvoice } from "../../../entities/PaypalInvoice.ts";
import { Subscription } from "../../../entities/Subscription.ts";
import { SubscriptionPayment } from "../../../entities/SubscriptionPayment.ts";
import type { Em } from "../../../mixins/database.ts";
import { recordCapture } from "../captures.ts";
import { lockPayment } from "../claim.ts";
import { disputesGateway } from "../disputes/gateway.ts";
import { lookAtDispute } from "../disputes/look.ts";
import type { Outcome } from "../gateway/gateway.ts";
import { bookCapture, bookRefund } from "../invoicing/money.ts";
import type { Owner } from "../ledger/owner.ts";
import { recordRefund } from "../refunds/record.ts";
import { refresh } from "../subscriptions/look.ts";
import { writing } from "../subscriptions/record.ts";
import { recordSaleRefund } from "../subscriptions/sales.ts";
import type { PayPal, Till } from "../till.ts";
import type { Found, Thing } from "./compare.ts";
import { absolute, reportedCapture, reportedRefund } from "./reported.ts";

/** What a look at PayPal may mend: something that was not heard of, or not to its end. An amount that differs is for people. */
const mendable = new Set<Found["kind"]>(["missing_in_ledger", "status_differs", "fee_differs"]);
/** How long to wait for another one that works on the same subscription. */
const waitMs = 3_000;

type Look = NonNullable<Found["look"]>;
type ThingLook = Look & { thing: Thing };

/**
 * Looks at PayPal at each capture, sale and refund that has such a break, and writes down what PayPal shows by the way that all of them take.
 * @returns how many were looked at; what PayPal could not be asked about stays as it is
 */
export async function heal(till: Till, tenantId: string, found: readonly Found[], signal?: AbortSignal): Promise<number> {
  const broken = found.filter(({ kind }) => mendable.has(kind));
  // A refund is recorded only where its capture is, and a dispute's end asks what has gone back.
  const order = ["capture", "refund", "reversal", "disputes"];
  const inOrder = broken.toSorted((one, other) => order.indexOf(one.look?.thing ?? "") - order.indexOf(other.look?.thing ?? ""));
  const seen = new Set<string>();
  let looked = 0;
  for (const { look, paymentId, subscriptionId, invoiceId } of inOrder) {
    signal?.throwIfAborted();
    if (!look || seen.has(`${look.thing} ${look.id}`)) continue;
    seen.add(`${look.thing} ${look.id}`);
    if (await lookAt(till, tenantId, { paymentId, subscriptionId, invoiceId }, look)) looked++;
  }
  return looked;
}

async function lookAt(till: Till, tenantId: string, owner: Owner, look: Look): Promise<boolean> {
  const { paymentId, subscriptionId, invoiceId } = owner;
  if (look.thing === "disputes") return await lookAtDisputes(till, tenantId, owner, look.id);
  if (paymentId !== null) return await lookAtPayment(till, tenantId, paymentId, { ...look, thing: look.thing });
  if (invoiceId !== null) return await lookAtInvoice(till, tenantId, invoiceId, { ...look, thing: look.thing });
  return subscriptionId !== null && (await lookAtSubscription(till, tenantId, subscriptionId, { ...look, thing: look.thing }));
}

/** Reads every dispute of a capture or sale. */
async function lookAtDisputes(till: Till, tenantId: string, owner: Owner, captureId: string): Promise<boolean> {
  const paid = await till.db.tenant(tenantId, (em) => paidBy(em, tenantId, owner));
  const paypal = paid && (await reach(till, paid));
  if (!paypal) return false;
  const answer = await disputesGateway(paypal.connection).of(captureId);
  if (answer.outcome !== "ok") return false;
  const disputed = { tenantId, ...owner, accountId: paid.accountId ?? null };
  for (const id of answer.value) await lookAtDispute(till, disputed, id);
  return answer.value.length > 0;
}

async function paidBy(em: Em, tenantId: string, { paymentId, subscriptionId, invoiceId }: Owner) {
  if (paymentId !== null) return await em.findOne(Payment, { id: paymentId, tenantId });
  if (invoiceId !== null) return await em.findOne(PaypalInvoice, { id: invoiceId, tenantId });
  return await em.findOne(Subscription, { id: subscriptionId!, tenantId });
}

/** @returns whether PayPal showed it. No claim is needed: what is recorded is merged under the row's lock. */
async function lookAtPayment(till: Till, tenantId: string, id: string, look: ThingLook): Promise<boolean> {
  const payment = await till.db.tenant(tenantId, (em) => em.findOne(Payment, { id, tenantId }));
  if (!payment) return false;
  const paypal = await reach(till, payment);
  if (!paypal) return false;
  const locked = <T>(work: (em: Parameters<typeof recordCapture>[0], row: PaymentRow) => Promise<T>) =>
    till.db.system(async (em) => {
      const row = await lockPayment(em, id);
      return row && (await work(em, row));
    });
  if (look.thing === "capture") {
    const answer = await paypal.payments.getCapture(look.id);
    if (answer.outcome !== "ok") return false;
    await locked((em, row) => recordCapture(em, row, answer.value));
    return true;
  }
  const kind = look.thing;
  // Not everything that is reversed can be read as a refund; the report is PayPal's own word too.
  const view = shownOr(await paypal.payments.getRefund(look.id), () => reportedRefund(look.told));
  if (!view) return false;
  const captureId = view.captureId ?? look.told?.referenceId ?? null;
  return (await locked((em, row) => recordRefund(em, row, { ...view, captureId }, { kind }))) !== null;
}

/** What PayPal can't show as a capture or refund is taken from its report. */
async function lookAtInvoice(till: Till, tenantId: string, id: string, { thing, id: paypalId, told }: ThingLook): Promise<boolean> {
  const invoice = await till.db.tenant(tenantId, (em) => em.findOne(PaypalInvoice, { id, tenantId }));
  const paypal = invoice && (await reach(till, invoice));
  if (!paypal) return false;
  const { payments } = paypal;
  if (thing === "capture") {
    const view = shownOr(await payments.getCapture(paypalId), () => reportedCapture(told));
    return view !== null && (await till.db.tenant(tenantId, (em) => bookCapture(em, invoice, view)));
  }
  const view = shownOr(await payments.getRefund(paypalId), () => reportedRefund(told));
  if (!view) return false;
  const captureId = view.captureId ?? told?.referenceId ?? null;
  return await till.db.tenant(tenantId, (em) => bookRefund(em, invoice, { ...view, captureId }, thing));
}

/** What PayPal shows; what its report says where PayPal has nothing to show; null while it can't be asked. */
function shownOr<T>(answer: Outcome<T>, reported: () => T | null): T | null {
  if (answer.outcome === "ok") return answer.value;
  return answer.outcome === "refused" && answer.httpStatus === 404 ? reported() : null;
}

/** Null when the credentials that it was paid with are gone: it can't be looked at any more. */
async function reach(till: Till, { tenantId, accountId }: Pick<PaymentRow, "tenantId" | "accountId">): Promise<PayPal | null> {
  try {
    return await till.paypal(tenantId, accountId ?? null);
  } catch (error) {
    if (failureType(error) === "PAYMENT_GATEWAY_DENIED") return null;
    throw error;
  }
}

/** Sales are read from PayPal's list; their refunds are not in any, and are taken from the report. */
async function lookAtSubscription(till: Till, tenantId: string, id: string, { thing, told }: ThingLook): Promise<boolean> {
  if (thing === "capture") {
    const { answer } = await refresh(till, id, { waitMs, payments: true });
    return answer?.outcome === "ok";
  }
  const saleId = told?.referenceId;
  const amount = told?.amount;
  if (!told || !saleId || !amount) return false;
  const refund = { id: told.id, saleId, at: told.at, fee: told.fee, amount: absolute(amount) };
  const sale = await till.db.tenant(tenantId, (em) => em.findOne(SubscriptionPayment, { tenantId, saleId, subscriptionId: id }));
  if (!sale) return false;
  await writing(till.db, id, null, async (em, subscription) => {
    const payment = await em.findOneOrFail(SubscriptionPayment, { id: sale.id });
    await recordSaleRefund(em, subscription, payment, refund, thing);
  });
  return true;
}
