import { v7 as uuidv7 } from "uuid";
import type { Principal } from "../../../config/permissions.ts";
import { errors, type Fault } from "../../../config/errors.ts";
import { Plan, type PlanRow } from "../../../entities/Plan.ts";
import { Subscription, type SubscriptionRow } from "../../../entities/Subscription.ts";
import type { Em } from "../../../mixins/database.ts";
import { describeAct } from "../../../mixins/act.ts";
import { once } from "../../../mixins/events.ts";
import { assess, keepAssessment } from "../fraud/assess.ts";
import { payerFaults, type Payer } from "../fraud/payer.ts";
import { withheld } from "../fraud/withhold.ts";
import { billingIdLifetimeMs, type NewBillingSubscription, type SubscriptionsGateway } from "../gateway/subscriptions.ts";
import { largestAmount } from "../money.ts";
import { cycleAmount, regularOf, type Terms } from "../plans/terms.ts";
import { waitMs } from "../schedule.ts";
import type { Failure } from "../state.ts";
import type { Till } from "../till.ts";
import { urlFaults } from "../weburl.ts";
import { alone } from "./alone.ts";
import { closeAttempt, openAttempt } from "./attempts.ts";
import { checkBilling, type Billing } from "./billing.ts";
import { planFaults, quantityFor, returnUrls } from "./change.ts";
import { refusal } from "./issues.ts";
import { connectionOf, gatewayOf, missing } from "./look.ts";
import { tell, writeMirror, writing } from "./record.ts";

export interface NewSubscription {
  planId: string;
  customer: string;
  quantity?: number;
  email?: string;
  /** Who invoices of its payments are for; without it there are none. */
  billing?: Billing;
  /** For the rules against fraud; `email` stands in for its own. */
  payer?: Payer;
  /** ISO 8601; at once when left out. */
  startAt?: string;
  returnUrl?: string;
  cancelUrl?: string;
}

function faultsOf(input: NewSubscription, plan: PlanRow): Fault[] {
  const faults = planFaults(plan, input.quantity ?? 1);
  if (input.startAt !== undefined && new Date(input.startAt).getTime() <= Date.now())
    faults.push({ pointer: "/startAt", detail: "must be in the future; leave it out to start at once" });
  faults.push(...urlFaults(input, ["returnUrl", "cancelUrl"]));
  return [...faults, ...payerFaults(input.payer ?? {})];
}

/**
 * Creates a subscription, and asks PayPal for the address where the payer agrees to it. Row, attempt and event are committed before PayPal hears of it;
 * when its answer is lost the subscription stays `created` and is asked for again under the same PayPal-Request-Id. The rules against fraud judge its regular payment first: what they
 * block fails without PayPal, what they would have reviewed passes and stands among their assessments, since nothing is taken before the payer agrees.
 * @throws VALIDATION_FAILED, PLAN_NOT_FOUND, PAYMENT_BLOCKED, IDEMPOTENCY_KEY_REUSED, SUBSCRIPTION_REFUSED and others by PayPal's issue; the subscription then is `failed`
 */
export async function createSubscription(till: Till, principal: Principal, input: NewSubscription, key?: string): Promise<SubscriptionRow> {
  const { tenantId, userId, subject } = principal;
  const plan = await till.db.tenant(tenantId, (em) => em.findOne(Plan, { id: input.planId, tenantId }));
  if (!plan) throw errors.planNotFound("There is no such plan.", { id: input.planId });
  const faults = faultsOf(input, plan);
  if (faults.length) throw errors.invalid(faults);
  const { simulated } = await connectionOf(till, plan);
  const terms = plan.terms as Terms;
  const quantity = input.quantity ?? 1;
  const regular = regularOf(terms);
  const subscriptionId = uuidv7();
  const cycleMinor = cycleAmount(regular, terms.currency, quantity);
  if (cycleMinor > largestAmount(terms.currency))
    throw errors.invalid([{ pointer: "/quantity", detail: "comes to more than PayPal takes in one payment" }]);
  const { billing = null } = input;
  if (billing) {
    const regularly = { amountMinor: cycleMinor, currency: terms.currency };
    await till.db.tenant(tenantId, (em) => checkBilling(em, tenantId, billing, regularly, "/billing"));
  }
  const payer = { ...(input.email !== undefined && { email: input.email }), ...input.payer };
  const attempt = key === undefined ? subscriptionId : `subscription ${key}`;
  const judged = await assess(till, { tenantId, userId, attempt, amountMinor: cycleMinor, currency: terms.currency, payer });
  const isBlocked = judged.decision === "block";
  const { id } = await till.db.tenant(tenantId, (em) =>
    once(em, "payment", { tenantId, action: "payment.subscriptions.create", key, params: input }, async () => {
      const subscription = em.create(Subscription, {
        id: subscriptionId,
        tenantId,
        accountId: plan.accountId ?? null,
        userId,
        customer: input.customer,
        email: input.email ?? null,
        billing,
        planId: plan.id,
        quantity,
        returnUrl: input.returnUrl ?? null,
        cancelUrl: input.cancelUrl ?? null,
        startAt: input.startAt ? new Date(input.startAt) : null,
        cycleMinor,
        outstandingMinor: 0n,
        currency: terms.currency,
        unit: regular.unit,
        unitCount: regular.count,
        cycles: [],
        failedPayments: 0,
        status: "created",
        simulated,
        createdAt: new Date(),
        nextCheckAt: new Date(Date.now() + 15_000),
      });
      em.persist(subscription);
      keepAssessment(em, judged, { kind: "subscription", id: subscriptionId });
      await em.flush();
      await tell(em, subscription, "subscription.created", { actor: subject });
      if (isBlocked) await fail(em, subscription, withheld.blocked);
      describeAct({ object: `subscription:${subscriptionId}`, details: { planId: plan.id, customer: input.customer } });
      return { id: subscriptionId };
    }),
  );
  const subscription = await confirm(till, id);
  if (subscription.failureType === withheld.blocked.type)
    throw errors.paymentBlocked("This subscription can't be taken.", { subscriptionId: id });
  return subscription;
}

/** The end of one that never began. */
async function fail(em: Em, subscription: SubscriptionRow, { type, message }: Failure): Promise<void> {
  Object.assign(subscription, { status: "failed", failureType: type, failureMessage: message, nextCheckAt: null, endedAt: new Date() });
  await tell(em, subscription, "subscription.failed");
}

/** Asks PayPal for a subscription that it has not confirmed. @throws by PayPal's issue when it refuses */
async function confirm(till: Till, id: string): Promise<SubscriptionRow> {
  const read = () => till.db.system((em) => em.findOne(Subscription, { id }));
  const found = await alone(till.db, "subscriptions", id, 5_000, async (claim) => {
    const subscription = await read();
    if (subscription?.status !== "created") return subscription;
    return submit(till, await gatewayOf(till, subscription), subscription, claim);
  });
  const subscription = found.done ? found.value : await read();
  if (!subscription) throw missing(id);
  return subscription;
}

/**
 * Asks PayPal for a claimed subscription that it has not confirmed, under the same id until it answers. Once PayPal has forgotten the id the subscription
 * fails, which costs nobody anything: the payer never had an address to agree at.
 */
export async function submit(
  till: Till,
  gateway: SubscriptionsGateway,
  subscription: SubscriptionRow,
  claim: string,
): Promise<SubscriptionRow> {
  const { id, tenantId } = subscription;
  const plan = await till.db.system((em) => em.findOneOrFail(Plan, { id: subscription.planId }));
  const request: NewBillingSubscription = {
    subscriptionId: id,
    tenantId,
    planId: plan.paypalPlanId!,
    quantity: quantityFor(plan, subscription.quantity),
    startAt: subscription.startAt ?? null,
    email: subscription.email ?? null,
    ...returnUrls(till, id),
  };
  const attempt = await till.db.system((em) => openAttempt(em, subscription, "create", { planId: plan.id }, billingIdLifetimeMs));
  if (attempt.keyExpiresAt!.getTime() < Date.now()) {
    const failure = { type: "SUBSCRIPTION_UNCONFIRMED", message: "PayPal never confirmed the subscription." };
    return (await writing(till.db, id, claim, (em, locked) => fail(em, locked, failure)))!;
  }
  const answer = await gateway.create(request, attempt.requestId!);
  const written = await writing(till.db, id, null, async (em, locked) => {
    await closeAttempt(em, attempt.id, answer);
    if (locked.status !== "created") return;
    if (answer.outcome === "ok") return writeMirror(em, locked, answer.value, new Date());
    if (answer.outcome === "refused") return fail(em, locked, { type: answer.issue, message: answer.detail });
    locked.checks++;
    locked.nextCheckAt = new Date(Date.now() + waitMs(locked.checks));
  });
  if (answer.outcome === "refused") throw refusal(answer, "subscription", { subscriptionId: id });
  return written!;
}
