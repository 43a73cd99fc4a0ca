import { type Amount, demandAmount, minorOf } from "./amounts.ts";
import { Complaints } from "./complaints.ts";
import { failure, Refused, refused, type Reply } from "./replies.ts";
import type { Call } from "./routes.ts";
import { codeOf, demandStatus, type Override, planOf, type Subscription, tellSubscription } from "./subscriptions.ts";
import type { World } from "./world.ts";

interface Change {
  op?: string;
  path?: string;
  value?: unknown;
}
type Patched = Pick<Subscription, "customId" | "shipping" | "outstanding" | "subscriber" | "override">;

const malformed = (issue: string, field: string) => new Refused(failure(400, { issue, field, location: "body" }));
const cyclePath = /^\/plan\/billing_cycles\/@sequence==(\d+)\/(pricing_scheme\/fixed_price|total_cycles)$/;
const preferencePath = /^\/plan\/payment_preferences\/(auto_bill_outstanding|payment_failure_threshold)$/;

function amountIn(value: unknown, field: string, code: string): Amount {
  const complaints = new Complaints();
  complaints.amount(value, field, true);
  complaints.finish();
  demandAmount(value as Amount, { sign: "zero", field });
  if ((value as Amount).currency_code !== code) throw refused("CURRENCY_MISMATCH", "The currency is not the subscription's.", field);
  return value as Amount;
}

/** One change of what the subscription has of its own instead of its plan's. */
function changePlan(override: Override, subscription: Subscription, code: string, sequences: number[], path: string, value: unknown): void {
  const [, sequence, field] = cyclePath.exec(path) ?? [];
  const preference = preferencePath.exec(path)?.[1];
  if (sequence) {
    const number = Number(sequence);
    if (!sequences.includes(number)) throw malformed("INVALID_PATCH_PATH", path);
    if (number < subscription.sequence) throw refused("BILLING_CYCLE_EXECUTION_COMPLETED", "The billing cycle is over.");
    if (field === "total_cycles") {
      if (!Number.isInteger(value) || Number(value) < (subscription.completed.get(number) ?? 0))
        throw refused("INVALID_BILLING_TOTAL_CYCLES");
      override.totals.set(number, Number(value));
    } else override.schemes.set(number, { fixed_price: amountIn(value, path, code) });
  } else if (preference) override.payment_preferences = { ...override.payment_preferences, [preference]: value };
  else if (path === "/plan/taxes/percentage") override.taxes = { inclusive: false, ...override.taxes, percentage: String(value) };
  else throw malformed("INVALID_PATCH_PATH", path);
}

/** Changes a subscription that runs or rests, all changes or none. The outstanding balance can only go down. */
export function patchSubscription(world: World, call: Call): Reply {
  const subscription = world.subscriptions.get(call.id, call.merchant);
  demandStatus(subscription, "ACTIVE", "SUSPENDED");
  if (!Array.isArray(call.body) || call.body.length === 0) throw malformed("MISSING_REQUEST_BODY", "/");
  const plan = planOf(world, subscription);
  const code = codeOf(plan);
  const own: Override | null = subscription.override && {
    ...subscription.override,
    schemes: new Map(subscription.override.schemes),
    totals: new Map(subscription.override.totals),
  };
  const next: Patched = { ...subscription, override: own };
  for (const { op, path = "", value } of call.body as Change[]) {
    if (!["add", "replace", "remove"].includes(op ?? "")) throw malformed("UNSUPPORTED_PATCH_OPERATION", path);
    if (path === "/custom_id") next.customId = op === "remove" ? undefined : String(value);
    else if (path === "/shipping_amount") next.shipping = op === "remove" ? undefined : amountIn(value, path, code);
    else if (path === "/subscriber/shipping_address") next.subscriber = { ...next.subscriber, shipping_address: value };
    else if (path === "/billing_info/outstanding_balance") {
      const minor = minorOf(amountIn(value, path, code));
      if (minor > subscription.outstanding) throw refused("AMOUNT_GREATER_THAN_OUTSTANDING_BALANCE");
      next.outstanding = minor;
    } else {
      next.override ??= { schemes: new Map(), totals: new Map(), payment_preferences: {}, taxes: plan.taxes };
      const sequences = plan.billing_cycles.map(({ sequence }) => sequence);
      changePlan(next.override, subscription, code, sequences, path, value);
    }
  }
  const { customId, shipping, outstanding, subscriber, override } = next;
  if ((customId?.length ?? 0) > 127) throw malformed("INVALID_STRING_MAX_LENGTH", "/custom_id");
  Object.assign(subscription, { customId, shipping, outstanding, subscriber, override, updatedAt: world.clock.now() });
  tellSubscription(world, subscription, "UPDATED");
  return { status: 204 };
}
