import { hkdfSync } from "node:crypto";
import { Provider, type Adapter, type Configuration, type KoaContextWithOIDC } from "oidc-provider";
import type { Database } from "../../../mixins/database.ts";
import { clientOf, isSecretOf, metadataOf } from "./clients.ts";
import type { PrivateKey } from "./keys.ts";
import { contentPolicy, errorPage, logoutPage, signedOutPage } from "./pages.ts";
import { claims, claimsOf } from "./people.ts";
import type { Records } from "./records.ts";
import { accessTokenPrefix, scopes } from "./scopes.ts";

const minute = 60;
const day = 86_400;
/** Where the edge lets the provider be reached. */
export const mountPath = "/oidc";

export interface ProviderParts {
  db: Database;
  records: Records;
  clusterSecret: string;
  /** The one that signs first. */
  keys: PrivateKey[];
  /** How clients reach the edge. */
  publicUrl: string;
  /** Hears of failures of our own, which the provider answers itself. */
  failed: (error: Error) => void;
}

/**
 * The OpenID provider: authorization code with PKCE, client credentials, refresh tokens that rotate, discovery, revocation, introspection,
 * logout (OpenID Connect Core 1.0, RFC 6749, 7636, 7009, 7662, 9700). Its access tokens are opaque: `auth.verify` exchanges them for claims, so
 * that what is revoked is refused at once, and what a person loses their clients lose too.
 */
export function openProvider({ db, records, clusterSecret, keys, publicUrl, failed }: ProviderParts): Provider {
  const provider = new Provider(publicUrl + mountPath, {
    adapter: (kind) => (kind === "Client" ? clientAdapter(db) : records.adapter(kind)),
    jwks: { keys },
    scopes,
    claims,
    async findAccount(ctx, userId) {
      // A client belongs to an organisation, and only its members exist for it.
      const client = ctx.oidc.client && (await clientOf(db, ctx.oidc.client.clientId));
      const found = client && (await claimsOf(db, client.tenantId, userId));
      return found && { accountId: userId, claims: () => found };
    },
    cookies: {
      keys: [Buffer.from(hkdfSync("sha256", clusterSecret, "", "oidc cookies", 32)).toString("base64url")],
      long: { httpOnly: true, sameSite: "lax", signed: true },
      short: { httpOnly: true, sameSite: "lax", signed: true },
    },
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      introspection: { enabled: true, allowedPolicy: isOwn },
      revocation: { enabled: true, allowedPolicy: isOwn },
      // Nothing at the edge would ask for the proof.
      dPoP: { enabled: false },
      resourceIndicators: { enabled: false },
      rpInitiatedLogout: {
        enabled: true,
        logoutSource: (ctx, form) => show(ctx, logoutPage(form)),
        postLogoutSuccessSource: (ctx) => show(ctx, signedOutPage()),
      },
    },
    pkce: { required: () => true },
    rotateRefreshToken: true,
    issueRefreshToken: (_ctx, client, code) =>
      Promise.resolve(client.grantTypeAllowed("refresh_token") && code.scopes.has("offline_access")),
    ttl: {
      AccessToken: 10 * minute,
      ClientCredentials: 10 * minute,
      AuthorizationCode: minute,
      IdToken: 60 * minute,
      Interaction: 15 * minute,
      Session: day / 2,
      RefreshToken: 30 * day,
      Grant: 30 * day,
    },
    interactions: { url: (_ctx, interaction) => `${mountPath}/interaction/${interaction.uid}` },
    clientBasedCORS: (_ctx, origin, client) => (client.redirectUris ?? []).some((uri) => URL.parse(uri)?.origin === origin),
    renderError: (ctx, out) => show(ctx, errorPage(out.error, out.error_description ?? "The request can't be understood.")),
  } satisfies Configuration);
  // The edge is the only one that talks to it, and says by which name and scheme it was asked.
  provider.proxy = true;
  provider.on("server_error", (_ctx, error) => failed(error));
  provider.Client.prototype.compareClientSecret = function (this: { clientSecret: string }, shown: string) {
    return isSecretOf(this.clientSecret, shown);
  };
  withPrefix(provider.AccessToken.prototype);
  withPrefix(provider.ClientCredentials.prototype);
  return provider;
}

/** Lets a model's ids, which are its tokens, begin as ours do. */
function withPrefix(model: object): void {
  const tokens = model as { generateTokenId: (this: object) => string };
  const { generateTokenId } = tokens;
  tokens.generateTokenId = function () {
    return accessTokenPrefix + generateTokenId.call(this);
  };
}

/** Clients stand in a table of their own and are made by their organisations alone. */
function clientAdapter(db: Database): Adapter {
  const never = () => Promise.reject(new Error("Clients are not the provider's to change."));
  return {
    async find(id) {
      const client = await clientOf(db, id);
      return client && metadataOf(client);
    },
    findByUid: never,
    findByUserCode: never,
    upsert: never,
    consume: never,
    destroy: never,
    revokeByGrantId: never,
  };
}

/** RFC 7009, 2.1 and RFC 7662, 4: a client learns of its own tokens and ends those, with all that came of the same agreement. */
const isOwn = (_ctx: unknown, client: { clientId: string }, token: { clientId?: string | undefined }) =>
  Promise.resolve(token.clientId === client.clientId);

function show(ctx: KoaContextWithOIDC, page: string): void {
  ctx.type = "html";
  ctx.set("Content-Security-Policy", contentPolicy(originsOf(ctx)));
  ctx.body = page;
}

/** Where a form may lead to in the end: the client that asked. */
const originsOf = ({ oidc }: KoaContextWithOIDC): string[] =>
  (oidc?.client?.postLogoutRedirectUris ?? []).flatMap((uri) => URL.parse(uri)?.origin ?? []).filter((origin) => origin !== "null");
