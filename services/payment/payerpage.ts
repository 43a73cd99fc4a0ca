import { createHash } from "node:crypto";
import type { Binary } from "../../config/action.ts";
import { messageOf } from "../../config/errors.ts";

export const escape = (text: string) => text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);

/** Where the shop wants a payer who comes back from PayPal, with more in its query; null when it named no place. */
export function shopUrl(
  named: { returnUrl?: string | null; cancelUrl?: string | null },
  cancelled: boolean,
  query: Record<string, string>,
): string | null {
  const chosen = (cancelled && named.cancelUrl) || named.returnUrl;
  if (!chosen) return null;
  const url = new URL(chosen);
  for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
  return url.href;
}

interface PayerPage {
  /** Plain text. */
  title: string;
  /** Plain texts, or links made by `link`; what is empty is left out. */
  lines: (string | Link | false | null | undefined)[];
  /** Where the browser goes by itself. */
  shop: string | null;
  /** Whether to look again in a moment, where there is no shop. */
  again: boolean;
}

interface Link {
  html: string;
}
export const link = (href: string, text: string): Link => ({ html: `<a href="${escape(href)}">${escape(text)}</a>` });

/** What comes by itself after the page. */
function next({ shop, again }: PayerPage): string {
  if (shop) return `<meta http-equiv="refresh" content="0;url=${escape(shop)}">`;
  return again ? `<meta http-equiv="refresh" content="3">` : "";
}

/** The page for a payer who comes back: how things stand, and the way on. Its address holds an id of PayPal's, so it sends no referrer. */
export function payerPage(page: PayerPage): Binary {
  const lines = [...page.lines, page.shop && link(page.shop, "Back to the shop")].map((line) =>
    line ? `<p>${typeof line === "string" ? escape(line) : line.html}</p>` : "",
  );
  const title = escape(page.title);
  const html = `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><meta name="referrer" content="no-referrer">
${next(page)}<title>${title}</title><h1>${title}</h1>${lines.join("")}</html>`;
  const etag = createHash("sha256").update(html).digest("base64url");
  return { mediaType: "text/html; charset=utf-8", base64: Buffer.from(html).toString("base64"), etag, ownPage: true };
}

/**
 * What is to be shown to a payer: what PayPal says now, or what is known here when it can't be asked. A payer is no part of our trouble, and
 * the sweeper goes on.
 */
export async function shownToPayer<T>(known: T, asked: Promise<T>, log: { warn(...words: unknown[]): void }): Promise<T> {
  try {
    return await asked;
  } catch (error) {
    log.warn(`A payer who came back was shown what was known: ${messageOf(error)}`);
    return known;
  }
}
