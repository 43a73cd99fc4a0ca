const named: Record<string, string> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'", nbsp: " " };
const unescape = (text: string) => text.replace(/&(amp|lt|gt|quot|apos|nbsp);/g, (_, name: string) => named[name]!);

/** Elements whose content nobody reads. */
const silent = /^<(script|style|template)[\s>/]/;

/** The words of a page without tags, comments and scripts. One pass, whatever is left unclosed: patterns with look-ahead are quadratic there. */
export function textOfPage(html: string): string {
  const lower = html.toLowerCase();
  const parts: string[] = [];
  let at = 0;
  while (at < html.length) {
    const open = html.indexOf("<", at);
    if (open < 0) break;
    parts.push(html.slice(at, open));
    const element = silent.exec(lower.slice(open, open + 12))?.[1];
    const end = lower.startsWith("<!--", open) ? "-->" : element ? `</${element}` : ">";
    const close = lower.indexOf(end, open + 1);
    if (close < 0) return unescape(parts.join(" "));
    at = element ? close : close + end.length;
  }
  parts.push(html.slice(at));
  return unescape(parts.join(" "));
}

/** The title of a page as it stands, "" when it has none. */
export const titleOfPage = (head: string): string => unescape(/<title[^>]*>([^<]*)</i.exec(head)?.[1] ?? "");
