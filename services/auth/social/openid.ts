import {
  allowInsecureRequests,
  authorizationCodeGrant,
  buildAuthorizationUrl,
  calculatePKCECodeChallenge,
  ClientSecretBasic,
  ClientSecretPost,
  customFetch,
  discovery,
  enableNonRepudiationChecks,
  fetchUserInfo,
  type ClientAuth,
  type Configuration,
  type CustomFetch,
} from "openid-client";
import type { ProviderSettings } from "../../../config/social.ts";
import { boundedFetch } from "./bounded.ts";
import type { Claimed, Provider } from "./provider.ts";
import { asking } from "./refusal.ts";

type Kind = Exclude<ProviderSettings["kind"], "github">;

const defaults: Record<Kind, { name: string; issuer?: string }> = {
  google: { name: "Google", issuer: "https://accounts.google.com" },
  // Whoever has an account at Microsoft, of whatever organisation: the token's issuer is then that organisation's.
  microsoft: { name: "Microsoft", issuer: "https://login.microsoftonline.com/common/v2.0" },
  oidc: { name: "OpenID" },
};

/** What a provider publishes of itself is read anew after this time. */
const fresh = 3_600_000;
const timeoutSeconds = 10;

/** A provider with OpenID Connect discovery. */
export function openidProvider(settings: ProviderSettings & { kind: Kind }, fetch: CustomFetch = boundedFetch()): Provider {
  const { id, kind, clientId, clientSecret, name = defaults[kind].name } = settings;
  const issuer = new URL(settings.issuer ?? defaults[kind].issuer!);
  let found: { config: Promise<Configuration>; at: number } | undefined;

  /** The provider's own description. One that could not be had is asked for again the next time. */
  function configuration(): Promise<Configuration> {
    if (found && Date.now() - found.at < fresh) return found.config;
    const execute = [enableNonRepudiationChecks, ...(issuer.protocol === "http:" ? [allowInsecureRequests] : [])];
    const options = { [customFetch]: fetch, timeout: timeoutSeconds, execute };
    const config = discovery(issuer, clientId, undefined, authentication(clientSecret), options);
    const asked = { config, at: Date.now() };
    found = asked;
    config.catch(() => {
      if (found === asked) found = undefined;
    });
    return config;
  }

  return {
    id,
    name,
    start: (redirectUri, { state, nonce, verifier }) =>
      asking(id, async () =>
        buildAuthorizationUrl(await configuration(), {
          redirect_uri: redirectUri,
          scope: "openid email profile",
          ...{ state, nonce, code_challenge: await calculatePKCECodeChallenge(verifier), code_challenge_method: "S256" },
        }),
      ),
    finish: (back, { state, nonce, verifier }) =>
      asking(id, async () => {
        const config = await configuration();
        const expected = { expectedState: state, expectedNonce: nonce, pkceCodeVerifier: verifier, idTokenExpected: true };
        const tokens = await authorizationCodeGrant(config, back, expected);
        const claims = tokens.claims()!;
        // Some keep what they know of the person out of the token.
        const asked = claims["email"] === undefined && config.serverMetadata().userinfo_endpoint !== undefined;
        const more = asked ? await fetchUserInfo(config, tokens.access_token, claims.sub) : {};
        return claimed(kind, { ...more, ...claims });
      }),
  };
}

/** As the provider wants it; where it does not say, by the specification's default. */
function authentication(secret: string): ClientAuth {
  const [basic, post] = [ClientSecretBasic(secret), ClientSecretPost(secret)];
  return (as, client, body, headers) => {
    const takes = as.token_endpoint_auth_methods_supported ?? ["client_secret_basic"];
    return (takes.includes("client_secret_basic") ? basic : post)(as, client, body, headers);
  };
}

/**
 * Microsoft puts any address into `email` that an organisation's administrator has typed, and has no `email_verified`: only the optional claim
 * `xms_edov` says that the domain is the organisation's own.
 */
function claimed(kind: Kind, claims: Record<string, unknown> & { iss: string; sub: string }): Claimed {
  const said = claims[kind === "microsoft" ? "xms_edov" : "email_verified"];
  return {
    issuer: claims.iss,
    subject: claims.sub,
    email: textOf(claims["email"], 254),
    verified: said === true || (kind === "microsoft" && (said === 1 || said === "1" || said === "true")),
    firstName: textOf(claims["given_name"], 100),
    lastName: textOf(claims["family_name"], 100),
  };
}

/** Text that PostgreSQL stores; null for what is none, or too long. */
const textOf = (value: unknown, most: number): string | null => {
  const text = typeof value === "string" ? value.replace(/\p{Cc}/gu, " ").trim() : "";
  return text && text.length <= most ? text : null;
};
