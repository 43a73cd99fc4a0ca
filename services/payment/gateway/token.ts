import { setTimeout as delay } from "node:timers/promises";
import { errors } from "../../../config/errors.ts";
import type { Held, SharedToken } from "./sharedtoken.ts";

export interface TokenSource {
  /** A token believed to work; asks for one at most once at a time, however many wait. */
  current(): Promise<string>;
  /** A token other than `stale`, which the provider has just refused. */
  renewed(stale: string): Promise<string>;
}

interface Grant {
  token: string;
  /** Seconds. */
  expiresIn: number;
}

const marginMs = 60_000;

/** How long to wait for another node that asks for a token just now, and between two looks, milliseconds. */
const patienceMs = 12_000;
const lookMs = 50;

/**
 * Keeps one access token. The SDK's own keeper asks once per waiting call, keeps a failed answer for ever and never renews
 * after a 401, so its calls go through this one instead. A failure is forgotten at once: the next call asks again.
 * @param shared what the cluster's nodes know of it together: one of them asks, the others take what it got
 */
export function tokenSource(fetchGrant: () => Promise<Grant>, shared?: SharedToken, now: () => number = Date.now): TokenSource {
  let held: Held | null = null;
  let asking: Promise<string> | null = null;

  async function fresh(): Promise<Held> {
    const { token, expiresIn } = await fetchGrant();
    return { token, until: now() + expiresIn * 1000 - marginMs };
  }

  async function together(nodes: SharedToken, stale: string | null): Promise<Held> {
    const known = async () => {
      const found = await nodes.read();
      return found && found.until > now() && found.token !== stale ? found : null;
    };
    for (const deadline = now() + patienceMs; now() < deadline; await delay(lookMs)) {
      const found = await known();
      if (found) return found;
      const mine = await nodes.lock();
      if (mine === null) break;
      if (!mine) continue;
      try {
        // Another node may have been done between the look and the lock.
        const late = await known();
        if (late) return late;
        const got = await fresh();
        await nodes.write(got);
        return got;
      } finally {
        await nodes.unlock();
      }
    }
    return await fresh();
  }

  const ask = (stale: string | null) =>
    (asking ??= (shared ? together(shared, stale) : fresh())
      .then((got) => {
        held = got;
        return got.token;
      })
      .finally(() => (asking = null)));

  return {
    current: () => (held && held.until > now() ? Promise.resolve(held.token) : ask(null)),
    renewed: (stale) => {
      if (held && held.token !== stale) return Promise.resolve(held.token);
      held = null;
      return ask(stale);
    },
  };
}

/**
 * Asks PayPal for a token with client credentials.
 * @throws PAYMENT_GATEWAY_DENIED when PayPal refuses them, PAYMENT_GATEWAY_UNAVAILABLE (retryable) when it can't be asked.
 */
export async function fetchGrant(origin: string, clientId: string, clientSecret: string, timeoutMs: number): Promise<Grant> {
  let reply: Response;
  let body: { access_token?: unknown; expires_in?: unknown; error?: unknown };
  try {
    reply = await fetch(`${origin}/v1/oauth2/token`, {
      method: "POST",
      headers: {
        authorization: `Basic ${Buffer.from(`${clientId}:${clientSecret}`).toString("base64")}`,
        "content-type": "application/x-www-form-urlencoded",
        accept: "application/json",
      },
      body: "grant_type=client_credentials",
      redirect: "error",
      signal: AbortSignal.timeout(timeoutMs),
    });
    body = (await reply.json()) as typeof body;
  } catch (error) {
    throw errors.gatewayUnavailable(`PayPal gave no token within ${timeoutMs} ms.`, undefined, error);
  }
  if (reply.status === 400 || reply.status === 401 || reply.status === 403) {
    const reason = typeof body.error === "string" ? body.error : "no reason";
    throw errors.gatewayDenied(`PayPal refused the client credentials with ${reply.status} (${reason}).`);
  }
  if (!reply.ok || typeof body.access_token !== "string")
    throw errors.gatewayUnavailable(`PayPal's token endpoint answered ${reply.status} without a token.`);
  return { token: body.access_token, expiresIn: typeof body.expires_in === "number" ? body.expires_in : 300 };
}
