import { type Amount, minorOf } from "./amounts.ts";
import type { Capture } from "./captures.ts";
import { placeRefund, type Refund, refunded } from "./refunds.ts";
import { failure, Refused, type Reply } from "./replies.ts";
import { type Call, on, type Route } from "./routes.ts";
import type { World } from "./world.ts";

/** Payments of subscriptions in the words of the old Payments v1, in which their webhooks still speak: lower-case states, `total` and `currency`. */
const oldAmount = ({ value, currency_code }: Amount) => ({ total: value, currency: currency_code });
const oldMoney = ({ value, currency_code }: Amount) => ({ value, currency: currency_code });

function stateOf(world: World, sale: Capture): string {
  if (sale.status === "PENDING") return "pending";
  if (sale.status !== "COMPLETED") return "denied";
  const back = refunded(world, sale.id);
  if (back >= minorOf(sale.amount)) return "refunded";
  return back > 0n ? "partially_refunded" : "completed";
}

export function saleBody(world: World, sale: Capture) {
  const self = `${world.origin}/v1/payments/sale/${sale.id}`;
  return {
    id: sale.id,
    billing_agreement_id: sale.subscriptionId,
    amount: { ...oldAmount(sale.amount), details: { subtotal: sale.amount.value } },
    payment_mode: "INSTANT_TRANSFER",
    state: stateOf(world, sale),
    ...(sale.reason && { reason_code: sale.reason }),
    protection_eligibility: "ELIGIBLE",
    protection_eligibility_type: "ITEM_NOT_RECEIVED_ELIGIBLE,UNAUTHORIZED_PAYMENT_ELIGIBLE",
    ...(sale.breakdown && { transaction_fee: oldMoney(sale.breakdown.paypal_fee) }),
    ...(sale.customId && { custom: sale.customId }),
    create_time: world.clock.stamp(sale.createdAt),
    update_time: world.clock.stamp(sale.updatedAt),
    links: [
      { href: self, rel: "self", method: "GET" },
      { href: `${self}/refund`, rel: "refund", method: "POST" },
    ],
  };
}

export function saleRefundBody(world: World, refund: Refund) {
  const path = `${world.origin}/v1/payments`;
  return {
    id: refund.id,
    sale_id: refund.captureId,
    amount: oldAmount(refund.amount),
    state: refund.status.toLowerCase(),
    refund_from_transaction_fee: oldMoney(refund.breakdown.paypal_fee),
    total_refunded_amount: oldMoney(refund.breakdown.total_refunded_amount),
    refund_to_payer: oldMoney(refund.amount),
    create_time: world.clock.stamp(refund.createdAt),
    update_time: world.clock.stamp(refund.updatedAt),
    links: [
      { href: `${path}/refund/${refund.id}`, rel: "self", method: "GET" },
      { href: `${path}/sale/${refund.captureId}`, rel: "sale", method: "GET" },
    ],
  };
}

function saleOf(world: World, { id, merchant }: Call): Capture {
  const sale = world.captures.get(id, merchant);
  if (sale.subscriptionId === null)
    throw new Refused(failure(404, { issue: "INVALID_RESOURCE_ID", field: "sale_id", value: id, location: "path" }));
  return sale;
}

function refund(world: World, call: Call): Reply {
  const { amount, invoice_number } = call.body as { amount?: { total: string; currency: string }; invoice_number?: string };
  const wish = {
    ...(amount && { amount: { value: String(amount.total), currency_code: String(amount.currency) } }),
    ...(invoice_number && { invoice_id: invoice_number }),
  };
  return { status: 201, body: saleRefundBody(world, placeRefund(world, saleOf(world, call), wish)) };
}

/** Sales v1, as far as subscriptions need them. The same payments answer to `/v2/payments/captures` too. */
export const saleRoutes = (world: World): Route[] => [
  on("GET /v1/payments/sale/:id", "sales.get", (call) => ({ status: 200, body: saleBody(world, saleOf(world, call)) })),
  on("POST /v1/payments/sale/:id/refund", "sales.refund", (call) => refund(world, call)),
];
