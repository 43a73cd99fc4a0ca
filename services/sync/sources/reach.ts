import type { LookupFunction, Socket } from "node:net";
import { errors, messageOf } from "../../../config/errors.ts";
import { dial, guardedLookup, hostOf, isPrivateName } from "../../../mixins/reach.ts";
import type { ParseOptions, Spec } from "./source.ts";

/**
 * What a spec says of its network place.
 * @throws SOURCE_NOT_ALLOWED for an address of our own network that the operator has not allowed
 */
export function networkPlace(uri: URL, defaultPort: number, options: ParseOptions): Pick<Spec, "host" | "trusted" | "proxy"> {
  const host = `${uri.hostname}:${uri.port || defaultPort}`;
  if (options.privateHosts?.includes(host)) return { host, trusted: true };
  if (isPrivateName(hostOf(uri))) {
    throw errors.sourceNotAllowed(`${host} is not a public address, and it is not among the private ones that are allowed.`);
  }
  return { host, ...(options.proxy && { proxy: options.proxy }) };
}

/** Resolves the names of places that are not trusted; undefined where the system's resolver will do. */
export const lookupOf = (spec: Spec): LookupFunction | undefined =>
  spec.trusted || spec.proxy ? undefined : guardedLookup(errors.sourceNotAllowed);

/** Longest silence on a connection to a place, milliseconds. */
export const silenceOf = (spec: Spec): number => spec.silence ?? 30_000;

/** A TCP connection to a spec's host (or to another port of it). @throws SOURCE_UNREACHABLE, SOURCE_NOT_ALLOWED */
export async function connectTo(spec: Spec, signal?: AbortSignal, port?: number): Promise<Socket> {
  const at = spec.host.lastIndexOf(":");
  const host = spec.host.slice(0, at).replace(/^\[|\]$/g, "");
  const lookup = lookupOf(spec);
  try {
    return await dial({
      host,
      port: port ?? Number(spec.host.slice(at + 1)),
      timeout: Math.min(silenceOf(spec), 10_000),
      ...(lookup && { lookup }),
      ...(spec.proxy && { proxy: spec.proxy }),
      ...(signal && { signal }),
    });
  } catch (error) {
    signal?.throwIfAborted();
    if ((error as { type?: string }).type === "SOURCE_NOT_ALLOWED") throw error;
    throw errors.sourceUnreachable(`${spec.host} can't be reached: ${messageOf(error)}.`, undefined, error);
  }
}
