/**
 * Milliseconds a Retry-After header asks for: seconds or an HTTP date (RFC 9110, 10.2.3); null when there is none that can be read.
 */
export function retryAfter(header: string | undefined, now = Date.now()): number | null {
  const text = header?.trim() ?? "";
  if (/^\d{1,10}$/.test(text)) return Number(text) * 1000;
  // Date.parse reads "-5" as a month: only what begins with a day's name is an HTTP date.
  const at = /^[A-Z][a-z]{2,8},? /.test(text) ? Date.parse(text) : NaN;
  return Number.isNaN(at) ? null : Math.max(0, at - now);
}
