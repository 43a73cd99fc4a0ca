import { describe, expect, test } from "@jest/globals";
import { sample } from "../../test/samples.ts";
import { readPdf } from "./document.ts";

describe("readPdf", () => {
  test("reads pages, properties and text", async () => {
    const { document, problem } = await readPdf(await sample("documents/invoice 2024-0017.pdf"));
    expect(problem).toBeNull();
    expect(document).toMatchObject({
      pages: 2,
      title: "Invoice 2024-0017",
      author: "Nordlicht Logistics GmbH",
      producer: "written by hand",
      createdAt: "2024-10-17T09:00:00.000Z",
      language: "en",
    });
    expect(document?.sample).toContain("Total 741.37 EUR");
  });

  test("reads umlauts and their language", async () => {
    expect((await readPdf(await sample("documents/Übersicht Lieferanten.pdf"))).document).toMatchObject({
      pages: 1,
      title: "Übersicht der Lieferanten",
      language: "de",
    });
  });

  test("leaves the caller's bytes as they were", async () => {
    const bytes = await sample("documents/invoice 2024-0017.pdf");
    await readPdf(bytes);
    expect(bytes.length).toBeGreaterThan(1000);
  });

  test("a PDF without its inside gives a problem, not an exception", async () => {
    expect(await readPdf(Buffer.from("%PDF-1.4\nnothing follows"))).toEqual({
      document: null,
      problem: "The PDF is damaged: its structure cannot be read.",
    });
  });
});
