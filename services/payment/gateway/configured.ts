import type { Env } from "../../../config/env.ts";
import { paypalConnection, type PayPalConnection } from "./connection.ts";
import { isPayPal } from "./transport.ts";

/** What a call may take before its outcome counts as unknown, in milliseconds. */
const timeoutMs = 10_000;

type Settings = Pick<Env, "PAYPAL_CLIENT_ID" | "PAYPAL_CLIENT_SECRET" | "PAYPAL_ENVIRONMENT" | "PAYPAL_URL">;

/**
 * The connection that the environment describes; null without credentials.
 * @throws Error when production is to be something else than PayPal: live credentials would go to a stranger.
 */
export function configuredConnection(settings: Settings): PayPalConnection | null {
  const { PAYPAL_CLIENT_ID: clientId, PAYPAL_CLIENT_SECRET: clientSecret, PAYPAL_ENVIRONMENT: environment, PAYPAL_URL: url } = settings;
  if (environment === "production" && url !== undefined && !isPayPal(url)) {
    throw new Error(`PAYPAL_URL must be PayPal's own origin when PAYPAL_ENVIRONMENT is production; it is ${new URL(url).origin}.`);
  }
  return clientId && clientSecret ? paypalConnection({ clientId, clientSecret, environment, url, timeoutMs }) : null;
}
