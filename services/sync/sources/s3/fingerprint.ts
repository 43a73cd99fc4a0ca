/** Whole seconds: a listing may give milliseconds where the object's own header can't. */
export const fingerprintOf = (size: number, modified: Date | undefined, etag: string | undefined): string =>
  [size.toString(36), Math.floor((modified?.getTime() ?? 0) / 1000).toString(36), (etag ?? "").replaceAll('"', "")].join(".");

/** An ETag that is made of the content: its MD5, or that of its parts' MD5s with their number. Other ones say nothing of it. */
const ofContent = /^[0-9a-f]{32}(-\d+)?$/;

/** Size and ETag; the time between them changes when an object is copied over itself. */
export function tagOf(fingerprint: string): string | null {
  const [size, , etag = ""] = fingerprint.split(".");
  return ofContent.test(etag) ? `${size}.${etag}` : null;
}
