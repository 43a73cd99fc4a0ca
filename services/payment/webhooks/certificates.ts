import { LRUCache } from "lru-cache";
import { errors } from "../../../config/errors.ts";

const most = 50;
/** Addresses remembered where there is no certificate. */
const mostMissing = 1_000;
const keptMs = 86_400_000;
const missingMs = 60_000;
/** PayPal's bundles have some six thousand bytes. */
const largest = 65_536;
const patienceMs = 5_000;
/** Strangers may name certificates that do not exist: so many addresses are asked for in a minute, no more. */
const perMinute = 30;

/** Gets the text behind an address. @returns null when the server says that there is nothing. @throws when it can't be asked */
export type FetchText = (url: string) => Promise<string | null>;

/** Fetches a certificate: no redirects, a bounded time, a bounded size. */
export const fetchCertificate: FetchText = async (url) => {
  const reply = await fetch(url, { redirect: "error", signal: AbortSignal.timeout(patienceMs), headers: { accept: "*/*" } });
  if (reply.status >= 400 && reply.status < 500 && reply.status !== 429) {
    await reply.body?.cancel();
    return null;
  }
  if (!reply.ok) throw errors.gatewayUnavailable(`The certificate's server answered ${reply.status}.`);
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const part of (reply.body ?? []) as AsyncIterable<Uint8Array>) {
    size += part.length;
    if (size > largest) throw errors.gatewayUnavailable(`The certificate has more than ${largest} bytes.`);
    parts.push(part);
  }
  return Buffer.concat(parts).toString("latin1");
};

/** The certificates that PayPal signs with, each fetched once a day by a node however many deliveries name it at once. */
export class Certificates {
  readonly #kept = new LRUCache<string, string>({ max: most, ttl: keptMs });
  /** Apart from the others: strangers may name as many as they like, and drive out none that PayPal signs with. */
  readonly #missing = new LRUCache<string, true>({ max: mostMissing, ttl: missingMs });
  readonly #asking = new Map<string, Promise<string | null>>();
  readonly #fetch: FetchText;
  readonly #now: () => number;
  #minute = 0;
  #asked = 0;

  constructor(fetchText: FetchText = fetchCertificate, now: () => number = Date.now) {
    this.#fetch = fetchText;
    this.#now = now;
  }

  /**
   * @param url one that `certificateUrl` has let through
   * @returns PEM; null when there is no such certificate
   * @throws PAYMENT_GATEWAY_THROTTLED when too many were asked for already, anything else when it can't be had just now
   */
  async get(url: string): Promise<string | null> {
    const kept = this.#kept.get(url);
    if (kept !== undefined) return kept;
    if (this.#missing.has(url)) return null;
    const asking = this.#asking.get(url) ?? this.#ask(url).finally(() => this.#asking.delete(url));
    this.#asking.set(url, asking);
    return await asking;
  }

  async #ask(url: string): Promise<string | null> {
    const minute = Math.floor(this.#now() / 60_000);
    if (minute !== this.#minute) [this.#minute, this.#asked] = [minute, 0];
    if (++this.#asked > perMinute) throw errors.gatewayThrottled("Too many certificates were asked for within a minute.");
    const pem = await this.#fetch(url);
    if (pem === null) this.#missing.set(url, true);
    else this.#kept.set(url, pem);
    return pem;
  }
}
