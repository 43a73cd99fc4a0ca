import { type Amount, amountOf, demandAmount, minorOf, shareOf } from "./amounts.ts";
import {
  type Authorization,
  authorizationReply,
  authorizationStatus,
  capturedOf,
  capturesOf,
  familyOf,
  placeAuthorization,
  tellAuthorization,
} from "./authorizations.ts";
import { captureReply, placeCapture } from "./captures.ts";
import { Complaints } from "./complaints.ts";
import { useInvoiceId } from "./invoiceids.ts";
import { refused, type Reply } from "./replies.ts";
import { type Call, on, type Route } from "./routes.ts";
import type { World } from "./world.ts";

/** Within these three days the funds are kept aside, and nothing is to be renewed. */
const honoredMs = 3 * 86_400_000;
const mostCaptures = 10;

/** Refuses what can be neither captured nor renewed. */
function demandOpen(world: World, authorization: Authorization): void {
  const status = authorizationStatus(world, authorization);
  if (status === "VOIDED") throw refused("AUTHORIZATION_VOIDED", "A voided authorization cannot be captured or reauthorized.");
  if (status === "DENIED") throw refused("AUTHORIZATION_DENIED", "A denied authorization cannot be captured.");
  if (status === "CAPTURED") throw refused("AUTHORIZATION_ALREADY_CAPTURED", "Authorization has already been captured.");
  if (world.clock.now() >= authorization.expiresAt) throw refused("AUTHORIZATION_EXPIRED", "An expired authorization cannot be captured.");
}

interface Wish {
  amount?: Amount;
  invoice_id?: string;
  final_capture?: boolean;
}

function capture(world: World, call: Call): Reply {
  const wish = call.body as Wish;
  const authorization = world.authorizations.get(call.id, call.merchant);
  const complaints = new Complaints();
  complaints.amount(wish.amount, "/amount");
  complaints.text(wish.invoice_id, "/invoice_id", 127);
  complaints.text(call.body["note_to_payer"], "/note_to_payer", 255);
  complaints.text(call.body["soft_descriptor"], "/soft_descriptor", 22);
  complaints.finish();
  demandOpen(world, authorization);
  if (authorization.status === "PENDING") throw refused("TRANSACTION_REFUSED", "The authorization is still being reviewed.");
  const before = capturedOf(world, authorization);
  const left = minorOf(authorization.amount) - before;
  const amount = wish.amount ?? amountOf(left, authorization.amount.currency_code);
  demandAmount(amount, { noDecimals: "DECIMALS_NOT_SUPPORTED", field: "/amount/value" });
  if (amount.currency_code !== authorization.amount.currency_code)
    throw refused("AUTH_CAPTURE_CURRENCY_MISMATCH", "Currency of capture must be the same as currency of authorization.");
  if (before + minorOf(amount) > shareOf(minorOf(authorization.amount), 11_500n))
    throw refused("MAX_CAPTURE_AMOUNT_EXCEEDED", "Capture amount exceeds allowable limit: 115 % of the authorized amount.");
  if (capturesOf(world, authorization).length >= mostCaptures)
    throw refused("MAX_CAPTURE_COUNT_EXCEEDED", "Maximum number of allowable captures has been reached.");
  useInvoiceId(world, call.merchant, authorization.orderId, wish.invoice_id);
  const isFinal = wish.final_capture === true;
  if (isFinal) for (const one of familyOf(world, authorization)) one.isClosed = true;
  const made = placeCapture(world, call.merchant, {
    orderId: authorization.orderId,
    subscriptionId: null,
    paypalInvoiceId: null,
    reference: authorization.reference,
    authorizationId: authorization.id,
    amount,
    isFinal,
    customId: authorization.customId,
    invoiceId: wish.invoice_id ?? authorization.invoiceId,
  });
  return captureReply(world, made, 201, call.whole);
}

/** From the fourth to the 29th day, once: a new authorization with a new id. */
function reauthorize(world: World, call: Call): Reply {
  const authorization = world.authorizations.get(call.id, call.merchant);
  const { amount } = call.body as Wish;
  const complaints = new Complaints();
  complaints.amount(amount, "/amount");
  complaints.finish();
  demandOpen(world, authorization);
  if (authorization.rootId !== null || familyOf(world, authorization).length > 1)
    throw refused("REAUTHORIZATION_NOT_SUPPORTED", "An authorization can be reauthorized only once.");
  if (world.clock.now() < authorization.createdAt + honoredMs)
    throw refused("REAUTHORIZATION_NOT_SUPPORTED", "A reauthorization is not allowed within the honor period of three days.");
  const wanted = amount ?? authorization.amount;
  demandAmount(wanted, { noDecimals: "DECIMALS_NOT_SUPPORTED", field: "/amount/value" });
  if (wanted.currency_code !== authorization.amount.currency_code) throw refused("AUTH_CURRENCY_MISMATCH");
  if (minorOf(wanted) > shareOf(minorOf(authorization.amount), 11_500n))
    throw refused("TRANSACTION_REFUSED", "A reauthorization is limited to 115 % of the original amount.");
  const { orderId, reference, customId, invoiceId } = authorization;
  const made = placeAuthorization(world, call.merchant, {
    orderId,
    reference,
    customId,
    invoiceId,
    amount: wanted,
    rootId: authorization.id,
  });
  return authorizationReply(world, made, 201, call.whole);
}

function voidIt(world: World, call: Call): Reply {
  const authorization = world.authorizations.get(call.id, call.merchant);
  if (authorization.rootId !== null)
    throw refused("CANNOT_BE_VOIDED", "A reauthorization cannot be voided. Please void the original parent authorization.");
  const status = authorizationStatus(world, authorization);
  if (status === "VOIDED") throw refused("PREVIOUSLY_VOIDED", "Authorization has been previously voided and hence cannot be voided again.");
  if (status === "DENIED") throw refused("CANNOT_BE_VOIDED", "A denied authorization cannot be voided.");
  if (status === "CAPTURED") throw refused("PREVIOUSLY_CAPTURED", "Authorization has been previously captured and hence cannot be voided.");
  for (const one of familyOf(world, authorization)) {
    one.status = "VOIDED";
    one.updatedAt = world.clock.now();
    tellAuthorization(world, one, "VOIDED");
  }
  return call.whole ? authorizationReply(world, authorization, 200, true) : { status: 204 };
}

/** Authorizations of Payments v2. Source: PayPal's payments_payment_v2 OpenAPI document. */
export const authorizationRoutes = (world: World): Route[] => [
  on("GET /v2/payments/authorizations/:id", "authorizations.get", (call) =>
    authorizationReply(world, world.authorizations.get(call.id, call.merchant), 200, true),
  ),
  on("POST /v2/payments/authorizations/:id/capture", "authorizations.capture", (call) => capture(world, call)),
  on("POST /v2/payments/authorizations/:id/reauthorize", "authorizations.reauthorize", (call) => reauthorize(world, call)),
  on("POST /v2/payments/authorizations/:id/void", "authorizations.void", (call) => voidIt(world, call)),
];
