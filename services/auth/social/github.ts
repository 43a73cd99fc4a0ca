import {
  allowInsecureRequests,
  authorizationCodeGrant,
  buildAuthorizationUrl,
  calculatePKCECodeChallenge,
  ClientSecretPost,
  Configuration,
  customFetch,
  fetchProtectedResource,
  type CustomFetch,
} from "openid-client";
import type { ProviderSettings } from "../../../config/social.ts";
import { boundedFetch } from "./bounded.ts";
import type { Provider } from "./provider.ts";
import { asking, refused, unreachable } from "./refusal.ts";

interface Address {
  email: string;
  primary: boolean;
  verified: boolean;
}

/** GitHub speaks OAuth 2.0 without ID tokens: who somebody is has to be asked for with the token. A GitHub of one's own has its API below /api/v3. */
export function githubProvider(
  { id, name = "GitHub", issuer, clientId, clientSecret }: ProviderSettings,
  fetch: CustomFetch = boundedFetch(),
): Provider {
  const origin = (issuer ?? "https://github.com").replace(/\/+$/, "");
  const api = issuer === undefined ? "https://api.github.com" : `${origin}/api/v3`;
  const login = `${origin}/login/oauth`;
  const config = new Configuration(
    { issuer: login, authorization_endpoint: `${login}/authorize`, token_endpoint: `${login}/access_token` },
    clientId,
    undefined,
    ClientSecretPost(clientSecret),
  );
  config[customFetch] = fetch;
  config.timeout = 10;
  if (origin.startsWith("http:")) allowInsecureRequests(config);

  async function ask<T>(token: string, path: string): Promise<T> {
    const headers = new Headers({ accept: "application/vnd.github+json", "user-agent": "legendo-sync" });
    const response = await fetchProtectedResource(config, token, new URL(`${api}${path}`), "GET", undefined, headers);
    const { status } = response;
    if (status >= 500) throw unreachable(id, new Error(`GitHub answered ${path} with ${status}`));
    if (status !== 200) throw refused(id, `github_${status}`);
    return (await response.json()) as T;
  }

  return {
    id,
    name,
    start: (redirectUri, { state, verifier }) =>
      asking(id, async () =>
        buildAuthorizationUrl(config, {
          redirect_uri: redirectUri,
          scope: "read:user user:email",
          ...{ state, code_challenge: await calculatePKCECodeChallenge(verifier), code_challenge_method: "S256" },
        }),
      ),
    finish: (back, { state, verifier }) =>
      asking(id, async () => {
        const { access_token: token } = await authorizationCodeGrant(config, back, { expectedState: state, pkceCodeVerifier: verifier });
        const user = await ask<{ id: number; name: string | null }>(token, "/user");
        const addresses = await ask<Address[]>(token, "/user/emails");
        const address = addresses.find(({ primary }) => primary);
        // Names at GitHub are given up and taken by others; the number stays.
        if (!Number.isSafeInteger(user.id)) throw refused(id, "no_user");
        const named = {
          firstName:
            user.name
              ?.replace(/\p{Cc}/gu, " ")
              .trim()
              .slice(0, 100) || null,
          lastName: null,
        };
        return { issuer: origin, subject: String(user.id), email: address?.email ?? null, verified: address?.verified === true, ...named };
      }),
  };
}
