/** An element of an XML document: a name with its prefix, attributes, and text or children; children that are null are left out. */
export interface Element {
  name: string;
  attributes: Record<string, string>;
  content: string | (Element | null)[];
}

export const element = (name: string, content: Element["content"], attributes: Record<string, string> = {}): Element => ({
  name,
  attributes,
  content,
});

/** The same, but null where there is nothing to say: EN 16931 wants no empty elements. */
export const optional = (name: string, text: string | null | undefined, attributes: Record<string, string> = {}): Element | null =>
  text ? element(name, text, attributes) : null;

/** What XML 1.0 has no place for: control characters, halves of surrogate pairs, U+FFFE and U+FFFF. */
const forbidden = /[\uFFFE\uFFFF]|(?![\t\n\r])\p{Cc}/gu;
const entities: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&apos;", "\r": "&#13;" };
const escape = (text: string) =>
  text
    .toWellFormed()
    .replace(forbidden, "\uFFFD")
    .replace(/[&<>"'\r]/g, (character) => entities[character]!);

/** The document, indented by two spaces. */
export const document = (root: Element): string => `<?xml version="1.0" encoding="UTF-8"?>\n${write(root, "")}\n`;

function write({ name, attributes, content }: Element, indent: string): string {
  const head = [name, ...Object.entries(attributes).map(([key, value]) => `${key}="${escape(value)}"`)].join(" ");
  if (typeof content === "string") return `${indent}<${head}>${escape(content)}</${name}>`;
  const children = content.flatMap((child) => (child ? [write(child, `${indent}  `)] : []));
  return `${indent}<${head}>\n${children.join("\n")}\n${indent}</${name}>`;
}
