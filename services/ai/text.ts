import { decode, type Encoding } from "./encoding.ts";
import { textOfPage, titleOfPage } from "./html.ts";
import { topWords, wordsOf } from "./keywords.ts";
import { familyOf } from "./kinds.ts";

/** Bytes of a text that are looked at; the counts of a longer one are of this head. */
export const TEXT_LIMIT = 8 * 1024 * 1024;
const LANGUAGE_SAMPLE = 4000;
const LEAST_LETTERS = 20;

export interface TextFacts {
  encoding: Encoding;
  lines: number;
  words: number;
  /** ISO 639-1, "unknown" for texts too short or too mixed to tell; null for code and data, which have none. */
  language: string | null;
  title: string | null;
  keywords: string[];
  /** True when only the head was read. */
  truncated: boolean;
}

/** Facts of a text file: of prose and pages the language, title and keywords too. */
export async function readText(bytes: Uint8Array, encoding: Encoding, mediaType: string): Promise<TextFacts> {
  const truncated = bytes.length > TEXT_LIMIT;
  const source = decode(truncated ? bytes.subarray(0, TEXT_LIMIT) : bytes, encoding);
  const family = familyOf(mediaType);
  const worded = family === "prose" || family === "page";
  const text = mediaType === "text/html" ? textOfPage(source) : source;
  const words = wordsOf(text);
  const language = worded ? await languageOf(text) : null;
  return {
    encoding,
    lines: linesOf(source),
    words: words.length,
    language,
    title: worded ? titleOf(source, mediaType) : null,
    keywords: worded ? topWords(words, language) : [],
    truncated,
  };
}

/** Line ends of any system; a last line without one counts. */
function linesOf(text: string): number {
  if (!text) return 0;
  const ends = text.match(/\r\n|\r|\n/g)?.length ?? 0;
  return /[\r\n]$/.test(text) ? ends : ends + 1;
}

/** ISO 639-1 code, or "unknown" below 20 letters or when the detector itself is not sure. */
export async function languageOf(text: string): Promise<string> {
  const sample = text.slice(0, LANGUAGE_SAMPLE);
  if ((sample.match(/\p{L}/gu)?.length ?? 0) < LEAST_LETTERS) return "unknown";
  const { eld } = await import("eld/medium");
  const found = eld.detect(sample);
  return found.language && found.isReliable() ? found.language : "unknown";
}

function titleOf(source: string, mediaType: string): string | null {
  const head = source.slice(0, 16_384);
  if (mediaType === "text/html") return clean(titleOfPage(head));
  const body = mediaType === "text/markdown" ? head.replace(/^---\r?\n[\s\S]*?\r?\n---\r?\n/, "") : head;
  if (mediaType === "text/markdown") return clean(/^#{1,2}\s+(.+?)\s*#*$/m.exec(body)?.[1] ?? "");
  // In plain text a title is a short first line that stands alone.
  return clean(/^\s*(\S[^\r\n]{0,99})(?:\r?\n){2,}/.exec(body)?.[1] ?? "");
}

const clean = (title: string): string | null => title.replace(/\s+/g, " ").trim().slice(0, 200) || null;
