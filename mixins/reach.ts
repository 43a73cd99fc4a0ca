import { lookup as systemLookup, type LookupAddress } from "node:dns";
import { request } from "node:http";
import { connect, isIP, type LookupFunction, type Socket } from "node:net";
import ip from "ipaddr.js";

/**
 * Keeps connections that tenants ask for away from what only our own network can reach. Two walls, for either alone has a hole: sockets never
 * ask `lookup` about an address literal, and a name says nothing about where it leads until it is resolved.
 */
const ipv4Compatible = ip.parseCIDR("::/96");

/** Whether an address is a public one. An IPv4 address inside an IPv6 one (mapped, translated, tunnelled) is not. */
export function isPublic(address: string): boolean {
  const parsed = ip.parse(address);
  // ipaddr.js takes ::7f00:1 for unicast.
  if (parsed.kind() === "ipv6" && parsed.match(ipv4Compatible)) return false;
  return parsed.range() === "unicast";
}

/** A URL's host name without the brackets of an IPv6 address. */
export const hostOf = (url: URL): string => url.hostname.replace(/^\[|\]$/g, "");

/** What of a host can be told without DNS: an address literal that is not public, or a name that means this machine. */
export const isPrivateName = (host: string): boolean => (isIP(host) ? !isPublic(host) : /(^|\.)localhost\.?$/i.test(host));

type Resolve = (
  hostname: string,
  options: { all: true; hints?: number },
  done: (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void,
) => void;

/**
 * A socket's `lookup` that refuses a name when any of its addresses is not public, and connects to the very addresses it has checked:
 * a name that changes between check and use (DNS rebinding) gains nothing.
 * @param refusal makes the error of the caller's vocabulary
 */
export const guardedLookup =
  (refusal: (message: string) => Error, resolve: Resolve = systemLookup): LookupFunction =>
  (hostname, options, done) => {
    resolve(hostname, { all: true, hints: options.hints }, (error, addresses) => {
      const refuse = (why: string) => done(refusal(`${hostname} ${why}.`), "");
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

export interface Dialling {
  host: string;
  port: number;
  /** The system's resolver when unset. */
  lookup?: LookupFunction;
  /** http://user:password@host:port of a proxy that knows CONNECT (RFC 9110 section 9.3.6); it resolves the name then. */
  proxy?: string;
  /** Milliseconds until the connection must stand. */
  timeout: number;
  signal?: AbortSignal;
}

/** A TCP connection without Nagle's delay, direct or through a proxy. @throws Error of the system, of `lookup`, or saying what the proxy answered. */
export function dial(to: Dialling): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const { host, port, lookup, proxy, timeout, signal } = to;
    signal?.throwIfAborted();
    const patience = setTimeout(() => fail(Object.assign(new Error(`no connection within ${timeout} ms`), { code: "ETIMEDOUT" })), timeout);
    const leave = () => fail(signal!.reason as Error);
    signal?.addEventListener("abort", leave, { once: true });
    const over = () => {
      clearTimeout(patience);
      signal?.removeEventListener("abort", leave);
    };
    let close = () => {};
    const fail = (error: Error) => {
      over();
      close();
      reject(error);
    };
    const done = (socket: Socket) => {
      over();
      socket.off("error", fail);
      // Request and answer take turns in most protocols: held back by Nagle, SFTP is eight times slower.
      socket.setNoDelay(true).setKeepAlive(true, 30_000);
      resolve(socket);
    };
    if (!proxy) {
      const socket = connect({ host, port, ...(lookup && { lookup }) });
      close = () => socket.destroy();
      socket.once("error", fail).once("connect", () => done(socket));
      return;
    }
    const { hostname, port: proxyPort, username, password } = new URL(proxy);
    const authorization = `Basic ${Buffer.from(`${decodeURIComponent(username)}:${decodeURIComponent(password)}`).toString("base64")}`;
    const path = `${host.includes(":") ? `[${host}]` : host}:${port}`;
    const asking = request({
      host: hostname,
      port: Number(proxyPort) || 80,
      method: "CONNECT",
      path,
      headers: { Host: path, ...(username && { "Proxy-Authorization": authorization }) },
    });
    close = () => asking.destroy();
    asking.once("error", fail).once("connect", ({ statusCode }, socket: Socket, head: Buffer) => {
      if (statusCode !== 200) {
        socket.destroy();
        return fail(new Error(`the proxy answered ${statusCode} for ${path}`));
      }
      if (head.length) socket.unshift(head);
      done(socket);
    });
    asking.end();
  });
}
