import { paypalId } from "./ids.ts";
import { type Cycle, demandCycles, type NewPlan, readPlan } from "./newplan.ts";
import { currencyOf, demandScheme, type PricingScheme } from "./pricing.ts";
import { pageOf } from "./products.ts";
import { failure, Refused, refused, type Reply } from "./replies.ts";
import { type Call, on, type Route } from "./routes.ts";
import type { World } from "./world.ts";

/** A price that a cycle had from some moment on. */
interface Price {
  version: number;
  scheme: PricingScheme;
  since: number;
}

export interface Plan extends NewPlan {
  id: string;
  merchant: string;
  /** By sequence, oldest first. */
  prices: Map<number, Price[]>;
  createdAt: number;
  updatedAt: number;
}

/** Who has a subscription keeps the old price for payments of the next ten days. */
const noticeMs = 10 * 86_400_000;

/** The price of a cycle for a subscription that was made at `since`. Undefined for a free trial. */
export function priceNow(plan: Plan, sequence: number, since: number, now: number): Price | undefined {
  const prices = plan.prices.get(sequence) ?? [];
  return prices.findLast((price) => price.since <= since || price.since + noticeMs <= now) ?? prices[0];
}

function tell(world: World, plan: Plan, what: string): void {
  world.emit(plan.merchant, `BILLING.PLAN.${what}`, "plan", planBody(world, plan), "2.0");
}

function create(world: World, { merchant, body, whole }: Call): Reply {
  const wish = readPlan(body);
  world.products.get(wish.product_id, merchant);
  const now = world.clock.now();
  const prices = new Map<number, Price[]>();
  for (const { sequence, pricing_scheme } of wish.billing_cycles)
    if (pricing_scheme) prices.set(sequence, [{ version: 1, scheme: pricing_scheme, since: now }]);
  const plan = world.plans.put({ ...wish, id: `P-${paypalId(24)}`, merchant, prices, createdAt: now, updatedAt: now });
  tell(world, plan, "CREATED");
  const shown = planBody(world, plan);
  const { id, product_id, name, status, description, create_time, links } = shown;
  return { status: 201, body: whole ? shown : { id, product_id, name, status, description, usage_type: "LICENSED", create_time, links } };
}

const moves = {
  activate: { from: ["CREATED", "INACTIVE"], to: "ACTIVE", told: "ACTIVATED" },
  deactivate: { from: ["ACTIVE"], to: "INACTIVE", told: "DEACTIVATED" },
} as const;

function move(world: World, { id, merchant }: Call, name: keyof typeof moves): Reply {
  const plan = world.plans.get(id, merchant);
  const { from, to, told } = moves[name];
  if (!(from as readonly string[]).includes(plan.status)) throw refused("PLAN_STATUS_INVALID", `The plan is ${plan.status}.`);
  Object.assign(plan, { status: to, updatedAt: world.clock.now() });
  tell(world, plan, told);
  return { status: 204 };
}

const patchable =
  /^\/(name|description|taxes\/percentage|payment_preferences\/(auto_bill_outstanding|payment_failure_threshold|setup_fee|setup_fee_failure_action))$/;

function patch(world: World, call: Call): Reply {
  const plan = world.plans.get(call.id, call.merchant);
  if (plan.status === "INACTIVE") throw refused("PLAN_STATUS_INACTIVE", "The plan is inactive.");
  const next: NewPlan = { ...plan, payment_preferences: { ...plan.payment_preferences }, ...(plan.taxes && { taxes: { ...plan.taxes } }) };
  for (const { op, path = "", value } of Array.isArray(call.body) ? (call.body as { op?: string; path?: string; value?: unknown }[]) : []) {
    if (!patchable.test(path)) throw new Refused(failure(400, { issue: "INVALID_PATCH_PATH", field: path, location: "body" }));
    if (op !== "replace") throw new Refused(failure(400, { issue: "UNSUPPORTED_PATCH_OPERATION", field: path, location: "body" }));
    const [, first = "", second] = path.split("/");
    const holder = second ? ((next as unknown as Record<string, object | undefined>)[first] ?? {}) : next;
    Object.assign(holder, { [second ?? first]: value });
  }
  const { name, description, taxes, payment_preferences } = readPlan({ ...next, status: undefined });
  Object.assign(plan, { name, description, taxes, payment_preferences, updatedAt: world.clock.now() });
  tell(world, plan, "UPDATED");
  return { status: 204 };
}

/** New prices, all or none; subscriptions feel them in ten days. */
function updatePrices(world: World, call: Call): Reply {
  const plan = world.plans.get(call.id, call.merchant);
  const wishes = call.body["pricing_schemes"] as { billing_cycle_sequence?: number; pricing_scheme?: PricingScheme }[] | undefined;
  if (!Array.isArray(wishes) || wishes.length === 0)
    throw new Refused(failure(400, { issue: "MISSING_REQUIRED_PARAMETER", field: "/pricing_schemes", location: "body" }));
  const changed = new Map(wishes.map((wish) => [wish.billing_cycle_sequence, wish.pricing_scheme]));
  for (const [sequence, scheme] of changed) {
    const before = plan.prices.get(sequence ?? 0)?.at(-1)?.scheme;
    if (!plan.billing_cycles.some((cycle) => cycle.sequence === sequence)) throw refused("INVALID_BILLING_CYCLE_SEQUENCE");
    if (!scheme) throw refused("INVALID_PRICING_SCHEME");
    if (!before) throw refused("PRICING_SCHEME_UPDATE_NOT_ALLOWED", "A free trial stays free.");
    demandScheme(scheme, plan.quantity_supported);
    if (currencyOf(scheme) !== currencyOf(before)) throw refused("CURRENCY_MISMATCH");
  }
  const cycles = plan.billing_cycles.map((cycle): Cycle => {
    const scheme = changed.get(cycle.sequence);
    return scheme ? { ...cycle, pricing_scheme: scheme } : cycle;
  });
  demandCycles({ ...plan, billing_cycles: cycles });
  const now = world.clock.now();
  for (const [sequence, scheme] of changed) {
    const prices = plan.prices.get(sequence!)!;
    prices.push({ version: prices.length + 1, scheme: scheme!, since: now });
  }
  Object.assign(plan, { billing_cycles: cycles, updatedAt: now });
  tell(world, plan, "PRICING-CHANGE.ACTIVATED");
  return { status: 204 };
}

export function planBody(world: World, plan: Plan) {
  const { merchant: _ours, prices, createdAt, updatedAt, ...shown } = plan;
  const self = `${world.origin}/v1/billing/plans/${plan.id}`;
  const move = plan.status === "ACTIVE" ? "deactivate" : "activate";
  return {
    ...shown,
    usage_type: "LICENSED",
    billing_cycles: plan.billing_cycles.map((cycle) => {
      const price = prices.get(cycle.sequence)?.at(-1);
      if (!price) return cycle;
      const times = { create_time: world.clock.stamp(price.since), update_time: world.clock.stamp(price.since) };
      return { ...cycle, pricing_scheme: { version: price.version, ...price.scheme, ...times } };
    }),
    create_time: world.clock.stamp(createdAt),
    update_time: world.clock.stamp(updatedAt),
    links: [
      { href: self, rel: "self", method: "GET" },
      { href: self, rel: "edit", method: "PATCH" },
      { href: `${self}/${move}`, rel: move, method: "POST" },
    ],
  };
}

/** Billing plans v1. Source: PayPal's billing_subscriptions_v1 OpenAPI document. */
export const planRoutes = (world: World): Route[] => [
  on("POST /v1/billing/plans", "plans.create", (call) => create(world, call)),
  on("GET /v1/billing/plans", "plans.list", ({ merchant, query }) => {
    const product = query.get("product_id");
    const { shown, totals } = pageOf(
      world.plans.all(merchant).filter((plan) => !product || plan.product_id === product),
      query,
    );
    return { status: 200, body: { plans: shown.map((plan) => planBody(world, plan)), ...totals, links: [] } };
  }),
  on("GET /v1/billing/plans/:id", "plans.get", ({ id, merchant }) => ({
    status: 200,
    body: planBody(world, world.plans.get(id, merchant)),
  })),
  on("PATCH /v1/billing/plans/:id", "plans.patch", (call) => patch(world, call)),
  on("POST /v1/billing/plans/:id/activate", "plans.activate", (call) => move(world, call, "activate")),
  on("POST /v1/billing/plans/:id/deactivate", "plans.deactivate", (call) => move(world, call, "deactivate")),
  on("POST /v1/billing/plans/:id/update-pricing-schemes", "plans.prices", (call) => updatePrices(world, call)),
];
