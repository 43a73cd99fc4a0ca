import { failureType } from "../../../config/errors.ts";
import { Payment, type PaymentRow } from "../../../entities/Payment.ts";
import { Subscription } from "../../../entities/Subscription.ts";
import { SubscriptionPayment } from "../../../entities/SubscriptionPayment.ts";
import { recordCapture } from "../captures.ts";
import { lockPayment } from "../claim.ts";
import { disputesGateway } from "../disputes/gateway.ts";
import { lookAtDispute } from "../disputes/look.ts";
import type { RefundView } from "../gateway/gateway.ts";
import type { TransactionView } from "../gateway/search.ts";
import { formatAmount } from "../money.ts";
import { recordRefund } from "../refunds/record.ts";
import { refresh } from "../subscriptions/look.ts";
import { writing } from "../subscriptions/record.ts";
import { recordSaleRefund } from "../subscriptions/sales.ts";
import type { PayPal, Till } from "../till.ts";
import type { Found, Owner, Thing } from "./compare.ts";

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
  for (const { look, paymentId, subscriptionId } of inOrder) {
    signal?.throwIfAborted();
    if (!look || seen.has(`${look.thing} ${look.id}`)) continue;
    seen.add(`${look.thing} ${look.id}`);
    if (await lookAt(till, tenantId, { paymentId, subscriptionId }, look)) looked++;
  }
  return looked;
}

async function lookAt(till: Till, tenantId: string, { paymentId, subscriptionId }: Owner, look: Look): Promise<boolean> {
  if (look.thing === "disputes") return await lookAtDisputes(till, tenantId, { paymentId, subscriptionId }, look.id);
  if (paymentId !== null) return await lookAtPayment(till, tenantId, paymentId, { ...look, thing: look.thing });
  return subscriptionId !== null && (await lookAtSubscription(till, tenantId, subscriptionId, { ...look, thing: look.thing }));
}

/** Reads every dispute of a capture or sale. */
async function lookAtDisputes(till: Till, tenantId: string, owner: Owner, captureId: string): Promise<boolean> {
  const { paymentId, subscriptionId } = owner;
  const paid = await till.db.tenant(tenantId, async (em) =>
    paymentId !== null
      ? await em.findOne(Payment, { id: paymentId, tenantId })
      : await em.findOne(Subscription, { id: subscriptionId!, tenantId }),
  );
  const paypal = paid && (await reach(till, paid));
  if (!paypal) return false;
  const answer = await disputesGateway(paypal.connection).of(captureId);
  if (answer.outcome !== "ok") return false;
  const disputed = { tenantId, ...owner, accountId: paid.accountId ?? null };
  for (const id of answer.value) await lookAtDispute(till, disputed, id);
  return answer.value.length > 0;
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
  const answer = await paypal.payments.getRefund(look.id);
  // Not everything that is reversed can be read as a refund; the report is PayPal's own word too.
  const gone = answer.outcome === "refused" && answer.httpStatus === 404;
  const view = answer.outcome === "ok" ? answer.value : gone ? reportedRefund(look.told) : null;
  if (!view) return false;
  const captureId = view.captureId ?? look.told?.referenceId ?? null;
  return (await locked((em, row) => recordRefund(em, row, { ...view, captureId }, { kind }))) !== null;
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
  const refund = { id: told.id, saleId, at: told.at, fee: told.fee, amount: { ...amount, amountMinor: absolute(amount.amountMinor) } };
  const sale = await till.db.tenant(tenantId, (em) => em.findOne(SubscriptionPayment, { tenantId, saleId, subscriptionId: id }));
  if (!sale) return false;
  await writing(till.db, id, null, async (em, subscription) => {
    const payment = await em.findOneOrFail(SubscriptionPayment, { id: sale.id });
    await recordSaleRefund(em, subscription, payment, refund, thing);
  });
  return true;
}

const absolute = (amountMinor: bigint) => (amountMinor < 0n ? -amountMinor : amountMinor);

/** What the report says of a refund, where it is all that PayPal says; null when it does not say how much. */
function reportedRefund(told: TransactionView | null): RefundView | null {
  if (!told?.amount || told.status === "P" || told.status === "D") return null;
  const { id, at, amount, invoiceId, referenceId, fee } = told;
  return {
    ...{ id, at, invoiceId, captureId: referenceId, status: "COMPLETED", reason: null, total: null },
    ...{ amount: formatAmount(absolute(amount.amountMinor), amount.currency), currency: amount.currency },
    ...{ fee, net: null, settled: null },
  };
}
