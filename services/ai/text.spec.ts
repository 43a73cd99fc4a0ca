import { describe, expect, test } from "@jest/globals";
import { sample } from "../../test/samples.ts";
import { identify } from "./identify.ts";
import { readText } from "./text.ts";

async function facts(path: string, bytes?: Uint8Array) {
  const content = bytes ?? (await sample(path));
  const { encoding, mediaType } = await identify(content, path);
  return readText(content, encoding!, mediaType);
}

describe("readText", () => {
  test.each([
    ["texts/english.txt", "en", 62],
    ["texts/deutsch.txt", "de", 57],
    ["texts/français.txt", "fr", 58],
    ["texts/русский текст.txt", "ru", 45],
    ["texts/日本語.txt", "ja", 71],
    ["texts/latin-1.txt", "de", 21],
    ["texts/windows utf-16.txt", "en", 32],
  ])("%s is written in %s", async (path, language, words) => {
    expect(await facts(path)).toMatchObject({ language, words });
  });

  test("does not guess the language of a few letters", async () => {
    expect(await facts("note.txt", Buffer.from("hello world"))).toMatchObject({ language: "unknown", lines: 1, words: 2 });
  });

  test("finds title, subject and size of notes", async () => {
    expect(await facts("documents/meeting notes.md")).toEqual({
      encoding: "utf-8",
      lines: 18,
      words: 88,
      language: "en",
      title: "Notes of the meeting on storage",
      keywords: ["photographs", "storage", "kept", "invoices"],
      truncated: false,
    });
  });

  test("reads the words of a page, not its markup or scripts", async () => {
    const page = await facts("documents/handbook.html");
    expect(page).toMatchObject({ title: "Handbook for new colleagues", language: "en" });
    expect(page.keywords).not.toContain("console");
    expect((await facts("a.html", Buffer.from("<p>A &amp; B<script>var c</script></p>"))).words).toBe(2);
  });

  test("a page that closes nothing is read in one pass", async () => {
    const began = performance.now();
    const page = await facts("a.html", Buffer.from("<html>" + "word <script ".repeat(300_000)));
    expect(page.words).toBe(1);
    expect(performance.now() - began).toBeLessThan(2000);
  });

  test("code and data have lines, but no language", async () => {
    expect(await facts("code/primes.py")).toMatchObject({ lines: 15, language: null, keywords: [] });
    expect(await facts("data/customers.csv")).toMatchObject({ lines: 7, language: null, title: null });
  });

  test("counts the line ends of every system", async () => {
    expect((await facts("a.txt", Buffer.from("a\r\nb\rc\nd"))).lines).toBe(4);
  });
});
