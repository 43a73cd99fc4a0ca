import { Plan } from "../../../entities/Plan.ts";
import { Subscription, type SubscriptionRow } from "../../../entities/Subscription.ts";
import { SubscriptionPayment } from "../../../entities/SubscriptionPayment.ts";
import { text } from "../gateway/answer.ts";
import { readSale, readSaleRefund, type SaleNews } from "../gateway/billing.ts";
import { refreshPlan } from "../plans/refresh.ts";
import type { Till } from "../till.ts";
import type { Handle, Handled, PayPalEvent } from "../webhooks/event.ts";
import { customIdOf, readCustom } from "../webhooks/resource.ts";
import { gatewayOf, refresh } from "./look.ts";
import { writing } from "./record.ts";
import { recordSaleRefund } from "./sales.ts";

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
  if (await knownSale(till, event.tenantId, news.sale.id, news.sale.status)) return "done";
  const subscription = await ofSale(till, event, news);
  if (typeof subscription === "string") return subscription;
  await refresh(till, subscription.id, { waitMs, payments: true });
  // Declined payments are not in every list of PayPal's; the mirror counts them.
  if (/DENIED|DECLINED/.test(event.type)) return "done";
  return (await knownSale(till, event.tenantId, news.sale.id)) ? "done" : "waits";
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

/** Whether a payment is known, with that state when one is given. */
async function knownSale(till: Till, tenantId: string, saleId: string, status?: string): Promise<boolean> {
  const found = await till.db.tenant(tenantId, (em) => em.findOne(SubscriptionPayment, { tenantId, saleId }));
  return found !== null && (status === undefined || found.status === status.toLowerCase());
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
  for (const candidate of candidates) {
    const listed = await (await gatewayOf(till, candidate)).payments(candidate.paypalSubscriptionId!, from, to);
    if (listed.outcome === "ok" && listed.value.some(({ id }) => id === sale.id)) return candidate;
  }
  // It may be a payment of another system of the same account, or one that no list shows yet.
  return "waits";
}

/** A payment that is not known yet is waited for: its refund may be told first. */
async function refunded(till: Till, event: PayPalEvent): Promise<Handled> {
  const refund = readSaleRefund(event.resource);
  if (!refund) return "ignored";
  const { tenantId } = event;
  const known = await till.db.tenant(tenantId, (em) => em.findOne(SubscriptionPayment, { tenantId, saleId: refund.saleId }));
  if (!known) return "waits";
  const kind = event.type.endsWith("REVERSED") ? "reversal" : "refund";
  await writing(till.db, known.subscriptionId, null, async (em, locked) => {
    const payment = await em.findOneOrFail(SubscriptionPayment, { id: known.id });
    await recordSaleRefund(em, locked, payment, refund, kind);
  });
  return "done";
}
