import { hostOf, isPrivateName } from "../../mixins/reach.ts";

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
  const host = hostOf(url);
  if (!host) faults.push("must name a host");
  else if (!allowed && isPrivateName(host)) faults.push(`must lead to a public address; ${host} is none`);
  return faults;
}
