import { complainAboutCard, isExpired, shownCard } from "./cards.ts";
import { Complaints } from "./complaints.ts";
import { paypalId } from "./ids.ts";
import { pageOf } from "./products.ts";
import { failure, Refused, refused, type Reply } from "./replies.ts";
import { type Call, on, type Route } from "./routes.ts";
import type { Context, Sources } from "./sources.ts";
import { deleteToken, saveToken, setupBody, type SetupToken, tokenBody } from "./vault.ts";
import type { World } from "./world.ts";

const setupMs = 3 * 86_400_000;

interface Wish {
  customer?: { id?: string };
  payment_source?: Sources & { card?: { verification_method?: string }; token?: { id?: string; type?: string } };
}

function createSetup(world: World, { merchant, body }: Call): Reply {
  const { customer, payment_source: source } = body as Wish;
  const complaints = new Complaints();
  if (!source?.card && !source?.paypal) complaints.add("MISSING_REQUIRED_PARAMETER", "/payment_source");
  if (source?.card) complainAboutCard(source.card, complaints, "/payment_source/card");
  complaints.finish();
  const card = source!.card ? shownCard(source!.card) : null;
  if (card && isExpired(card.expiry, world.clock.now())) throw refused("CARD_EXPIRED", "The card is expired.");
  const context: Context = (source!.card ?? source!.paypal)?.experience_context ?? {};
  const isApproved = card !== null && source!.card?.verification_method !== "SCA_ALWAYS";
  const token = world.setups.put({
    ...{ id: paypalId(), merchant, customerId: customer?.id ?? `customer_${paypalId(10)}`, kind: card ? "card" : "paypal", card },
    ...{
      status: isApproved ? "APPROVED" : "PAYER_ACTION_REQUIRED",
      returnUrl: context.return_url ?? null,
      cancelUrl: context.cancel_url ?? null,
    },
    createdAt: world.clock.now(),
  });
  return { status: 201, body: setupBody(world, token) };
}

/** A setup token that has not run out. @throws Refused 404 */
function setupOf(world: World, id: string, merchant: string): SetupToken {
  const token = world.setups.get(id, merchant);
  if (world.clock.now() - token.createdAt > setupMs) world.setups.remove(id);
  return world.setups.get(id, merchant);
}

/** Makes a saved way to pay of a setup token that the payer has approved, or of a card. */
function createToken(world: World, { merchant, body }: Call): Reply {
  const { customer, payment_source: source } = body as Wish;
  const complaints = new Complaints();
  if (!source?.token && !source?.card) complaints.add("MISSING_REQUIRED_PARAMETER", "/payment_source");
  if (source?.card) complainAboutCard(source.card, complaints, "/payment_source/card");
  if (source?.token) complaints.word(source.token.type, "/payment_source/token/type", ["SETUP_TOKEN"], true);
  complaints.finish();
  if (source!.card) {
    const card = shownCard(source!.card);
    if (isExpired(card.expiry, world.clock.now())) throw refused("CARD_EXPIRED", "The card is expired.");
    return { status: 201, body: tokenBody(world, saveToken(world, merchant, "card", card, customer?.id)) };
  }
  const setup = setupOf(world, source!.token!.id ?? "", merchant);
  if (setup.status === "PAYER_ACTION_REQUIRED") throw refused("PAYER_ACTION_REQUIRED", "The payer has not approved the setup token.");
  if (setup.status === "VAULTED") throw refused("TOKEN_ALREADY_USED", "The setup token was used already.");
  setup.status = "VAULTED";
  return { status: 201, body: tokenBody(world, saveToken(world, merchant, setup.kind, setup.card, setup.customerId)) };
}

function list(world: World, { merchant, query }: Call): Reply {
  const customerId = query.get("customer_id");
  if (!customerId) throw new Refused(failure(400, { issue: "MISSING_REQUIRED_PARAMETER", field: "customer_id", location: "query" }));
  const own = world.tokens.all(merchant).filter((token) => token.customerId === customerId && !token.isDeleted);
  const { shown, totals } = pageOf(own, query);
  return {
    status: 200,
    body: { customer: { id: customerId }, payment_tokens: shown.map((one) => tokenBody(world, one)), ...totals, links: [] },
  };
}

/** A token that was not deleted: to its merchant a deleted one is gone. */
function tokenOf(world: World, { id, merchant }: Call) {
  const token = world.tokens.get(id, merchant);
  if (token.isDeleted) throw new Refused(failure(404, { issue: "INVALID_RESOURCE_ID", field: "id", value: id, location: "path" }));
  return token;
}

/** Vault v3. Source: PayPal's vault_payment_tokens_v3 OpenAPI document. */
export const vaultRoutes = (world: World): Route[] => [
  on("POST /v3/vault/setup-tokens", "setup-tokens.create", (call) => createSetup(world, call)),
  on("GET /v3/vault/setup-tokens/:id", "setup-tokens.get", ({ id, merchant }) => ({
    status: 200,
    body: setupBody(world, setupOf(world, id, merchant)),
  })),
  on("POST /v3/vault/payment-tokens", "payment-tokens.create", (call) => createToken(world, call)),
  on("GET /v3/vault/payment-tokens", "payment-tokens.list", (call) => list(world, call)),
  on("GET /v3/vault/payment-tokens/:id", "payment-tokens.get", (call) => ({ status: 200, body: tokenBody(world, tokenOf(world, call)) })),
  on("DELETE /v3/vault/payment-tokens/:id", "payment-tokens.delete", (call) => {
    deleteToken(world, tokenOf(world, call));
    return { status: 204 };
  }),
];
