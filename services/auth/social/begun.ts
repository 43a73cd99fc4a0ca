import { hash, randomBytes } from "node:crypto";
import { randomNonce, randomPKCECodeVerifier, randomState } from "openid-client";
import { errors } from "../../../config/errors.ts";
import { needed, type Redis } from "../../../mixins/redis.ts";
import type { Checks, Provider } from "./provider.ts";

/** How long a person has at the provider, seconds. */
const seconds = 600;

/** What a way to a provider and back remembers meanwhile. */
export interface Begun {
  provider: string;
  nonce: string;
  verifier: string;
  /** Whose account it shall belong to; null for a sign-in. */
  userId: string | null;
  /** Name of the organisation to make for who has no account yet. */
  organisation: string | null;
}

export interface SocialBegun {
  /** Where to send the browser. */
  url: string;
  /** To be kept by the browser and given back with what it comes back with: another browser's answer is worth nothing. */
  handle: string;
  expiresAt: string;
}

/** Begins a way to a provider. @throws SOCIAL_UNREACHABLE, SERVICE_UNAVAILABLE while Redis is away */
export async function begin(
  redis: Redis,
  provider: Provider,
  redirectUri: string,
  of: Pick<Begun, "userId" | "organisation">,
): Promise<SocialBegun> {
  const checks: Checks = { state: randomState(), nonce: randomNonce(), verifier: randomPKCECodeVerifier() };
  const handle = `lgs_${randomBytes(32).toString("base64url")}`;
  const url = await provider.start(redirectUri, checks);
  const begun: Begun = { provider: provider.id, nonce: checks.nonce, verifier: checks.verifier, ...of };
  await needed(redis.set(keyOf(checks.state, handle), JSON.stringify(begun), "EX", seconds));
  return { url: url.href, handle, expiresAt: new Date(Date.now() + seconds * 1000).toISOString() };
}

/**
 * Takes up a way that was begun, once. State and handle together are its name: with the one from another browser there is nothing to be found,
 * and nothing to be used up.
 * @throws CHALLENGE_INVALID, SERVICE_UNAVAILABLE
 */
export async function take(redis: Redis, state: string, handle: string): Promise<Begun> {
  const found = await needed(redis.getdel(keyOf(state, handle)));
  if (found === null) throw errors.challengeInvalid("This was begun too long ago, in another browser, or ended before; begin again.");
  return JSON.parse(found) as Begun;
}

const keyOf = (state: string, handle: string) => `social:${hash("sha256", `${handle}\n${state}`, "base64url")}`;
