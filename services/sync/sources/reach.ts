import { lookup } from "node:dns";
import type { LookupFunction } from "node:net";
import ipaddr from "ipaddr.js";

/** Whether an address is one of the public internet's: not loopback, private, link-local (cloud metadata) or otherwise special. */
export const isPublic = (address: string): boolean => ipaddr.process(address).range() === "unicast";

/**
 * Resolves names for connections that a tenant asked for, leaving out addresses that are not public. It is asked at the moment of
 * connecting, so that a name can't be pointed elsewhere in between. (For an address instead of a name it isn't asked.)
 */
export const publicLookup: LookupFunction = (hostname, options, callback) => {
  lookup(hostname, { ...options, all: true }, (error, addresses) => {
    if (error) return callback(error, "", 0);
    const usable = addresses.filter(({ address }) => isPublic(address));
    const [first] = usable;
    if (!first) return callback(new Error(`${hostname} has no public address, and others are not allowed here`), "", 0);
    if (options.all) callback(null, usable);
    else callback(null, first.address, first.family);
  });
};
