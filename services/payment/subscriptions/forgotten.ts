import type { SubscriptionRow } from "../../../entities/Subscription.ts";
import type { SubscriptionAttemptRow } from "../../../entities/SubscriptionAttempt.ts";
import type { SubscriptionPaymentRow } from "../../../entities/SubscriptionPayment.ts";
import { booksStanding } from "../reconciliation/standing.ts";
import type { Till } from "../till.ts";
import { resolveAttempt } from "./attempts.ts";
import { gatewayOf } from "./look.ts";

const day = 86_400_000;
/** PayPal's times have whole seconds. */
const secondMs = 1_000;

/**
 * What became of a refund that PayPal has never answered, and whose PayPal-Request-Id it has forgotten: asked for once more it could go back twice. It
 * was made when one of its amount is known since it was asked for, whoever told of it. It was not when PayPal's list shows that nothing went back, when
 * everything has, or when the books have been compared with PayPal's report until PayPal forgot the id: then all that went back is known.
 * @returns "unknown" while none of it can be said; the operators' list has it until then
 */
export async function whatBecame(
  till: Till,
  subscription: SubscriptionRow,
  payment: SubscriptionPaymentRow,
  attempt: SubscriptionAttemptRow,
): Promise<"made" | "not_made" | "unknown"> {
  const { amountMinor: wanted } = attempt.request as { amountMinor: string };
  const since = attempt.createdAt.getTime() - secondMs;
  const isMade = payment.refunds.some(({ amount, at }) => amount === wanted && Date.parse(at) >= since);
  const became = isMade ? "made" : (await isAllKnown(till, subscription, payment, attempt)) ? "not_made" : "unknown";
  if (became === "unknown") await lookTomorrow(till, subscription);
  else
    await till.db.system((em) =>
      resolveAttempt(em, attempt, became === "made" ? "ok" : "refused", became === "made" ? null : "NOT_CONFIRMED"),
    );
  return became;
}

/** Whether everything that went back of a payment is known here. */
async function isAllKnown(
  till: Till,
  subscription: SubscriptionRow,
  { saleId, paidAt, amountMinor, refundedMinor }: SubscriptionPaymentRow,
  { keyExpiresAt }: SubscriptionAttemptRow,
): Promise<boolean> {
  if (refundedMinor === amountMinor) return true;
  const gateway = await gatewayOf(till, subscription);
  const [from, to] = [-day, day].map((ms) => new Date(paidAt.getTime() + ms)) as [Date, Date];
  const listed = await gateway.payments(subscription.paypalSubscriptionId!, from, to);
  if (listed.outcome === "ok" && listed.value.some(({ id, status }) => id === saleId && status === "COMPLETED")) return true;
  const { comparedUntil } = await booksStanding(till.db, subscription.tenantId);
  return comparedUntil !== null && Date.parse(comparedUntil) >= keyExpiresAt!.getTime();
}

/** Also at one that is over: nothing else would. */
const lookTomorrow = ({ db }: Till, { id }: SubscriptionRow) =>
  db.system((em) =>
    em.execute(`update payment.subscriptions set next_check_at = least(next_check_at, now() + interval '1 day') where id = ?`, [id], "run"),
  );
