import { Plan } from "../../../entities/Plan.ts";
import { Subscription, type SubscriptionRow } from "../../../entities/Subscription.ts";
import { SubscriptionPayment, type SubscriptionPaymentRow } from "../../../entities/SubscriptionPayment.ts";
import { text } from "../gateway/answer.ts";
import { readSale, readSaleRefund, type SaleNews } from "../gateway/billing.ts";
import { paymentsGateway } from "../gateway/payments.ts";
import { readAmount } from "../money.ts";
import { refreshPlan } from "../plans/refresh.ts";
import type { Till } from "../till.ts";
import type { Handle, Handled, PayPalEvent } from "../webhooks/event.ts";
import { customIdOf, readCustom } from "../webhooks/resource.ts";
import { connectionOf, gatewayOf, refresh } from "./look.ts";
import { writing } from "./record.ts";
import { isAsFar, recordSaleRefund } from "./sales.ts";

/** How long to wait for another one that works on the same subscription; it is told to look again when that is not enough. */
const waitMs = 3_000;
const day = 86_400_000;
/** Subscriptions that a payment without a name is looked for in. */
const mostCandidates = 20;

/**
 * Subscriptions: whatever PayPal says happened, the mirror is read anew, so that an old, doubled or reordered event does no harm. An organisation's PayPal
 * account speaks for its own subscriptions alone.
 */
export const handleSubscription: Handle = async (till, event) => {
  const subscription = await named(till, event, text(event.resource["id"]));
  if (typeof subscription === "string") return subscription;
  const { answer } = await refresh(till, subscription.id, { waitMs });
  // Who worked on it all the time was told to look again.
  return answer === null || answer.outcome === "ok" ? "done" : "waits";
};

/** Sales, the first version's payments: the payment counts once PayPal's list shows it, with what the list says of it. */
export const handleSale: Handle = async (till, event) => {
  if (/REFUNDED|REVERSED/.test(event.type)) return refunded(till, event);
  const news = readSale(event.resource);
  if (!news) return "ignored";
  if (await knownSale(till, event, news)) return "done";
  const subscription = await ofSale(till, event, news);
  if (typeof subscription === "string") return subscription;
  await refresh(till, subscription.id, { waitMs, payments: news.sale.at });
  // Declined payments are not in every list of PayPal's; the mirror counts them.
  if (/DENIED|DECLINED/.test(event.type)) return "done";
  return (await knownSale(till, event, news)) ? "done" : "waits";
};

/** Plans are read anew; products have nothing that the mirror keeps. */
export const handlePlan: Handle = async (till, event) => {
  const paypalPlanId = text(event.resource["id"]);
  const plan = paypalPlanId
    ? await till.db.tenant(event.tenantId, (em) => em.findOne(Plan, { tenantId: event.tenantId, paypalPlanId }))
    : null;
  if (!plan) return "ignored";
  await refreshPlan(till, plan.id, waitMs);
  return "done";
};

export const handleProduct: Handle = (_till, _event) => Promise.resolve("ignored");

/**
 * The subscription that a resource names by PayPal's id, or by what we gave PayPal to keep: then our record of PayPal's id was lost, and is mended.
 */
async function named(till: Till, { tenantId, resource }: PayPalEvent, paypalId: string | null): Promise<SubscriptionRow | Handled> {
  const customId = customIdOf(resource);
  const custom = customId === null ? null : readCustom(customId);
  if (customId !== null && custom?.tenantId !== tenantId) return "ignored";
  const found = await till.db.tenant(tenantId, async (em) => {
    const byId = paypalId ? await em.findOne(Subscription, { tenantId, paypalSubscriptionId: paypalId }) : null;
    return byId ?? (custom ? await em.findOne(Subscription, { tenantId, id: custom.id }) : null);
  });
  if (!found) return "waits";
  if (found.paypalSubscriptionId || !paypalId) return found.paypalSubscriptionId ? found : "waits";
  return (await adopt(till, found, paypalId)) ?? "waits";
}

/** Takes PayPal's id for ours when PayPal itself says that it is. */
async function adopt(till: Till, subscription: SubscriptionRow, paypalId: string): Promise<SubscriptionRow | null> {
  const { id, tenantId } = subscription;
  const shown = await (await gatewayOf(till, subscription)).get(paypalId);
  if (shown.outcome !== "ok" || shown.value.customId !== `${tenantId}:${id}`) return null;
  return await writing(till.db, id, null, (_em, locked) => {
    if (locked.status === "created") locked.paypalSubscriptionId ??= paypalId;
  });
}

const saleById = (till: Till, tenantId: string, saleId: string): Promise<SubscriptionPaymentRow | null> =>
  till.db.tenant(tenantId, (em) => em.findOne(SubscriptionPayment, { tenantId, saleId }));

/** Whether a payment is known to be as far as the event tells. */
async function knownSale(till: Till, { tenantId }: PayPalEvent, { sale }: SaleNews): Promise<boolean> {
  const found = await saleById(till, tenantId, sale.id);
  return found !== null && isAsFar(found, sale.status);
}

/** The subscription of a payment. One that names none is looked for in the lists of those that a payment was due of. */
async function ofSale(till: Till, event: PayPalEvent, { sale, subscriptionId }: SaleNews): Promise<SubscriptionRow | Handled> {
  if (subscriptionId || customIdOf(event.resource) !== null) return await named(till, event, subscriptionId);
  const { tenantId } = event;
  const [from, to] = [-3, 3].map((days) => new Date(sale.at.getTime() + days * day)) as [Date, Date];
  const within = { $gte: from, $lte: to };
  const candidates = await till.db.tenant(tenantId, (em) =>
    em.find(
      Subscription,
      {
        tenantId,
        currency: sale.gross.currency,
        paypalSubscriptionId: { $ne: null },
        $or: [
          { nextBillingAt: within },
          { nextRetryAt: within },
          { lastPaymentAt: within },
          { activatedAt: within },
          { activatedAt: null },
        ],
      },
      { orderBy: { createdAt: "desc" }, limit: mostCandidates },
    ),
  );
  let isUnread = false;
  for (const candidate of candidates) {
    const listed = await (await gatewayOf(till, candidate)).payments(candidate.paypalSubscriptionId!, from, to);
    if (listed.outcome !== "ok") isUnread = true;
    else if (listed.value.some(({ id }) => id === sale.id)) return candidate;
  }
  // Another system of the same account takes payments too, and each round asks for many lists: one is enough. Should it be ours and in no list yet, the
  // next look at its subscription finds it.
  return isUnread ? "waits" : "ignored";
}

/**
 * A payment that is not known yet is waited for: its refund may be told first. What went back is what PayPal shows of the refund when asked. Where PayPal
 * can't show it (a reversal is told with the sale itself as its resource at times, or is no refund at PayPal), nothing is guessed: the comparison of the
 * books writes it down by PayPal's report, and until then the event waits.
 */
async function refunded(till: Till, event: PayPalEvent): Promise<Handled> {
  const told = readSaleRefund(event.resource);
  if (!told) return "ignored";
  const { id, saleId } = told;
  const known = await saleById(till, event.tenantId, saleId);
  if (!known) return "waits";
  const isWhole = known.refundedMinor === known.amountMinor;
  if (known.refunds.some((refund) => refund.id === id) || (id === saleId && isWhole)) return "done";
  if (id === saleId) return "waits";
  const subscription = await till.db.tenant(event.tenantId, (em) => em.findOneOrFail(Subscription, { id: known.subscriptionId }));
  const answer = await paymentsGateway(await connectionOf(till, subscription)).getRefund(id);
  if (answer.outcome !== "ok") return "waits";
  const { status, captureId, fee, at, ...view } = answer.value;
  if (captureId !== null && captureId !== saleId) return "ignored";
  if (status === "FAILED" || status === "CANCELLED") return "done";
  const amount = readAmount(view.amount, view.currency);
  if (status !== "COMPLETED" || !amount) return "waits";
  const kind = event.type.endsWith("REVERSED") ? "reversal" : "refund";
  await writing(till.db, known.subscriptionId, null, async (em, locked) => {
    const payment = await em.findOneOrFail(SubscriptionPayment, { id: known.id });
    await recordSaleRefund(em, locked, payment, { id, saleId, amount, fee, at: at ?? event.createdAt }, kind);
  });
  return "done";
}
