import { errors } from "../../../../config/errors.ts";

/** An object as a listing shows it. */
export interface Listed {
  key: string;
  size: number;
  modified: Date | undefined;
  etag: string | undefined;
}

/** Keys may hold characters that XML can't, so they are asked for percent-encoded. */
export const keyOf = (encoded: string | undefined): string => decodeURIComponent((encoded ?? "").replaceAll("+", " "));

/** Where the next page begins. @throws SOURCE_ITEM_UNSUPPORTED when that is where this one did: it would never end */
export function onward(uri: string, from: string | undefined, next: string | undefined): string | undefined {
  if (next !== undefined && next === from) throw errors.sourceUnsupported(`${uri} lists the same page again and again.`);
  return next;
}
