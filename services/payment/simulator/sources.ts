import { type CardRequest, type CardShown, complainAboutCard, isExpired, shownCard } from "./cards.ts";
import { Complaints } from "./complaints.ts";
import type { Order } from "./orders.ts";
import { refused } from "./replies.ts";
import type { Authentication } from "./threeds.ts";
import { findToken, saveToken, type Token } from "./vault.ts";
import type { World } from "./world.ts";

export interface Context {
  return_url?: string;
  cancel_url?: string;
}

interface Attributes {
  customer?: { id?: string };
  vault?: { store_in_vault?: string };
  verification?: { method?: string };
}

interface SourceRequest {
  vault_id?: string;
  attributes?: Attributes;
  experience_context?: Context;
}

/** The `payment_source` of a request, as far as the simulator knows the kinds. */
export interface Sources {
  paypal?: SourceRequest;
  card?: SourceRequest & CardRequest;
}

/** What an order is paid with. */
export interface Source {
  kind: "paypal" | "card";
  card: CardShown | null;
  /** Whether nothing is left for the payer to do. */
  isReady: boolean;
  authentication: Authentication | null;
  /** Whether it is to be saved once it has paid, and for whom. */
  isStored: boolean;
  customerId: string | undefined;
  /** What was saved already, or has been by now. */
  token: Token | null;
}

/** @throws Refused when it is malformed, unknown, of another kind than its token, or expired. */
export function readSource(world: World, merchant: string, { paypal, card }: Sources): Source {
  const complaints = new Complaints();
  const [kind, request] = card ? (["card", card] as const) : (["paypal", paypal] as const);
  if (!request) complaints.add("MISSING_REQUIRED_PARAMETER", "/payment_source");
  const vaultId = request?.vault_id;
  if (card && vaultId === undefined) complainAboutCard(card, complaints, "/payment_source/card");
  complaints.finish();
  const { attributes = {} } = request!;
  const token = vaultId === undefined ? null : findToken(world, merchant, vaultId, kind);
  const shown = kind === "card" ? (token?.card ?? shownCard(card!)) : null;
  if (shown && isExpired(shown.expiry, world.clock.now())) throw refused("CARD_EXPIRED", "The card is expired.");
  const isChallenged = kind === "card" && attributes.verification?.method === "SCA_ALWAYS";
  return {
    ...{ kind, card: shown, authentication: null, customerId: token?.customerId ?? attributes.customer?.id, token },
    isReady: !isChallenged && (kind === "card" || token !== null),
    isStored: token === null && attributes.vault?.store_in_vault === "ON_SUCCESS",
  };
}

/** Saves what has paid, if it was to be. */
export function keepSource(world: World, order: Order): void {
  const { source } = order;
  if (source?.isStored && !source.token) source.token = saveToken(world, order.merchant, source.kind, source.card, source.customerId);
}

/** `payment_source` as an order shows it; undefined while nothing is known of it. */
export function sourceBody(world: World, { source, payer }: Order) {
  const token = source?.isStored ? source.token : null;
  const self = `${world.origin}/v3/vault/payment-tokens/${token?.id}`;
  const attributes = token && {
    attributes: {
      vault: {
        ...{ id: token.id, status: "VAULTED", customer: { id: token.customerId } },
        links: ["GET", "DELETE"].map((method) => ({ href: self, rel: method === "GET" ? "self" : "delete", method })),
      },
    },
  };
  if (source?.kind === "card") {
    const { authentication } = source;
    return { card: { ...source.card, ...(authentication && { authentication_result: authentication }), ...attributes } };
  }
  if (!payer) return undefined;
  const { payer_id, email_address, name, address } = payer;
  return { paypal: { account_id: payer_id, email_address, account_status: "VERIFIED", name, address, ...attributes } };
}
