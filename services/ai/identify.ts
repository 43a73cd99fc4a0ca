import { decode, encodingOf, type Encoding } from "./encoding.ts";
import { sameExtension, textKind, usualExtension } from "./kinds.ts";

export interface Identity {
  mediaType: string;
  /** The content's own usual extension, "" when it has none. */
  extension: string;
  /** Whether the name's extension agrees with the content; null when the name has none or promises nothing we know. */
  extensionMatches: boolean | null;
  /** Set for text, null for binary content and for nothing at all. */
  encoding: Encoding | null;
}

/** Where the first element, a shebang and the like must stand. */
const HEAD = 8 * 1024;

/** Lower-case extension of a file name without the dot, "" when there is none. Dockerfile and Makefile count as their own. */
export function extensionOf(name: string): string {
  const base = name.slice(Math.max(name.lastIndexOf("/"), name.lastIndexOf("\\")) + 1).toLowerCase();
  if (base === "dockerfile" || base === "makefile") return base;
  const dot = base.lastIndexOf(".");
  return dot > 0 && dot < base.length - 1 ? base.slice(dot + 1) : "";
}

/**
 * What a content is, by its bytes first; among texts, which look alike, the name's extension decides.
 * @param whole false when `bytes` is only the head of the content.
 */
export async function identify(bytes: Uint8Array, name: string, whole = true): Promise<Identity> {
  const claimed = extensionOf(name);
  if (bytes.length === 0) return { mediaType: "application/x-empty", extension: "", extensionMatches: null, encoding: null };
  const encoding = encodingOf(bytes, whole);
  const signature = await bySignature(bytes);
  if (encoding && !(signature && mayBeText(signature.mediaType))) return asText(bytes, encoding, claimed, whole);
  if (signature?.mediaType === "application/xml") return asText(bytes, encoding ?? "utf-8", claimed, whole);
  if (!signature) return { mediaType: "application/octet-stream", extension: "", extensionMatches: binaryMatches(claimed), encoding };
  return {
    ...signature,
    extensionMatches: claimed ? sameExtension(claimed, signature.extension) : null,
    encoding: readable(signature) ? encoding : null,
  };
}

async function bySignature(bytes: Uint8Array): Promise<{ mediaType: string; extension: string } | undefined> {
  const { fileTypeFromBuffer } = await import("file-type");
  try {
    const found = await fileTypeFromBuffer(bytes);
    // "tar.gz" is answered for a packed tar; a name's extension is its last part alone.
    return found && { mediaType: found.mime, extension: found.ext.slice(found.ext.lastIndexOf(".") + 1) };
  } catch {
    // A container whose inner lengths lie ends the detector's reading beyond the end: unknown, not a failure.
    return undefined;
  }
}

/** Signatures of two or three letters ("BM", "MZ") also begin ordinary words; only these kinds are believed of readable text. */
const mayBeText = (mediaType: string) => /^(text\/|application\/(pdf|rtf|xml|postscript|eps|pgp|x-mspublisher))/.test(mediaType);

/** A PDF may happen to hold no control character; it is read by its own structure all the same. */
const readable = (signature: { mediaType: string }) => signature.mediaType !== "application/pdf";

/** Nothing recognised the bytes: a name that promises text, or a picture, is not honest; other names promise nothing we know. */
const binaryMatches = (claimed: string): boolean | null =>
  textKind(claimed) || /^(jpe?g|png|gif|webp|tiff?|pdf|zip|mp3|mp4|wav|docx|xlsx|pptx)$/.test(claimed) ? false : null;

function asText(bytes: Uint8Array, encoding: Encoding, claimed: string, whole: boolean): Identity {
  const head = decode(bytes.subarray(0, HEAD), encoding);
  const markup = markupOf(head);
  const promised = textKind(claimed);
  if (markup === "image/svg+xml")
    return { mediaType: markup, extension: "svg", extensionMatches: claimed ? claimed === "svg" : null, encoding };
  const mediaType = promised?.mediaType ?? markup ?? shebangOf(head) ?? (whole ? jsonOf(bytes, encoding) : undefined) ?? "text/plain";
  const extension = promised ? claimed : usualExtension(mediaType);
  // A name without a text extension promises something else (".jpg") or nothing known (".xyz"): only the first is a lie.
  const extensionMatches = promised ? true : claimed ? binaryMatches(claimed) : null;
  return { mediaType, extension, extensionMatches, encoding };
}

/** HTML, SVG or other XML by the first element, past declaration, comments and document type. */
function markupOf(head: string): string | undefined {
  const root =
    /^\s*(?:<\?xml[^>]*\?>\s*|<!--[\s\S]*?-->\s*|<!doctype\s+(?<type>[\w:]+)[^[>]*(?:\[[\s\S]*?\])?[^>]*>\s*)*<(?<name>[\w:-]+)/i.exec(
      head,
    );
  const name = root?.groups?.["name"]?.toLowerCase();
  if (!name) return undefined;
  if (name === "svg" || name === "svg:svg") return "image/svg+xml";
  if (name === "html" || root?.groups?.["type"]?.toLowerCase() === "html") return "text/html";
  return /^\s*<\?xml/.test(head) ? "application/xml" : undefined;
}

function shebangOf(head: string): string | undefined {
  const program = /^#!\s*\S*?(?:\/env\s+(?:-S\s+)?)?(?<name>[a-z]+)[\d.]*(?:\s|$)/.exec(head)?.groups?.["name"];
  if (!program) return undefined;
  return textKind({ python: "py", node: "js", ruby: "rb", perl: "pl", php: "php", lua: "lua" }[program] ?? "sh")?.mediaType;
}

const JSON_LIMIT = 4 * 1024 * 1024;

function jsonOf(bytes: Uint8Array, encoding: Encoding): string | undefined {
  if (bytes.length > JSON_LIMIT) return undefined;
  const text = decode(bytes, encoding).trim();
  if (!/^[{[]/.test(text)) return undefined;
  if (isJson(text)) return "application/json";
  const lines = text.split("\n").slice(0, 20);
  return lines.length > 1 && lines.every((line) => /^\s*[{[]/.test(line) && isJson(line)) ? "application/x-ndjson" : undefined;
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
