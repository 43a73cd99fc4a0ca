import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { comparePaths } from "./order.ts";

describe("The order of paths", () => {
  it("is that of their UTF-8 bytes", () => {
    const text = fc.oneof(
      fc.string({ unit: "binary" }),
      fc.string({ unit: fc.constantFrom("a", "/", "\uE000", "\uFFFD", "\u{10000}", "\u{1F600}", "\u{10FFFF}", "\uD7FF") }),
    );
    fc.assert(
      fc.property(text, text, (a, b) => {
        expect(Math.sign(comparePaths(a, b))).toBe(Buffer.compare(Buffer.from(a), Buffer.from(b)));
      }),
      { numRuns: 500 },
    );
  });
});
