import type { ServiceBroker } from "moleculer";
import type { ActionMap } from "../../config/calls.ts";
import { errors } from "../../config/errors.ts";
import { collectBody } from "./body.ts";
import type { EdgeRequest, EdgeResponse } from "./exchange.ts";
import { exchangeWithProvider } from "./peers.ts";

/** Paths of the OpenID provider below /oidc, with the methods that each takes. */
export const providerPaths: [path: string, methods: ("GET" | "POST")[], description: string][] = [
  ["/.well-known/openid-configuration", ["GET"], "The OpenID provider's discovery document (OpenID Connect Discovery 1.0)."],
  ["/jwks", ["GET"], "The public keys that verify ID tokens."],
  ["/auth", ["GET", "POST"], "Where a client sends its person to sign in (RFC 6749, 4.1; PKCE by S256 is required)."],
  ["/auth/:uid", ["GET"], "Where the sign-in pages lead back to."],
  ["/request", ["POST"], "Takes an authorization request in advance (RFC 9126)."],
  ["/token", ["POST"], "Exchanges a code, a refresh token or a client's own credentials for tokens."],
  ["/token/introspection", ["POST"], "Tells a client about its token (RFC 7662)."],
  ["/token/revocation", ["POST"], "Takes a token back (RFC 7009)."],
  ["/me", ["GET", "POST"], "Who an access token stands for (userinfo)."],
  ["/session/end", ["GET", "POST"], "Signs a person out at the provider."],
  ["/session/end/confirm", ["POST"], "The answer to the page that asks whether to sign out."],
  ["/session/end/success", ["GET"], "The page after signing out."],
  ["/interaction/:uid", ["GET"], "The page on which a person signs in or agrees."],
  ["/interaction/:uid/login", ["POST"], "The form of the page that asks for a password."],
  ["/interaction/:uid/confirm", ["POST"], "The form of the page that asks for agreement."],
  ["/interaction/:uid/abort", ["POST"], "The way back for who does not go on."],
];

/** Headers that the provider looks at. */
const passed = ["accept", "accept-language", "authorization", "content-type", "cookie", "origin"];
/** Larger than any form of the provider's. */
const largest = 65_536;

/** Lets the auth service answer. Status, headers and body leave as they come; only what holds for every answer of the edge is added. */
export async function oidc(broker: ServiceBroker, req: EdgeRequest, res: EdgeResponse): Promise<void> {
  const body = req.method === "POST" ? (await collectBody(req, largest)).toString() : "";
  await req.enter?.();
  const headers = Object.fromEntries(
    passed.flatMap((name) => {
      const value = req.headers[name];
      return typeof value === "string" ? [[name, value]] : [];
    }),
  );
  const url = req.originalUrl;
  if (url.length > 16_384) throw errors.malformed("The address is longer than any of the provider's.");
  const method = req.method as ActionMap["auth.oidc.exchange"]["params"]["method"];
  const answer = await exchangeWithProvider(broker, { method, url, headers, body }, req.$ctx.meta.client);
  res.statusCode = answer.status;
  for (const [name, value] of Object.entries(answer.headers)) res.setHeader(name, value);
  res.end(req.method === "HEAD" ? undefined : answer.body);
}
