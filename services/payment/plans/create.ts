import { v7 as uuidv7 } from "uuid";
import type { Principal } from "../../../config/permissions.ts";
import { errors, type Fault } from "../../../config/errors.ts";
import { Plan, type PlanRow } from "../../../entities/Plan.ts";
import { describeAct } from "../../../mixins/act.ts";
import { once } from "../../../mixins/events.ts";
import { catalogGateway, type NewProduct, type productTypes } from "../gateway/catalog.ts";
import type { PlanView } from "../gateway/billing.ts";
import type { Outcome } from "../gateway/gateway.ts";
import { billingIdLifetimeMs, subscriptionsGateway, type NewBillingPlan, type SubscriptionsGateway } from "../gateway/subscriptions.ts";
import { waitMs } from "../schedule.ts";
import { alone } from "../subscriptions/alone.ts";
import { announce, closeAttempt } from "../subscriptions/attempts.ts";
import { connectionOf } from "../subscriptions/look.ts";
import { refusal } from "../subscriptions/issues.ts";
import type { Till } from "../till.ts";
import { mirrorPlan, missingPlan, writingPlan } from "./refresh.ts";
import { termFaults, termsOf, type NewTerms, type Terms } from "./terms.ts";

export interface NewPlan extends NewTerms {
  name: string;
  description?: string;
  /** The product to be made for it; by the plan's own name and as a service when left out. */
  product?: { name?: string; description?: string; type?: (typeof productTypes)[number] };
  /** A plan whose product it joins: subscriptions can be changed between plans of one product alone. */
  productOf?: string;
  graceDays?: number;
  /** Whether it can be subscribed to at once. */
  active?: boolean;
}

function split({ name, description, product, productOf, graceDays = 3, active = true, ...terms }: NewPlan) {
  return { about: { name, description: description ?? null, graceDays, active }, product, productOf, terms: termsOf(terms) };
}

/**
 * Creates a plan and, unless it joins another plan's, its product at PayPal. The row is committed before PayPal hears of it; when an answer is lost the plan
 * stays `creating`, and is asked for again under the same PayPal-Request-Id. The product's id is of our choosing, so there can't be two.
 * @throws VALIDATION_FAILED naming every fault of the terms, IDEMPOTENCY_KEY_REUSED, PLAN_REFUSED and others by PayPal's issue; the plan then is `failed`
 */
export async function createPlan(till: Till, { tenantId, userId }: Principal, input: NewPlan, key?: string): Promise<PlanRow> {
  const { about, product, productOf, terms } = split(input);
  const faults: Fault[] = termFaults(terms);
  if (product && productOf) faults.push({ pointer: "/productOf", detail: "must be left out where there is a product" });
  const joined = productOf ? await till.db.tenant(tenantId, (em) => em.findOne(Plan, { id: productOf, tenantId })) : null;
  if (productOf && !joined) faults.push({ pointer: "/productOf", detail: "must be a plan; there is none of this id" });
  if (faults.length) throw errors.invalid(faults);
  // A product is in one account, and so is every plan of it.
  const paypal = await till.paypal(tenantId, joined ? (joined.accountId ?? null) : undefined);
  const { id } = await till.db.tenant(tenantId, (em) =>
    once(em, "payment", { tenantId, action: "payment.plans.create", key, params: input }, async () => {
      const id = uuidv7();
      const made: NewProduct = {
        id,
        name: product?.name ?? about.name,
        description: product?.description ?? null,
        type: product?.type ?? "service",
      };
      em.create(Plan, {
        id,
        tenantId,
        userId,
        name: about.name,
        description: about.description,
        status: "creating",
        productId: joined?.productId ?? id,
        product: joined ? null : made,
        currency: terms.currency,
        terms,
        startsActive: about.active,
        graceDays: about.graceDays,
        simulated: paypal.connection.simulated,
        accountId: paypal.accountId,
        createdAt: new Date(),
        nextCheckAt: new Date(Date.now() + 15_000),
      });
      await em.flush();
      describeAct({ object: `plan:${id}`, details: { name: about.name, currency: terms.currency } });
      return { id };
    }),
  );
  const found = await alone(till.db, "plans", id, 10_000, (claim) => submitPlan(till, id, claim));
  const plan = found.done ? found.value : await till.db.tenant(tenantId, (em) => em.findOne(Plan, { id }));
  if (!plan) throw missingPlan(id);
  return plan;
}

/** Brings a claimed plan that PayPal has not confirmed as far as it can go now. @throws by PayPal's issue when it refuses */
export async function submitPlan(till: Till, id: string, claim: string): Promise<PlanRow> {
  const plan = await till.db.system((em) => em.findOneOrFail(Plan, { id }));
  if (plan.status !== "creating") return plan;
  const connection = await connectionOf(till, plan);
  const gateway = subscriptionsGateway(connection);
  if (plan.product) {
    const product = plan.product as NewProduct;
    const catalog = catalogGateway(connection);
    const attempt = await announce(till.db, "plans", plan, "product", product, billingIdLifetimeMs);
    const asked = await catalog.createProduct(product, attempt.requestId!);
    // Asked once more after PayPal had forgotten the request id.
    const answer =
      asked.outcome === "refused" && asked.issue === "DUPLICATE_RESOURCE_IDENTIFIER" ? await catalog.getProduct(product.id) : asked;
    if (answer.outcome !== "ok") return unmade(till, plan, claim, attempt.id, answer);
    await writingPlan(till.db, id, claim, async (em, locked) => {
      await closeAttempt(em, attempt.id, answer);
      locked.productId = answer.value.id;
      locked.product = null;
    });
    plan.productId = answer.value.id;
  }
  return submitAlone(till, gateway, plan, claim);
}

/** The plan itself, whose product is there. */
async function submitAlone(till: Till, gateway: SubscriptionsGateway, plan: PlanRow, claim: string): Promise<PlanRow> {
  const wanted: NewBillingPlan = {
    productId: plan.productId,
    name: plan.name,
    description: plan.description ?? null,
    active: plan.startsActive,
    terms: plan.terms as Terms,
  };
  const attempt = await announce(till.db, "plans", plan, "plan", { productId: plan.productId }, billingIdLifetimeMs);
  // PayPal has forgotten the request id: a second plan would be made, were the first one there.
  const isForgotten = attempt.keyExpiresAt!.getTime() < Date.now();
  const answer = isForgotten ? await find(till, gateway, plan) : await gateway.createPlan(wanted, attempt.requestId!);
  if (answer.outcome !== "ok") return unmade(till, plan, claim, attempt.id, answer);
  return await writingPlan(till.db, plan.id, claim, async (em, locked) => {
    await closeAttempt(em, attempt.id, answer);
    mirrorPlan(locked, answer.value);
  });
}

/** The plan among those of its product that are not known here. */
async function find(till: Till, gateway: SubscriptionsGateway, { tenantId, productId, name }: PlanRow): Promise<Outcome<PlanView>> {
  const listed = await gateway.plansOf(productId);
  if (listed.outcome !== "ok") return listed;
  const known = await till.db.system((em) => em.find(Plan, { tenantId, productId }, { fields: ["paypalPlanId"] }));
  const ids = new Set(known.map(({ paypalPlanId }) => paypalPlanId));
  const { outcome: _outcome, value, ...evidence } = listed;
  const found = value.find((view) => view.name === name && !ids.has(view.id));
  if (!found) return { outcome: "refused", issue: "PLAN_UNCONFIRMED", detail: "PayPal never confirmed the plan.", ...evidence };
  return { outcome: "ok", value: found, ...evidence };
}

/** @throws by PayPal's issue when it refused */
async function unmade(
  till: Till,
  plan: PlanRow,
  claim: string,
  attemptId: string,
  answer: Exclude<Outcome<unknown>, { outcome: "ok" }>,
): Promise<PlanRow> {
  const written = await writingPlan(till.db, plan.id, claim, async (em, locked) => {
    await closeAttempt(em, attemptId, answer);
    if (answer.outcome === "refused") {
      Object.assign(locked, { status: "failed", failureType: answer.issue, failureMessage: answer.detail, nextCheckAt: null });
      return;
    }
    const message = `PayPal has not confirmed the plan yet: ${answer.reason}.`;
    Object.assign(locked, { failureType: "PLAN_UNCONFIRMED", failureMessage: message });
    locked.checks++;
    locked.nextCheckAt = new Date(Date.now() + waitMs(locked.checks));
  });
  if (answer.outcome === "refused") throw refusal(answer, "plan", { planId: plan.id });
  return written;
}
