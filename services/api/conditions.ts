import type { IncomingHttpHeaders } from "node:http";

/** A strong entity tag of RFC 9110, whether or not the quotes are there already. */
export const quoted = (etag: string): string => (/^(W\/)?".*"$/.test(etag) ? etag : `"${etag}"`);

/**
 * Whether a GET may be answered with 304 (RFC 9110, 13.2.2): If-None-Match decides where it is sent, else If-Modified-Since.
 * @param modified of the representation, if known
 */
export function isUnchanged(headers: IncomingHttpHeaders, etag: string, modified: Date | undefined): boolean {
  const tags = headers["if-none-match"];
  if (tags !== undefined) return tags.trim() === "*" || tags.split(",").some((tag) => weak(tag) === weak(etag));
  const since = Date.parse(headers["if-modified-since"] ?? "");
  return modified !== undefined && seconds(modified) * 1000 <= since;
}

/** Whether a Range header counts (RFC 9110, 13.1.5): If-Range must name this very representation. */
export function rangeCounts(ifRange: string | undefined, etag: string, modified: Date | undefined): boolean {
  if (ifRange === undefined) return true;
  const given = ifRange.trim();
  if (given.startsWith('"')) return given === etag;
  return modified !== undefined && Date.parse(given) === seconds(modified) * 1000;
}

const weak = (tag: string) => tag.trim().replace(/^W\//, "");
/** HTTP dates have no fractions. */
const seconds = (date: Date) => Math.floor(date.getTime() / 1000);
