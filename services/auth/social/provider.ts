/** Who a provider says that somebody is. */
export interface Claimed {
  issuer: string;
  subject: string;
  email: string | null;
  /** Whether the provider knows that the person reads what is sent to that address. */
  verified: boolean;
  firstName: string | null;
  lastName: string | null;
}

/** What was made for one sign-in and must come back with it. */
export interface Checks {
  state: string;
  nonce: string;
  /** PKCE, RFC 7636. */
  verifier: string;
}

/** A provider that people may sign in with. */
export interface Provider {
  id: string;
  name: string;
  /** The address at the provider to send the browser to. */
  start(redirectUri: string, checks: Checks): Promise<URL>;
  /**
   * What the browser came back with, exchanged for who it is.
   * @param back the address that the provider sent the browser to
   * @throws SOCIAL_REFUSED with `reason`, SOCIAL_UNREACHABLE
   */
  finish(back: URL, checks: Checks): Promise<Claimed>;
}
