import { describe, expect, it } from "@jest/globals";
import { errors } from "../../config/errors.ts";
import { link, payerPage, shopUrl, shownToPayer } from "./payerpage.ts";

describe("what a payer who comes back sees", () => {
  const warned: unknown[] = [];
  const log = { warn: (...words: unknown[]) => void warned.push(...words) };
  const html = ({ base64 }: { base64: string }) => Buffer.from(base64, "base64").toString();

  it("is what PayPal says, or what is known here when it can't be asked", async () => {
    expect(await shownToPayer("known", Promise.resolve("asked"), log)).toBe("asked");
    expect(warned).toEqual([]);
    expect(await shownToPayer("known", Promise.reject(errors.unavailable("The account is gone.")), log)).toBe("known");
    expect(warned.join()).toContain("The account is gone.");
  });

  it("is a page that browsers may follow to the shop, in which nothing of a shop's is markup", () => {
    const shop = shopUrl({ returnUrl: 'https://shop.example/?a="' }, false, { paymentId: "7" });
    const page = payerPage({
      title: "<1 EUR>",
      lines: ["Plan <b>", false, null, link("https://pay.example/?x&y", "Pay")],
      shop,
      again: true,
    });
    expect(page).toMatchObject({ mediaType: "text/html; charset=utf-8", ownPage: true });
    expect(html(page)).toContain("<title>&#60;1 EUR&#62;</title>");
    expect(html(page)).toContain("<p>Plan &#60;b&#62;</p>");
    expect(html(page)).toContain('<a href="https://pay.example/?x&#38;y">Pay</a>');
    expect(html(page)).toContain('content="0;url=https://shop.example/?a=%22&#38;paymentId=7"');
    expect(html(page)).not.toContain('content="3"');
  });

  it("goes to the page for cancelled payers only when there is one, and to none when the shop named none", () => {
    const named = { returnUrl: "https://shop.example/done", cancelUrl: "https://shop.example/basket" };
    expect(shopUrl(named, true, {})).toBe("https://shop.example/basket");
    expect(shopUrl(named, false, {})).toBe("https://shop.example/done");
    expect(shopUrl({ returnUrl: named.returnUrl, cancelUrl: null }, true, {})).toBe("https://shop.example/done");
    expect(shopUrl({}, false, {})).toBeNull();
  });
});
