import { describe, expect, it } from "@jest/globals";
import { retryAfter } from "./retryafter.ts";

describe("Retry-After", () => {
  it("is read as seconds and as a date, and passed over when it is neither", () => {
    expect(retryAfter("120")).toBe(120_000);
    expect(retryAfter("Fri, 31 Dec 1999 23:59:59 GMT", Date.parse("1999-12-31T23:59:00Z"))).toBe(59_000);
    expect(retryAfter("Fri, 31 Dec 1999 23:59:59 GMT")).toBe(0);
    for (const header of [undefined, "", "soon", "-5"]) expect(retryAfter(header, 0)).toBeNull();
  });
});
