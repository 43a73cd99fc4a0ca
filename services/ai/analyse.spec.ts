import { createHash } from "node:crypto";
import { describe, expect, test } from "@jest/globals";
import { sample } from "../../test/samples.ts";
import { analyse } from "./analyse.ts";

const run = (bytes: Uint8Array, name: string, size = bytes.length) => analyse({ bytes, name, size, seconds: 10 });

describe("analyse", () => {
  test("makes one record of a photograph", async () => {
    const bytes = await sample("photos/forêt.jpg");
    const record = await run(bytes, "forêt.jpg");
    expect(record).toMatchObject({
      analyser: "basic-1",
      status: "complete",
      mediaType: "image/jpeg",
      category: "photo",
      confidence: 0.65,
      problem: null,
      metadata: {
        extension: "jpg",
        extensionMatches: true,
        sha256: createHash("sha256").update(bytes).digest("hex"),
        image: { width: 640 },
      },
      thumbnail: { width: 320, height: 240 },
    });
  });

  test("a damaged picture keeps its type and thumbnail beside the problem", async () => {
    const bytes = (await sample("photos/forêt.jpg")).slice(0, 9000);
    const record = await run(bytes, "forêt.jpg");
    expect(record).toMatchObject({
      status: "partial",
      mediaType: "image/jpeg",
      metadata: { image: { damaged: true } },
      thumbnail: { width: 320 },
    });
    expect(record.problem).toMatch(/damaged/);
  });

  test("an empty file is complete and other", async () => {
    expect(await run(new Uint8Array(0), "empty.txt")).toMatchObject({
      status: "complete",
      category: "other",
      mediaType: "application/x-empty",
    });
  });

  test("identifies a large content by its head and says so", async () => {
    const head = (await sample("sound/chime.wav")).slice(0, 4096);
    const record = await run(head, "concert.wav", 5_000_000_000);
    expect(record).toMatchObject({ status: "partial", mediaType: "audio/wav", category: "audio", metadata: { sha256: null } });
    expect(record.problem).toContain("only the first 4096 were read");
  });

  test("holds nothing that jsonb refuses, whatever the content holds", async () => {
    const title = "a".repeat(199) + "😀 and\0more";
    const record = await run(Buffer.from(`<html><title>${title}</title>${"<p>words of a page</p>".repeat(4000)}</html>`), "page.html");
    const json = JSON.stringify(record.metadata);
    expect(json).not.toMatch(/\\u0000|\\ud[89a-f]/i);
  });
});
