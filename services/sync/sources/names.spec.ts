import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { bytesOf, nameOfBytes, nameOfText } from "./names.ts";

describe("File names", () => {
  it.each([
    [Buffer.from("plain.txt"), "plain.txt"],
    [Buffer.from("100%.txt"), "100%.txt"],
    [Buffer.from("50%2"), "50%2"],
    [Buffer.from("a%FF"), "a%25FF"],
    [Buffer.from("a%25"), "a%2525"],
    [Buffer.from("Grüße 😀"), "Grüße 😀"],
    [Buffer.from("caf\xe9.txt", "latin1"), "caf%E9.txt"],
    [Buffer.from("%25\xff", "latin1"), "%2525%FF"],
    // An overlong slash and a lone surrogate are not UTF-8.
    [Buffer.from([0xc0, 0xaf]), "%C0%AF"],
    [Buffer.from([0xed, 0xa0, 0x80]), "%ED%A0%80"],
    [Buffer.from("\uFEFFmark"), "\uFEFFmark"],
  ])("%j is kept as %j", (bytes, name) => {
    expect(nameOfBytes(bytes)).toBe(name);
    expect(bytesOf(name).equals(bytes)).toBe(true);
  });

  it("lead back to their bytes, whatever those are, and so never share a path", () => {
    const tricky = fc.oneof(
      fc.uint8Array(),
      fc.array(fc.constantFrom(0x25, 0x32, 0x35, 0x46, 0x80, 0xff, 0xc3, 0xa9)).map((bytes) => Uint8Array.from(bytes)),
    );
    fc.assert(
      fc.property(tricky, (bytes) => {
        const name = nameOfBytes(bytes);
        expect(bytesOf(name).equals(Buffer.from(bytes))).toBe(true);
        expect(name.isWellFormed()).toBe(true);
      }),
      { numRuns: 500 },
    );
  });

  it("of valid UTF-8 are kept the same by both readers", () => {
    fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => expect(nameOfText(text)).toBe(nameOfBytes(Buffer.from(text)))));
  });
});
