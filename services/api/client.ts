import { isIP } from "node:net";
import { networkOf, within } from "../../mixins/networks.ts";

/**
 * The address of the client. Behind proxies that are trusted it is the last one in X-Forwarded-For that is not theirs: each appends whom it was
 * asked by, so what stands further left may be made up.
 * @param peer the address at the other end of the socket
 * @param forwarded X-Forwarded-For as it came
 * @param trusted networks of the proxies
 */
export function clientAddress(peer: string | undefined, forwarded: string | undefined, trusted: readonly string[]): string | undefined {
  const chain = forwarded === undefined ? [] : forwarded.split(",").map((entry) => entry.trim());
  let address = peer;
  while (chain.length && within(address, trusted)) {
    const before = chain.pop()!;
    // A proxy that writes something else than addresses can't be gone past.
    if (!isIP(before)) return undefined;
    address = before;
  }
  return address;
}

/** The networks of TRUSTED_PROXIES. @throws Error naming what is none: with a slip in it, all clients would have the proxy's address */
export const networksOf = (trusted: string[]): string[] =>
  trusted.map((entry) => {
    const network = networkOf(entry);
    if (!network) throw new Error(`TRUSTED_PROXIES names ${entry}; expected addresses and CIDRs.`);
    return network;
  });
