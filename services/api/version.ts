import { errors } from "../../config/errors.ts";

/** Versions of the API by the name they have in paths and media types. */
const known = ["v1"] as const;
const vendor = /application\/vnd\.legendo\.(v\d+)\+json/i;

export interface Versioned {
  /** URL to route by, version included. */
  url: string;
  /** Media type to answer with, when the client named its version there. */
  vendorType?: string;
}

/**
 * Finds the version of a request: in the path (/api/v1/…) or in the Accept header (/api/… with application/vnd.legendo.v1+json; without, the oldest one).
 * @throws VERSION_NOT_KNOWN when the header names a version that is not there, or another one than the path
 */
export function versioned(url: string, accept: string | undefined): Versioned {
  const [, rest] = /^\/api(\/.*)$/.exec(url) ?? [];
  if (rest === undefined) return { url };
  const [vendorType, asked] = vendor.exec(accept ?? "") ?? [];
  const [, inPath] = /^\/(v\d+)(?:[/?]|$)/.exec(rest) ?? [];
  if (asked && (!isKnown(asked) || (inPath && inPath !== asked))) {
    const names = known.map((version) => `application/vnd.legendo.${version}+json`);
    const clash = inPath && isKnown(asked) ? `the path says ${inPath}, the Accept header ${asked}` : `version ${asked} was asked for`;
    throw errors.versionNotKnown(`Known versions: ${names.join(", ")}; ${clash}.`, { known: names });
  }
  return { url: inPath ? url : `/api/${asked ?? known[0]}${rest}`, ...(vendorType ? { vendorType: vendorType.toLowerCase() } : {}) };
}

const isKnown = (version: string) => (known as readonly string[]).includes(version);
