import { lookup as systemLookup, type LookupAddress } from "node:dns";
import { isIP, type LookupFunction } from "node:net";
import ip from "ipaddr.js";
import { errors } from "../../config/errors.ts";

/**
 * Keeps webhooks away from what only our own network can reach. Two walls, for either alone has a hole: sockets never ask `lookup`
 * about an address literal, and a name says nothing about where it leads until it is resolved.
 */
const ipv4Compatible = ip.parseCIDR("::/96");

/** Whether an address is a public one. An IPv4 address inside an IPv6 one (mapped, translated, tunnelled) is not. */
export function isPublic(address: string): boolean {
  const parsed = ip.parse(address);
  // ipaddr.js takes ::7f00:1 for unicast.
  if (parsed.kind() === "ipv6" && parsed.match(ipv4Compatible)) return false;
  return parsed.range() === "unicast";
}

/** "host:port" of a URL, as WEBHOOK_PRIVATE_HOSTS names it. */
const placeOf = (url: URL) => `${url.hostname}:${url.port || (url.protocol === "http:" ? "80" : "443")}`;

/** Whether the operator has allowed this place although it is not public. */
export const isAllowed = (url: URL, allow: readonly string[]): boolean => allow.includes(placeOf(url));

/**
 * What speaks against sending webhooks to a URL, judged without asking DNS.
 * @param allow "host:port" of places that may be private and may speak plain http
 * @returns sentences, none when it is fine
 */
export function addressFaults(text: string, allow: readonly string[]): string[] {
  // The WHATWG parser turns 0x7f000001, 127.1, 2130706433 and ①②⑦.0.0.1 into 127.0.0.1: check what it made, never the text.
  const url = URL.parse(text);
  if (!url) return ["must be an absolute URL, e.g. https://example.com/hooks"];
  const faults: string[] = [];
  const allowed = isAllowed(url, allow);
  if (url.protocol !== "https:" && !(url.protocol === "http:" && allowed)) faults.push(`must be https, not ${url.protocol.slice(0, -1)}`);
  if (url.username || url.password) faults.push("must not carry a user name or password");
  const host = url.hostname.replace(/^\[|\]$/g, "");
  if (!host) faults.push("must name a host");
  else if (!allowed && isIP(host) && !isPublic(host)) faults.push(`must lead to a public address; ${host} is none`);
  else if (!allowed && /(^|\.)localhost\.?$/.test(host)) faults.push(`must lead to a public address; ${host} is none`);
  return faults;
}

type Resolve = (
  hostname: string,
  options: { all: true; hints?: number },
  done: (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void,
) => void;

/**
 * A socket's `lookup` that refuses a name when any of its addresses is not public, and connects to the very addresses it has checked:
 * a name that changes between check and use (DNS rebinding) gains nothing.
 */
export const guardedLookup =
  (resolve: Resolve = systemLookup): LookupFunction =>
  (hostname, options, done) => {
    resolve(hostname, { all: true, hints: options.hints }, (error, addresses) => {
      const refuse = (why: string) => done(errors.webhookAddress(`${hostname} ${why}.`) as Error, "");
      const first = addresses?.[0];
      if (error) return done(error, "");
      if (!first) return refuse("has no address");
      if (!addresses.every(({ address }) => isPublic(address))) {
        // Without the address: a tenant must not learn what our DNS says about inner names.
        return refuse("does not lead to public addresses alone");
      }
      if (options.all) done(null, addresses);
      else done(null, first.address, first.family);
    });
  };
