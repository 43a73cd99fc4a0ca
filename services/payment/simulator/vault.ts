import type { CardShown } from "./cards.ts";
import { accountId, paypalId } from "./ids.ts";
import { refused } from "./replies.ts";
import type { World } from "./world.ts";

/** A saved way to pay. */
export interface Token {
  id: string;
  merchant: string;
  customerId: string;
  kind: "paypal" | "card";
  card: CardShown | null;
  isDeleted: boolean;
  createdAt: number;
}

/** A way to pay that is about to be saved: three days long, and once. */
export interface SetupToken {
  id: string;
  merchant: string;
  customerId: string;
  kind: "paypal" | "card";
  card: CardShown | null;
  status: "PAYER_ACTION_REQUIRED" | "APPROVED" | "VAULTED";
  returnUrl: string | null;
  cancelUrl: string | null;
  createdAt: number;
}

/** Saves a way to pay, for a customer of the merchant or a new one, and tells the webhooks. */
export function saveToken(
  world: World,
  merchant: string,
  kind: Token["kind"],
  card: CardShown | null,
  customerId = `customer_${paypalId(10)}`,
): Token {
  const token = world.tokens.put({
    id: paypalId().toLowerCase(),
    merchant,
    customerId,
    kind,
    card,
    isDeleted: false,
    createdAt: world.clock.now(),
  });
  world.emit(merchant, "VAULT.PAYMENT-TOKEN.CREATED", "payment_token", tokenBody(world, token), "3.0");
  return token;
}

/** @throws Refused when there is none (404), it was deleted, or it is of another kind. */
export function findToken(world: World, merchant: string, id: string, kind: Token["kind"]): Token {
  const token = world.tokens.get(id, merchant);
  if (token.isDeleted) throw refused("AGREEMENT_ALREADY_CANCELLED", "The saved payment source was deleted.");
  if (token.kind !== kind) throw refused("MISMATCHED_VAULT_ID_TO_PAYMENT_SOURCE", `The saved payment source is a ${token.kind}.`);
  return token;
}

/** Only known at PayPal from now on, so that a use of it can say why it fails. */
export function deleteToken(world: World, token: Token): void {
  token.isDeleted = true;
  world.emit(token.merchant, "VAULT.PAYMENT-TOKEN.DELETED", "payment_token", tokenBody(world, token), "3.0");
}

/** What the payer's agreement or the bank's question decides. */
export function approveSetup(token: SetupToken): void {
  if (token.status === "PAYER_ACTION_REQUIRED") token.status = "APPROVED";
}

const wallet = {
  ...{ email_address: "payer@example.com", account_id: accountId("payer"), payer_id: accountId("payer") },
  ...{ name: { given_name: "Pat", surname: "Payer" }, usage_type: "MERCHANT", customer_type: "CONSUMER" },
};
const sourceOf = ({ kind, card }: Pick<Token, "kind" | "card">) => (kind === "card" ? { card } : { paypal: wallet });

export function tokenBody(world: World, token: Token) {
  const self = `${world.origin}/v3/vault/payment-tokens/${token.id}`;
  return {
    id: token.id,
    customer: { id: token.customerId },
    payment_source: sourceOf(token),
    links: [
      { href: self, rel: "self", method: "GET" },
      { href: self, rel: "delete", method: "DELETE" },
    ],
  };
}

export function setupBody(world: World, token: SetupToken) {
  const vault = `${world.origin}/v3/vault`;
  const approve = { href: `${world.origin}/agreements/approve?approval_session_id=${token.id}`, rel: "approve", method: "GET" };
  return {
    id: token.id,
    customer: { id: token.customerId },
    status: token.status,
    payment_source: sourceOf(token),
    links: [
      { href: `${vault}/setup-tokens/${token.id}`, rel: "self", method: "GET" },
      { href: `${vault}/payment-tokens`, rel: "confirm", method: "POST" },
      ...(token.status === "PAYER_ACTION_REQUIRED" ? [approve] : []),
    ],
  };
}
