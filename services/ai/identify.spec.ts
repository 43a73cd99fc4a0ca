import { describe, expect, test } from "@jest/globals";
import { sample } from "../../test/samples.ts";
import { extensionOf, identify } from "./identify.ts";

const bytes = (text: string, encoding: BufferEncoding = "utf8") => new Uint8Array(Buffer.from(text, encoding));

describe("identify", () => {
  test.each([
    ["photos/forêt.jpg", "image/jpeg", "jpg"],
    ["photos/закат над морем.webp", "image/webp", "webp"],
    ["photos/moor.avif", "image/avif", "avif"],
    ["pictures/logo.svg", "image/svg+xml", "svg"],
    ["pictures/spinner.gif", "image/gif", "gif"],
    ["documents/invoice 2024-0017.pdf", "application/pdf", "pdf"],
    ["documents/handbook.html", "text/html", "html"],
    ["documents/meeting notes.md", "text/markdown", "md"],
    ["data/customers.csv", "text/csv", "csv"],
    ["data/orders.json", "application/json", "json"],
    ["data/events.ndjson", "application/x-ndjson", "ndjson"],
    ["code/queue.ts", "text/x-typescript", "ts"],
    ["sound/chime.wav", "audio/wav", "wav"],
    ["archive/October reports.zip", "application/zip", "zip"],
    ["archive/logs.tar.gz", "application/gzip", "gz"],
  ])("%s is %s", async (path, mediaType, extension) => {
    expect(await identify(await sample(path), path)).toMatchObject({ mediaType, extension, extensionMatches: true });
  });

  test("believes the bytes, not the name", async () => {
    expect(await identify(await sample("pictures/wrong name.jpg"), "wrong name.jpg")).toMatchObject({
      mediaType: "image/png",
      extensionMatches: false,
    });
    expect(await identify(await sample("archive/October reports.zip"), "holiday.jpg")).toMatchObject({
      mediaType: "application/zip",
      extensionMatches: false,
    });
    expect(await identify(bytes("just words"), "holiday.jpg")).toMatchObject({ mediaType: "text/plain", extensionMatches: false });
    expect(await identify(Uint8Array.of(1, 2, 0, 4), "notes.txt")).toMatchObject({
      mediaType: "application/octet-stream",
      extensionMatches: false,
    });
  });

  test("accepts the other names of the same format", async () => {
    expect((await identify(await sample("photos/forêt.jpg"), "a.JPEG")).extensionMatches).toBe(true);
    expect((await identify(await sample("archive/October reports.zip"), "app.jar")).extensionMatches).toBe(true);
  });

  test.each(["BMW builds cars", "MZ is how it begins", "ID3 tags are explained here"])(
    "is not fooled by text that begins like a binary format: %s",
    async (text) => {
      expect(await identify(bytes(text), "notes")).toMatchObject({ mediaType: "text/plain", encoding: "utf-8" });
    },
  );

  test("tells text without an extension by its shape", async () => {
    expect((await identify(bytes("#!/usr/bin/env python3\nprint(1)\n"), "run")).mediaType).toBe("text/x-python");
    expect((await identify(bytes("#!/bin/sh\nls\n"), "run")).mediaType).toBe("text/x-shellscript");
    expect((await identify(bytes(' {"a": [1, 2]} '), "answer")).mediaType).toBe("application/json");
    expect((await identify(bytes("{not json}"), "answer")).mediaType).toBe("text/plain");
    expect((await identify(bytes("<!-- x -->\n<!DOCTYPE html><html></html>"), "page")).mediaType).toBe("text/html");
    expect((await identify(bytes('<?xml version="1.0"?><!-- x --><svg xmlns="http://www.w3.org/2000/svg"/>'), "drawing")).mediaType).toBe(
      "image/svg+xml",
    );
  });

  test("reads encodings", async () => {
    const encodings = await Promise.all(
      ["texts/latin-1.txt", "texts/windows utf-16.txt", "texts/日本語.txt"].map(
        async (path) => (await identify(await sample(path), path)).encoding,
      ),
    );
    expect(encodings).toEqual(["windows-1252", "utf-16le", "utf-8"]);
    expect((await identify(bytes("no mark, but every second byte is zero", "utf16le"), "a.txt")).encoding).toBe("utf-16le");
  });

  test("a head that ends inside a character is still UTF-8", async () => {
    const head = bytes("Grüße aus Köln, größer").subarray(0, -3);
    expect((await identify(bytes("Gr\u00fc\u00df").subarray(0, 5), "a.txt", false)).encoding).toBe("utf-8");
    expect((await identify(head, "a.txt", false)).encoding).toBe("utf-8");
  });

  test("nothing is empty, and promises nothing", async () => {
    expect(await identify(new Uint8Array(0), "empty.txt")).toEqual({
      mediaType: "application/x-empty",
      extension: "",
      extensionMatches: null,
      encoding: null,
    });
  });

  test("takes the extension from the last part of the name alone", () => {
    expect(["a/b.c/file", "x.TAR.GZ", ".profile", "Makefile", "ends."].map(extensionOf)).toEqual(["", "gz", "", "makefile", ""]);
  });
});
