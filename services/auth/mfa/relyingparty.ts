import { list, publicUrl, type Env } from "../../../config/env.ts";

/** Who we are to authenticators (WebAuthn: relying party). */
export interface RelyingParty {
  /** Domain that passkeys belong to. */
  id: string;
  name: string;
  /** Origins of pages that may use them. */
  origins: string[];
}

export const relyingParty = (of: Pick<Env, "PUBLIC_URL" | "HOST" | "PORT" | "PASSKEY_DOMAIN" | "CORS_ORIGINS">): RelyingParty => {
  const own = new URL(publicUrl(of));
  return { id: of.PASSKEY_DOMAIN ?? own.hostname, name: "LEGENDO SYNC", origins: [own.origin, ...list(of.CORS_ORIGINS)] };
};
