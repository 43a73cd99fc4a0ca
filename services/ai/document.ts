import { languageOf } from "./text.ts";

export interface DocumentFacts {
  pages: number;
  title: string | null;
  author: string | null;
  /** The program that wrote the file. */
  producer: string | null;
  createdAt: string | null;
  language: string;
  /** Beginning of the text, white space folded; "" when the pages are pictures. */
  sample: string;
}

const PAGES_READ = 10;
const SAMPLE = 2000;

/** Reads a PDF's properties and the text of its first pages. */
export async function readPdf(bytes: Uint8Array): Promise<{ document: DocumentFacts | null; problem: string | null }> {
  const { getDocumentProxy, getMeta } = await import("unpdf");
  let pdf: Awaited<ReturnType<typeof getDocumentProxy>>;
  try {
    // pdf.js takes the buffer over, so it gets a copy.
    pdf = await getDocumentProxy(new Uint8Array(bytes), { stopAtErrors: false, verbosity: 0 });
  } catch (error) {
    const needsPassword = error instanceof Error && error.name === "PasswordException";
    return {
      document: null,
      problem: needsPassword ? "The PDF opens with a password only." : "The PDF is damaged: its structure cannot be read.",
    };
  }
  try {
    const { info } = (await getMeta(pdf)) as { info: Record<string, unknown> };
    const sample = await textOf(pdf);
    const document = {
      pages: pdf.numPages,
      title: line(info["Title"]),
      author: line(info["Author"]),
      producer: line(info["Producer"]),
      createdAt: timeOf(info["CreationDate"]),
      language: await languageOf(sample),
      sample,
    };
    return { document, problem: null };
  } catch {
    return { document: null, problem: "The PDF is damaged: its pages cannot be read." };
  } finally {
    await pdf.loadingTask.destroy();
  }
}

async function textOf(pdf: { numPages: number; getPage: (n: number) => Promise<Page> }): Promise<string> {
  let text = "";
  for (let number = 1; number <= Math.min(pdf.numPages, PAGES_READ) && text.length < SAMPLE; number++) {
    const page = await pdf.getPage(number);
    const { items } = await page.getTextContent();
    text += items.map((item) => ("str" in item ? item.str + (item.hasEOL ? "\n" : "") : "")).join("") + "\n";
    page.cleanup();
  }
  return fold(text).slice(0, SAMPLE);
}

interface Page {
  /** Items without `str` mark where structure begins and ends. */
  getTextContent: () => Promise<{ items: ({ str: string; hasEOL: boolean } | { type: string })[] }>;
  cleanup: () => unknown;
}

// jsonb refuses NUL, which broken fonts do produce.
const fold = (text: string) => text.replace(/[\s\0]+/g, " ").trim();
const line = (value: unknown): string | null => (typeof value === "string" ? fold(value).slice(0, 200) || null : null);

/** PDF 32000-1 7.9.4: D:YYYYMMDDHHmmSS with an offset or Z. */
function timeOf(value: unknown): string | null {
  const match = /^(?:D:)?(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)?(?:Z|([+-])(\d\d)'?(\d\d)?'?)?/.exec(typeof value === "string" ? value : "");
  if (!match) return null;
  const [, year, month, day, hour, minute, second = "00", sign, hours, minutes = "00"] = match;
  const time = new Date(`${year}-${month}-${day}T${hour}:${minute}:${second}${sign ? `${sign}${hours}:${minutes}` : "Z"}`);
  return Number.isNaN(time.getTime()) ? null : time.toISOString();
}
