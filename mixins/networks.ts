import { isIPv6 } from "node:net";
import ip from "ipaddr.js";

/** An IPv4 address inside an IPv6 one (::ffff:192.0.2.1) is that IPv4 address. */
const parsed = (address: string) => (ip.isValid(address) && !compatible.test(address) ? ip.process(address) : undefined);
/** RFC 4291 gave up IPv4-compatible addresses; ipaddr.js takes them for mapped ones. */
const compatible = /^::\d+\./;

/**
 * A network in its usual writing: 10.1.0.0/16 for 10.1.2.3/16, 192.0.2.1/32 for a single address, the IPv4 network for one that is mapped into IPv6.
 * @returns undefined for what is none
 */
export function networkOf(text: string): string | undefined {
  const [address = "", bits, ...more] = text.split("/");
  // Of the odd writings that ipaddr.js takes (octal, hexadecimal, short forms) none is let in: others read them otherwise.
  if (
    more.length ||
    !/^(\d{1,3}(\.\d{1,3}){3}|[0-9a-fA-F:]*:[0-9a-fA-F:.]*)$/.test(address) ||
    /(^|\.)0\d/.test(address) ||
    compatible.test(address)
  )
    return undefined;
  if (!ip.isValid(address) || (bits !== undefined && !/^\d{1,3}$/.test(bits))) return undefined;
  const plain = ip.parse(address);
  const mapped = plain.kind() === "ipv6" && (plain as ip.IPv6).isIPv4MappedAddress();
  const inner = ip.process(address);
  const most = inner.kind() === "ipv4" ? 32 : 128;
  const length = bits === undefined ? most : Number(bits) - (mapped ? 96 : 0);
  if (length < 0 || length > most) return undefined;
  const family = inner.kind() === "ipv4" ? ip.IPv4 : ip.IPv6;
  return `${family.networkAddressFromCIDR(`${inner.toString()}/${length}`).toString()}/${length}`;
}

/** Whether an address lies in one of the networks, as `networkOf` writes them. */
export function within(address: string | undefined, networks: readonly string[]): boolean {
  const at = address === undefined ? undefined : parsed(address);
  return at !== undefined && networks.some((network) => contains(network, at));
}

function contains(network: string, at: ip.IPv4 | ip.IPv6): boolean {
  const [address, bits] = ip.parseCIDR(network);
  return address.kind() === at.kind() && at.match(address, bits);
}

/** One customer has a whole /64 of IPv6 addresses. */
export function subscriberOf(address: string): string {
  if (!isIPv6(address)) return address;
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (mapped) return mapped;
  const [head = "", tail] = address.split("%")[0]!.split("::");
  const left = head.split(":").filter(Boolean);
  const right = (tail ?? "").split(":").filter(Boolean);
  const groups = tail === undefined ? left : [...left, ...Array<string>(8 - left.length - right.length).fill("0"), ...right];
  return groups
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(":");
}
