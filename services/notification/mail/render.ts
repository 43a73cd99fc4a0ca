import type { TemplateData } from "./templates.ts";

export interface Rendered {
  subject: string;
  text: string;
  html: string;
}

/**
 * Fills a template's file in. Its first line is the subject; paragraphs follow, between blank lines: sentences, a list of lines that begin
 * with "- ", or one link as [label]({{link}}). HTML is made of the same paragraphs, so that it can't say anything else than the text.
 * @param base what the paths in `link` are below: an origin, without a slash at its end
 */
export function render(template: string, data: TemplateData, base: string): Rendered {
  const [head = "", ...rest] = template.trim().split("\n");
  const paragraphs = rest
    .join("\n")
    .trim()
    .split(/\n{2,}/);
  const fill = (text: string, wrap: (value: string) => string) =>
    text.replace(/\{\{(\w+)\}\}/g, (_, name: string) => wrap((name === "link" ? base : "") + (data[name] ?? "")));
  const asText = (text: string) => fill(text, (value) => value);
  const asHtml = (text: string) => fill(escape(text), escape);
  const subject = asText(head.replace(/^Subject: /, ""))
    .slice(0, 200)
    .toWellFormed();
  return {
    subject,
    text: `${paragraphs.map((paragraph) => asText(paragraph.replace(linkOnly, "$1:\n$2"))).join("\n\n")}\n`,
    html: page(subject, paragraphs.map((paragraph) => block(paragraph, asHtml)).join("\n")),
  };
}

const linkOnly = /^\[([^\]]+)\]\(([^)]+)\)$/;

function block(paragraph: string, asHtml: (text: string) => string): string {
  const [, label, target] = linkOnly.exec(paragraph) ?? [];
  if (label && target) return `<p><a href="${asHtml(target)}">${asHtml(label)}</a></p>`;
  const lines = paragraph.split("\n");
  if (lines.every((line) => line.startsWith("- ")))
    return `<ul>\n${lines.map((line) => `<li>${asHtml(line.slice(2))}</li>`).join("\n")}\n</ul>`;
  return `<p>${asHtml(paragraph)}</p>`;
}

const entities: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };
const escape = (text: string) => text.replace(/[&<>"']/g, (character) => entities[character]!);

/** Plain on purpose: it follows the reader's own fonts, sizes and colours, loads nothing and tracks nobody. */
const page = (subject: string, body: string) => `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${escape(subject)}</title>
</head>
<body>
<main>
${body}
</main>
</body>
</html>
`;
