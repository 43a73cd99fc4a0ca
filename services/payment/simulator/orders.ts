import { accountId } from "./ids.ts";
import type { PurchaseUnit } from "./neworder.ts";
import { orderBody } from "./orderview.ts";
import { unreadable } from "./replies.ts";
import type { Source } from "./sources.ts";
import { type Authentication } from "./threeds.ts";
import type { World } from "./world.ts";

/** An order: what PayPal shows of it, and whose it is. Payments made under it stand on their own shelves. */
export interface Order {
  id: string;
  merchant: string;
  intent: "CAPTURE" | "AUTHORIZE";
  status: "CREATED" | "PAYER_ACTION_REQUIRED" | "APPROVED" | "COMPLETED" | "VOIDED";
  units: PurchaseUnit[];
  /** null until a payment source was given: then the payer chooses at PayPal. */
  source: Source | null;
  payer?: { payer_id: string; email_address: string; name: { given_name: string; surname: string }; address: { country_code: string } };
  returnUrl: string | null;
  cancelUrl: string | null;
  createdAt: number;
  updatedAt: number;
}

/** The approval link lives three hours; then there are three more to capture. */
const hour = 3_600_000;

export const isOpen = ({ status }: Order): boolean => status === "CREATED" || status === "PAYER_ACTION_REQUIRED";

/** An order that is still there: what nobody completed is gone six hours later. @throws Refused 404 */
export function getOrder(world: World, id: string, merchant: string | null): Order {
  const order = world.orders.get(id, merchant);
  if (order.status !== "COMPLETED" && world.clock.now() - order.createdAt > 6 * hour) world.orders.remove(id);
  return world.orders.get(id, merchant);
}

/** Who pays, as everybody who pays here. */
export const payer = (): NonNullable<Order["payer"]> => ({
  ...{ payer_id: accountId("payer"), email_address: "payer@example.com", address: { country_code: "DE" } },
  name: { given_name: "Pat", surname: "Payer" },
});

/** The payer agrees, as the browser's button or a control says. Agreeing twice changes nothing, and after three hours it is too late. */
export function approveOrder(world: World, order: Order): void {
  if (!isOpen(order) || world.clock.now() - order.createdAt > 3 * hour) return;
  order.status = "APPROVED";
  if (order.source?.kind !== "card") order.payer = payer();
  order.updatedAt = world.clock.now();
  world.emit(order.merchant, "CHECKOUT.ORDER.APPROVED", "checkout-order", orderBody(world, order));
}

/** PayPal takes the payer's agreement back before anything was captured. @throws Refused when there is none */
export function reverseApproval(world: World, order: Order): void {
  if (order.status !== "APPROVED") throw unreadable(`The order is ${order.status}, not APPROVED.`);
  order.status = "VOIDED";
  order.updatedAt = world.clock.now();
  const { id: order_id, purchase_units, payment_source } = orderBody(world, order);
  world.emit(order.merchant, "CHECKOUT.PAYMENT-APPROVAL.REVERSED", "checkout-order", { order_id, purchase_units, payment_source });
}

/** The bank's question about a card is answered, one way or the other: whether to go on is for the merchant to say. */
export function authenticateOrder(world: World, order: Order, authentication: Authentication): void {
  if (order.source?.kind !== "card" || order.status !== "PAYER_ACTION_REQUIRED")
    throw unreadable("No card of this order waits for its payer.");
  order.source.authentication = authentication;
  order.source.isReady = true;
  approveOrder(world, order);
}
