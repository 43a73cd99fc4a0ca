import { Parser } from "htmlparser2";
import { createHash, hash } from "node:crypto";
import { timeOf } from "../source.ts";
import { httpTime } from "./facts.ts";
import type { Item } from "./entries.ts";
import type { Content } from "./folders.ts";
import { nameOfPart, resolved, seenFrom } from "./urls.ts";
import { nameOfBytes, nameOfText } from "../names.ts";

/** What an HTML page shows. */
export interface Page {
  /** As written in the page. */
  links: string[];
  /** A `base` element's. */
  base: string | undefined;
  heading: string;
  /** All other text, hashed: names, dates and sizes of an index. */
  signature: string;
}

/** Reads a page piece by piece. */
export function pageReader(): { write(bytes: Buffer): void; end(): Page } {
  const page: Page = { links: [], base: undefined, heading: "", signature: "" };
  const rest = createHash("sha256");
  let heading = 0;
  const isHeading = (tag: string) => tag === "title" || tag === "h1";
  const parser = new Parser({
    onopentag(tag, { href }) {
      if (isHeading(tag)) heading++;
      if (tag === "a" && href !== undefined) page.links.push(href);
      if (tag === "base") page.base ??= href;
    },
    ontext(text) {
      if (heading) page.heading += text;
      else rest.update(text);
    },
    onclosetag(tag) {
      if (isHeading(tag)) heading--;
    },
  });
  const decoder = new TextDecoder();
  return {
    write: (bytes) => parser.write(decoder.decode(bytes, { stream: true })),
    end() {
      parser.end();
      page.signature = rest.digest("hex");
      return page;
    },
  };
}

const indexHeading = /^\s*(index of|directory listing)\b/i;

/**
 * What an index page lists: its links to something directly below itself. Links that only sort it (?C=M) and those upwards are passed over.
 * @param strict all other links must be such, or its heading must say what it is; else it is an ordinary page
 * @returns undefined for an ordinary page
 */
export function itemsOf(page: Page, url: URL, prefix: string, strict: boolean): Item[] | undefined {
  const base = (page.base !== undefined && resolved(page.base, url)) || url;
  const items: Item[] = [];
  let above = 0;
  let others = 0;
  for (const link of page.links) {
    const to = resolved(link, base);
    const seen = to?.origin === url.origin ? seenFrom(url.pathname, to.pathname) : undefined;
    if (!to || !seen || seen.where === "elsewhere") others++;
    else if (seen.where === "above") above++;
    else if (seen.where === "child" && !to.search) items.push(itemOf(seen.part, seen.folder, prefix));
  }
  const isIndex = indexHeading.test(page.heading) || (!others && (above > 0 || items.length > 0));
  return isIndex || !strict ? items : undefined;
}

function itemOf(part: string, folder: boolean, prefix: string): Item {
  const name = nameOfPart(part);
  const ending = folder ? "/" : "";
  if (!name.includes("/")) return { name: name + ending };
  const message = `${prefix}${part} has a / in its name, which no path can hold.`;
  const hides = folder && { hides: `${prefix}${part}/` };
  return { name: part + ending, problem: { type: "SOURCE_ITEM_UNSUPPORTED", message, ...hides } };
}

interface Listed {
  name: string;
  type: "file" | "directory" | "other";
  mtime?: string;
  size?: number;
}

/**
 * What nginx lists as JSON (autoindex_format json).
 * @returns undefined for any other JSON
 */
export function jsonContent(bytes: Buffer, prefix: string): Content | undefined {
  // nginx copies names byte by byte: where one is not UTF-8, neither is the JSON.
  let text: string;
  let named = nameOfText;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    text = bytes.toString("latin1");
    named = (name) => nameOfBytes(Buffer.from(name, "latin1"));
  }
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!Array.isArray(parsed) || !parsed.every(isListed)) return undefined;
  const items = parsed.map((listed): Item => {
    const name = named(listed.name);
    if (listed.type === "directory") return { name: `${name}/` };
    if (listed.type === "other") {
      return { name, problem: { type: "SOURCE_ITEM_UNSUPPORTED", message: `${prefix}${name} is neither a file nor a folder.` } };
    }
    const modifiedAt = timeOf(httpTime(listed.mtime) ?? NaN);
    return { name, ...(listed.size !== undefined && { facts: { size: listed.size, modifiedAt, etag: "", digest: "" } }) };
  });
  return { items, signature: hash("sha256", bytes) };
}

const isListed = (one: unknown): one is Listed => {
  const { name, type, size } = (one ?? {}) as Partial<Record<keyof Listed, unknown>>;
  const isName = typeof name === "string" && !/^\.{0,2}$|\//.test(name);
  return isName && /^(file|directory|other)$/.test(String(type)) && (size === undefined || Number.isSafeInteger(size));
};
