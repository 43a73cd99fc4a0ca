import { authorizationBody } from "./authorizations.ts";
import { captureBody } from "./captures.ts";
import { isOpen, type Order } from "./orders.ts";
import { refundBody } from "./refunds.ts";
import type { Reply } from "./replies.ts";
import { sourceBody } from "./sources.ts";
import type { World } from "./world.ts";

interface Link {
  href: string;
  rel: string;
  method: string;
}

/** Where the payer agrees, or answers their bank's question. The link is called differently when a payment source was given. */
const payerPage = (world: World, { id, source }: Order) =>
  source?.kind === "card"
    ? `${world.origin}/webapps/helios?action=verify&flow=3ds&cart_id=${id}`
    : `${world.origin}/checkoutnow?token=${id}`;

function linksOf(world: World, order: Order): Link[] {
  const self = `${world.origin}/v2/checkout/orders/${order.id}`;
  const links: Link[] = [{ href: self, rel: "self", method: "GET" }];
  if (isOpen(order)) links.push({ href: payerPage(world, order), rel: order.source ? "payer-action" : "approve", method: "GET" });
  if (isOpen(order) || order.status === "APPROVED") {
    const action = order.intent === "CAPTURE" ? "capture" : "authorize";
    links.push({ href: self, rel: "update", method: "PATCH" }, { href: `${self}/${action}`, rel: action, method: "POST" });
  }
  return links;
}

/** What happened to the money of one purchase unit; nothing at all before it moved. */
function paymentsOf(world: World, order: Order, reference: string) {
  const isOurs = (one: { reference: string }) => one.reference === reference;
  const authorizations = world.authorizations.of(order.id).filter(isOurs);
  const captures = world.captures.of(order.id).filter(isOurs);
  const refunds = captures.flatMap(({ id }) => world.refunds.of(id));
  const payments = {
    ...(authorizations.length && { authorizations: authorizations.map((one) => authorizationBody(world, one)) }),
    ...(captures.length && { captures: captures.map((one) => captureBody(world, one)) }),
    ...(refunds.length && { refunds: refunds.map((one) => refundBody(world, one)) }),
  };
  return Object.keys(payments).length ? payments : undefined;
}

/** All of an order. */
export function orderBody(world: World, order: Order) {
  const { id, intent, status, payer, createdAt, updatedAt } = order;
  const account = world.accounts.of(order.merchant);
  const source = sourceBody(world, order);
  return {
    id,
    intent,
    status,
    purchase_units: order.units.map((unit) => {
      const payments = paymentsOf(world, order, unit.reference_id);
      return {
        ...unit,
        payee: unit.payee ?? { email_address: account.email, merchant_id: account.payerId },
        ...(payments && { payments }),
      };
    }),
    ...(payer && { payer }),
    ...(source && { payment_source: source }),
    create_time: world.clock.stamp(createdAt),
    update_time: world.clock.stamp(updatedAt),
    links: linksOf(world, order),
  };
}

/** All of it, or id, status and links (`Prefer: return=minimal`). */
export function orderReply(world: World, order: Order, status: number, whole: boolean): Reply {
  return { status, body: whole ? orderBody(world, order) : { id: order.id, status: order.status, links: linksOf(world, order) } };
}
