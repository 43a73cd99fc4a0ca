import { type Amount, amountOf, minorOf } from "./amounts.ts";
import { paypalId } from "./ids.ts";
import { refused, type Reply } from "./replies.ts";
import type { World } from "./world.ts";

interface Origin {
  orderId: string;
  /** The purchase unit's reference id. */
  reference: string;
  amount: Amount;
  customId: string | undefined;
  invoiceId: string | undefined;
  /** The authorization that this one renews; null for the first. */
  rootId: string | null;
}

/** An authorization; how much of it is captured is worked out from the captures of its family (itself and its renewal). */
export interface Authorization extends Origin {
  id: string;
  merchant: string;
  status: "CREATED" | "PENDING" | "DENIED" | "VOIDED";
  reason: string | undefined;
  /** A final capture closed it, whatever is left. */
  isClosed: boolean;
  createdAt: number;
  updatedAt: number;
  expiresAt: number;
}

const day = 86_400_000;
/** For how long an authorization can be captured. */
const valid = 29 * day;

export function placeAuthorization(world: World, merchant: string, of: Origin): Authorization {
  const decision = world.decisions.take("authorization", merchant, of.orderId);
  const now = world.clock.now();
  const authorization = world.authorizations.put({
    id: paypalId(),
    merchant,
    ...of,
    amount: amountOf(minorOf(of.amount), of.amount.currency_code),
    status: (decision?.status ?? "CREATED") as Authorization["status"],
    reason: decision && (decision.reason ?? "PENDING_REVIEW"),
    isClosed: false,
    createdAt: now,
    updatedAt: now,
    expiresAt: of.rootId === null ? now + valid : world.authorizations.get(of.rootId, merchant).expiresAt,
  });
  if (authorization.status !== "DENIED") tellAuthorization(world, authorization, "CREATED");
  return authorization;
}

export const tellAuthorization = (world: World, authorization: Authorization, what: string) =>
  world.emit(authorization.merchant, `PAYMENT.AUTHORIZATION.${what}`, "authorization", authorizationBody(world, authorization));

/** What a pending authorization comes to in the end. @throws Refused when it is not pending. */
export function decideAuthorization(world: World, id: string, completes: boolean): Authorization {
  const authorization = world.authorizations.get(id, null);
  if (authorization.status !== "PENDING") throw refused("AUTHORIZATION_STATUS_NOT_VALID", `It is ${authorization.status}, not PENDING.`);
  authorization.status = completes ? "CREATED" : "DENIED";
  authorization.reason = completes ? undefined : authorization.reason;
  authorization.updatedAt = world.clock.now();
  if (completes) tellAuthorization(world, authorization, "CREATED");
  return authorization;
}

const rootOf = ({ id, rootId }: Authorization) => rootId ?? id;
/** An authorization and its renewal, whichever of the two is given. */
export const familyOf = (world: World, one: Authorization) =>
  world.authorizations.of(one.orderId).filter((other) => rootOf(other) === rootOf(one));

/** Captures of the whole family, but those that were declined. */
export function capturesOf(world: World, authorization: Authorization) {
  const family = new Set<string | null>(familyOf(world, authorization).map(({ id }) => id));
  return world.captures
    .of(authorization.orderId)
    .filter(({ authorizationId, status }) => family.has(authorizationId) && status !== "DECLINED");
}
export const capturedOf = (world: World, authorization: Authorization) =>
  capturesOf(world, authorization).reduce((sum, { amount }) => sum + minorOf(amount), 0n);

export function authorizationStatus(world: World, authorization: Authorization): string {
  if (authorization.status !== "CREATED") return authorization.status;
  const captured = capturedOf(world, authorization);
  if (authorization.isClosed || captured >= minorOf(authorization.amount)) return "CAPTURED";
  return captured > 0n ? "PARTIALLY_CAPTURED" : "CREATED";
}

export function authorizationBody(world: World, authorization: Authorization) {
  const { id, amount, reason, customId, invoiceId, orderId } = authorization;
  const self = `${world.origin}/v2/payments/authorizations/${id}`;
  const action = (rel: string) => ({ href: `${self}/${rel}`, rel, method: "POST" });
  return {
    id,
    status: authorizationStatus(world, authorization),
    ...(reason && { status_details: { reason } }),
    amount,
    ...(customId && { custom_id: customId }),
    ...(invoiceId && { invoice_id: invoiceId }),
    seller_protection: { status: "ELIGIBLE", dispute_categories: ["ITEM_NOT_RECEIVED", "UNAUTHORIZED_TRANSACTION"] },
    expiration_time: world.clock.stamp(authorization.expiresAt),
    create_time: world.clock.stamp(authorization.createdAt),
    update_time: world.clock.stamp(authorization.updatedAt),
    supplementary_data: { related_ids: { order_id: orderId } },
    links: [
      { href: self, rel: "self", method: "GET" },
      ...["capture", "void", "reauthorize"].map(action),
      { href: `${world.origin}/v2/checkout/orders/${orderId}`, rel: "up", method: "GET" },
    ],
  };
}

/** All of it, or id, status and links. */
export function authorizationReply(world: World, authorization: Authorization, status: number, whole: boolean): Reply {
  const body = authorizationBody(world, authorization);
  return { status, body: whole ? body : { id: body.id, status: body.status, links: body.links } };
}
