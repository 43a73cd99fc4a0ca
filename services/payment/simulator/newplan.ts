import { type Amount, demandAmount } from "./amounts.ts";
import { Complaints } from "./complaints.ts";
import { currencyOf, demandScheme, type Frequency, priceOf, type PricingScheme } from "./pricing.ts";
import { refused } from "./replies.ts";

export interface Cycle {
  tenure_type: "TRIAL" | "REGULAR";
  sequence: number;
  /** 0: without end. */
  total_cycles: number;
  frequency: Frequency;
  pricing_scheme?: PricingScheme;
}

export interface Preferences {
  service_type: string;
  auto_bill_outstanding: boolean;
  setup_fee?: Amount;
  setup_fee_failure_action: "CANCEL" | "CONTINUE";
  /** After so many failed payments the subscription is suspended; 0: never. */
  payment_failure_threshold: number;
}

export interface NewPlan {
  product_id: string;
  name: string;
  description?: string;
  status: "CREATED" | "ACTIVE" | "INACTIVE";
  billing_cycles: Cycle[];
  payment_preferences: Preferences;
  taxes?: { percentage: string; inclusive?: boolean };
  quantity_supported: boolean;
}

const longest: Record<string, number> = { DAY: 365, WEEK: 52, MONTH: 12, YEAR: 1 };

function complainAboutCycle(complaints: Complaints, cycle: Partial<Cycle>, at: string): void {
  complaints.word(cycle.tenure_type, `${at}/tenure_type`, ["TRIAL", "REGULAR"], true);
  const { interval_unit, interval_count = 1 } = (cycle.frequency ?? {}) as Partial<Frequency>;
  complaints.word(interval_unit, `${at}/frequency/interval_unit`, Object.keys(longest), true);
  if (!(interval_count >= 1)) complaints.add("INVALID_INTEGER_MIN_VALUE", `${at}/frequency/interval_count`, String(interval_count));
  else if (interval_count > (longest[interval_unit ?? ""] ?? 365))
    complaints.add("INVALID_INTEGER_MAX_VALUE", `${at}/frequency/interval_count`, String(interval_count));
  if (!Number.isInteger(cycle.sequence)) complaints.add("MISSING_REQUIRED_PARAMETER", `${at}/sequence`);
  if ((cycle.total_cycles ?? 1) > 999) complaints.add("INVALID_INTEGER_MAX_VALUE", `${at}/total_cycles`);
  if (cycle.tenure_type === "REGULAR" && !cycle.pricing_scheme) complaints.add("MISSING_REQUIRED_PARAMETER", `${at}/pricing_scheme`);
  complaints.amount(cycle.pricing_scheme?.fixed_price, `${at}/pricing_scheme/fixed_price`);
  for (const tier of cycle.pricing_scheme?.tiers ?? []) complaints.amount(tier.amount, `${at}/pricing_scheme/tiers/amount`, true);
}

/** Reads the body of a new plan. @throws Refused naming every schema fault, else the first thing that PayPal would not sell. */
export function readPlan(body: Record<string, unknown>): NewPlan {
  const complaints = new Complaints();
  complaints.text(body["product_id"], "/product_id", 50, true);
  complaints.text(body["name"], "/name", 127, true);
  complaints.text(body["description"], "/description", 127);
  complaints.word(body["status"], "/status", ["CREATED", "ACTIVE", "INACTIVE"]);
  const cycles = body["billing_cycles"] as Partial<Cycle>[] | undefined;
  if (!Array.isArray(cycles) || cycles.length === 0) complaints.add("MISSING_REQUIRED_PARAMETER", "/billing_cycles");
  else cycles.forEach((cycle, index) => complainAboutCycle(complaints, cycle, `/billing_cycles/${index}`));
  const preferences = body["payment_preferences"] as Partial<Preferences> | undefined;
  if (!preferences) complaints.add("MISSING_REQUIRED_PARAMETER", "/payment_preferences");
  complaints.amount(preferences?.setup_fee, "/payment_preferences/setup_fee");
  const threshold = preferences?.payment_failure_threshold ?? 0;
  if (threshold < 0 || threshold > 999) complaints.add("INVALID_INTEGER_MAX_VALUE", "/payment_preferences/payment_failure_threshold");
  const taxes = body["taxes"] as NewPlan["taxes"];
  if (taxes && !/^\d{1,2}(\.\d{1,5})?$|^100$/.test(taxes.percentage)) complaints.add("INVALID_PARAMETER_SYNTAX", "/taxes/percentage");
  complaints.finish();
  const plan: NewPlan = {
    product_id: body["product_id"] as string,
    name: body["name"] as string,
    ...(body["description"] !== undefined && { description: body["description"] as string }),
    status: (body["status"] as NewPlan["status"] | undefined) ?? "ACTIVE",
    billing_cycles: (cycles as Cycle[])
      .map((cycle) => ({ ...cycle, total_cycles: cycle.total_cycles ?? 1, frequency: { interval_count: 1, ...cycle.frequency } }))
      .sort((one, other) => one.sequence - other.sequence),
    payment_preferences: {
      ...{ service_type: "PREPAID", auto_bill_outstanding: true, setup_fee_failure_action: "CANCEL", payment_failure_threshold: 0 },
      ...preferences,
    },
    ...(taxes && { taxes }),
    quantity_supported: body["quantity_supported"] === true,
  };
  demandCycles(plan);
  return plan;
}

/** @throws Refused when the cycles contradict each other or the rest of the plan. */
export function demandCycles({ billing_cycles: cycles, payment_preferences, quantity_supported }: NewPlan): void {
  const trials = cycles.filter(({ tenure_type }) => tenure_type === "TRIAL");
  const regular = cycles.length - trials.length;
  if (regular === 0) throw refused("MISSING_REGULAR_BILLING_CYCLE", "One regular billing cycle is required.");
  if (regular > 1) throw refused("MULTIPLE_REGULAR_BILLING_CYCLES_NOT_SUPPORTED", "Only one regular billing cycle is supported.");
  if (trials.length > 2)
    throw refused("MORE_THAN_TWO_TRIAL_BILLING_CYCLE_NOT_SUPPORTED", "At most two trial billing cycles are supported.");
  if (cycles.some(({ sequence }, index) => sequence !== index + 1) || cycles.at(-1)!.tenure_type !== "REGULAR")
    throw refused("INVALID_BILLING_CYCLE_SEQUENCE", "Sequences count from 1, trials first.");
  if (trials.some(({ total_cycles }) => total_cycles < 1)) throw refused("INVALID_TRIAL_BILLING_TOTAL_CYCLES", "A trial has an end.");
  for (const { pricing_scheme } of cycles) if (pricing_scheme) demandScheme(pricing_scheme, quantity_supported);
  for (const { pricing_scheme } of cycles)
    if (pricing_scheme?.fixed_price)
      demandAmount(pricing_scheme.fixed_price, { sign: "zero", field: "/billing_cycles/pricing_scheme/fixed_price" });
  if (trials.filter(({ pricing_scheme }) => priceOf(pricing_scheme, 1n) === 0n).length > 1)
    throw refused("MULTIPLE_FREE_TRIAL_BILLING_CYCLES_NOT_SUPPORTED");
  const { setup_fee } = payment_preferences;
  if (setup_fee) demandAmount(setup_fee, { sign: "zero", field: "/payment_preferences/setup_fee" });
  const used = [...cycles.map(({ pricing_scheme }) => pricing_scheme && currencyOf(pricing_scheme)), setup_fee?.currency_code];
  if (new Set(used.filter((code) => code !== undefined)).size > 1)
    throw refused("CURRENCY_MISMATCH", "The currency code is different from the plan's currency code.");
}
