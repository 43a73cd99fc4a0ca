import { describe, expect, it } from "@jest/globals";
import { errors } from "../../config/errors.ts";
import { pageAnswer, shownToPayer } from "./landing.ts";

describe("what a payer who comes back sees", () => {
  const warned: unknown[] = [];
  const log = { warn: (...words: unknown[]) => void warned.push(...words) };

  it("is what PayPal says, or what is known here when it can't be asked", async () => {
    expect(await shownToPayer("known", Promise.resolve("asked"), log)).toBe("asked");
    expect(warned).toEqual([]);
    expect(await shownToPayer("known", Promise.reject(errors.unavailable("The account is gone.")), log)).toBe("known");
    expect(warned.join()).toContain("The account is gone.");
  });

  it("is a page that browsers may follow to the shop, with an ETag of its content", () => {
    const page = pageAnswer("<p>ż</p>");
    expect(Buffer.from(page.base64, "base64").toString()).toBe("<p>ż</p>");
    expect(page).toMatchObject({ mediaType: "text/html; charset=utf-8", ownPage: true });
    expect(pageAnswer("<p>z</p>").etag).not.toBe(page.etag);
  });
});
