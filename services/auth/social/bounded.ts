import type { CustomFetch } from "openid-client";

/** No provider needs more for an answer: milliseconds with its body, and bytes. */
const usual = { limitMs: 10_000, most: 1 << 20 };

/** fetch for answers of a provider: followed nowhere, given up in time, and never read beyond what is sensible. */
export const boundedFetch =
  ({ limitMs, most } = usual): CustomFetch =>
  async (url, { signal, ...options }) => {
    const limit = AbortSignal.timeout(limitMs);
    const either = signal ? AbortSignal.any([signal, limit]) : limit;
    const response = await fetch(url, { ...(options as RequestInit), redirect: "manual", signal: either });
    const { status, statusText, headers } = response;
    return new Response(await bodyOf(response, most), { status, statusText, headers });
  };

async function bodyOf({ body }: Response, most: number): Promise<Buffer<ArrayBuffer> | null> {
  if (!body) return null;
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const part of body as unknown as AsyncIterable<Uint8Array>) {
    length += part.length;
    // Leaving the loop cancels the rest.
    if (length > most) throw new TypeError(`more than ${most} bytes came`);
    parts.push(part);
  }
  return Buffer.concat(parts);
}
