import type { Env } from "../../../config/env.ts";
import type { Credentials } from "../accounts/accounts.ts";
import { isPayPal } from "./transport.ts";

type Settings = Pick<Env, "PAYPAL_CLIENT_ID" | "PAYPAL_CLIENT_SECRET" | "PAYPAL_ENVIRONMENT" | "PAYPAL_URL">;

/**
 * The credentials of the platform's account, as the environment has them; null without.
 * @throws Error when production is to be something else than PayPal: live credentials would go to a stranger.
 */
export function configuredCredentials(settings: Settings): Credentials | null {
  const { PAYPAL_CLIENT_ID: clientId, PAYPAL_CLIENT_SECRET: clientSecret, PAYPAL_ENVIRONMENT: environment, PAYPAL_URL: url } = settings;
  if (environment === "production" && url !== undefined && !isPayPal(url)) {
    throw new Error(`PAYPAL_URL must be PayPal's own origin when PAYPAL_ENVIRONMENT is production; it is ${new URL(url).origin}.`);
  }
  return clientId && clientSecret ? { clientId, clientSecret, environment } : null;
}
