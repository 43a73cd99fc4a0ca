import { readFileSync } from "node:fs";
import { nkeyAuthenticator, type ConnectionOptions } from "nats";
import type { Env } from "./env.ts";

/**
 * Connection options of every NATS connection of a node: transporter and JetStream alike.
 * A half-open connection is noticed within ten seconds instead of nats.js's four minutes, and reconnecting never ends.
 */
export function natsOptions(env: Env, name: string): ConnectionOptions {
  const urls = env.NATS_URL.split(",").map((server) => new URL(server.trim().includes("://") ? server.trim() : `nats://${server.trim()}`));
  const first = urls[0];
  const tls = env.NATS_CA_FILE ? { caFile: env.NATS_CA_FILE, certFile: env.NATS_CERT_FILE, keyFile: env.NATS_KEY_FILE } : undefined;
  return {
    name,
    servers: urls.map((url) => url.host),
    // The client's own URL form does not percent-decode a password, so it is taken apart here.
    ...(first?.username ? { user: decodeURIComponent(first.username), pass: decodeURIComponent(first.password) } : {}),
    ...(env.NATS_NKEY_SEED_FILE ? { authenticator: nkeyAuthenticator(readFileSync(env.NATS_NKEY_SEED_FILE).subarray(0, 58)) } : {}),
    ...(tls ? { tls } : {}),
    maxReconnectAttempts: -1,
    reconnectTimeWait: 500,
    pingInterval: 5_000,
    maxPingOut: 2,
  };
}
