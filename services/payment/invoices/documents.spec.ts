import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { extractText, getDocumentProxy } from "unpdf";
import { baskets, broken, type Made } from "../../../test/baskets.ts";
import { exact, official, units, violations } from "../../../test/en16931.ts";
import type { Breakdown } from "../tax/breakdown.ts";
import { parseRate, wholeRate } from "../tax/rate.ts";
import { divide } from "../tax/rounding.ts";
import { reasons, treatmentCodes, type Treatment } from "../tax/treatment.ts";
import { ciiOf } from "./cii.ts";
import { shareOut } from "./credit.ts";
import type { Issued } from "./issued.ts";
import { renderPdf } from "./rendering.ts";

const basket: Made = {
  ...{ currency: "EUR", prices: "exclusive", rounding: { scope: "total", mode: "half-up" }, shipping: null, off: 0n },
  items: [{ unit: 3333n, quantity: 3n, rate: parseRate("19") }],
};
const usual: Breakdown = broken(basket);

const issued = (more: Partial<Issued> = {}): Issued => ({
  ...{ kind: "invoice", number: "INV-000001", issueDate: "2026-11-27", dueDate: "2026-12-11", issuedAt: new Date("2026-11-27T12:00:00Z") },
  seller: {
    ...{ name: "Łódź & Söhne GmbH", street: "Hauptstraße 1", postcode: "10115", city: "Berlin", country: "DE", vatId: "DE136695976" },
    ...{ taxNumber: null, email: "billing@example.com", phone: null, iban: "DE89370400440532013000", bic: null },
  },
  buyer: {
    ...{ name: "Zażółć <gęślą> jaźń", street: "Weg 2", postcode: "00-001", city: "Warszawa", country: "PL", vatId: null, email: null },
    reference: "PO 4711",
  },
  ...{ breakdown: usual, note: null, prepaidMinor: 0n, corrects: null },
  ...more,
});
/** The same breakdown without tax, for a reason. */
const untaxed = (treatment: Treatment): Breakdown => {
  const code = treatmentCodes[treatment];
  const bare = <T extends { netMinor: bigint }>(of: T) => ({ ...of, code, percent: "0", taxMinor: 0n, grossMinor: of.netMinor });
  return {
    ...usual,
    ...{ taxMinor: 0n, grossMinor: usual.netMinor, lines: usual.lines.map(bare) },
    groups: usual.groups.map((group) => ({ ...bare(group), reason: reasons[treatment] ?? null })),
  };
};

describe("an invoice's XML", () => {
  it("keeps the rules of EN 16931 whatever is sold, to the cent where prices are without tax and tax is rounded by rate", () => {
    fc.assert(
      fc.property(baskets, (made) => {
        const { prices, currency, items, shipping } = made;
        const byRate = made.rounding.scope === "total";
        const cents = currency === "EUR" || currency === "USD";
        const doubled = [...items, ...(shipping ? [shipping] : [])].some(({ rate }) => rate === wholeRate);
        // Rounded on each line, yen and forint are off by half of one for each: no validation takes that. A rate of 100 % is nobody's.
        const tolerance = !byRate || doubled ? units(items.length + 1) : official;
        const strict = prices === "exclusive" && byRate && made.rounding.mode === "half-up" && cents;
        expect(violations(ciiOf(issued({ breakdown: broken(made) })), strict ? exact : tolerance)).toEqual([]);
      }),
      { numRuns: 150 },
    );
  });

  it("keeps them for 3 × 33.33 with 19 %, with the tax in the price or on top of it, paid or not", () => {
    expect(violations(ciiOf(issued()), exact)).toEqual([]);
    const inclusive = broken({ ...basket, prices: "inclusive" });
    expect(violations(ciiOf(issued({ breakdown: inclusive, prepaidMinor: 9999n })), official)).toEqual([]);
    expect(ciiOf(issued())).toContain("<ram:GrandTotalAmount>118.99</ram:GrandTotalAmount>");
  });

  it.each(["reverse-charge", "exempt", "zero", "export", "outside"] as const)("keeps them and gives the reason for %s", (treatment) => {
    const { buyer } = issued();
    const xml = ciiOf(issued({ breakdown: untaxed(treatment), buyer: { ...buyer, vatId: "PL5261040828" } }));
    expect(violations(xml, exact)).toEqual([]);
    const reason = reasons[treatment];
    if (reason) expect(xml).toContain(`<ram:ExemptionReason>${reason.text}</ram:ExemptionReason>`);
  });

  it("keeps them for a seller without VAT id, and for a credit note, which names its invoice", () => {
    const { seller } = issued();
    expect(violations(ciiOf(issued({ seller: { ...seller, vatId: null, taxNumber: "30/123/45678" } })), exact)).toEqual([]);
    const credit = ciiOf(issued({ kind: "credit_note", dueDate: null, corrects: { number: "INV-000007", issueDate: "2026-11-01" } }));
    expect(violations(credit, exact)).toEqual([]);
    expect(credit).toContain("<ram:IssuerAssignedID>INV-000007</ram:IssuerAssignedID>");
  });

  it("escapes everything that people can type", () => {
    const nasty = `]]> <a b="c">&amp;</a> '\u0000\u0008\uFFFE\uD800`;
    const { seller, buyer } = issued();
    const lines = usual.lines.map((line) => ({ ...line, name: nasty, sku: nasty }));
    const xml = ciiOf(
      issued({
        note: nasty,
        seller: { ...seller, name: nasty },
        buyer: { ...buyer, name: nasty, reference: nasty },
        breakdown: { ...usual, lines },
      }),
    );
    expect(violations(xml, exact)).toEqual([]);
    expect(xml).not.toMatch(/<a |(?!\n)\p{Cc}|\uFFFE|\p{Cs}/u);
    expect(xml).toContain("]]&gt; &lt;a b=&quot;c&quot;&gt;&amp;amp;&lt;/a&gt; &apos;");
  });

  it("would be found out: the rules refuse a document with a cent too much, an element out of order, or without its reason", () => {
    const right = ciiOf(issued());
    expect(violations(right.replace("118.99</ram:GrandTotalAmount>", "119.00</ram:GrandTotalAmount>"), exact)).toContain("BR-CO-15");
    expect(violations(right.replace(/(<ram:PaymentReference>.*\n)(\s*<ram:InvoiceCurrencyCode>.*\n)/, "$2$1"), exact)).toHaveLength(1);
    const silent = ciiOf(issued({ breakdown: untaxed("exempt") })).replace(/.*<ram:ExemptionReason>.*\n/, "");
    expect(violations(silent, exact)).toHaveLength(1);
    expect(violations("<x/>", exact)).toEqual(["no CrossIndustryInvoice"]);
  });
});

describe("an invoice's PDF", () => {
  const read = async (pdf: Buffer) => await extractText(await getDocumentProxy(new Uint8Array(pdf)), { mergePages: true });

  it("says who, what and how much in letters that PDF's own fonts lack, and embeds its font", async () => {
    const pdf = await renderPdf(issued({ note: "5 € off next time" }));
    const { text, totalPages } = await read(pdf);
    expect(totalPages).toBe(1);
    for (const said of [
      "Invoice INV-000001",
      "Łódź & Söhne GmbH",
      "Zażółć <gęślą> jaźń",
      "5 € off",
      "99.99",
      "Tax 19 % on 99.99",
      "118.99",
      "PO 4711",
    ])
      expect(text).toContain(said);
    expect(pdf.includes("/FontFile2")).toBe(true);
    expect(pdf.includes("/Helvetica")).toBe(false);
  });

  it("is the same bytes for the same invoice", async () => {
    const [first, second] = await Promise.all([renderPdf(issued()), renderPdf(issued())]);
    expect(first.equals(second)).toBe(true);
    expect(first.equals(await renderPdf(issued({ number: "INV-000002" })))).toBe(false);
  });

  it("goes on over as many pages as it takes, each with its number, and shows what the font has no letter for as a box", async () => {
    const lines = Array.from({ length: 120 }, (_, index) => ({
      ...usual.lines[0]!,
      name: `Position ${index + 1} 日本語 🧾\n${"long ".repeat(20)}`,
    }));
    const { text, totalPages } = await read(await renderPdf(issued({ breakdown: { ...usual, lines } })));
    expect(totalPages).toBeGreaterThan(4);
    expect(text).toContain("Position 120");
    expect(text).toContain(`page ${totalPages} of ${totalPages}`);
    expect(text.match(/Description/g)).toHaveLength(totalPages);
  });

  it("names the reason why nothing is charged, what was paid, and a credit note's invoice", async () => {
    const paid = { breakdown: untaxed("reverse-charge"), prepaidMinor: 9999n };
    const { text } = await read(await renderPdf(issued(paid)));
    expect(text).toContain("Reverse charge: the recipient is liable for the VAT.");
    expect(text).toContain("Due EUR");
    const credit = await read(
      await renderPdf(issued({ kind: "credit_note", dueDate: null, corrects: { number: "INV-000007", issueDate: "2026-11-01" } })),
    );
    expect(credit.text).toContain("INV-000007 of 2026-11-01");
  });
});

describe("credit notes", () => {
  it("take back exactly the invoice in any number of parts, of each rate and of tax and net, never more", () => {
    fc.assert(
      fc.property(baskets, fc.array(fc.integer({ min: 1, max: 999 }), { maxLength: 6 }), (made, parts) => {
        const { groups, grossMinor } = broken(made);
        let left = groups;
        const take = (amount: bigint) => {
          const taken = shareOut(amount, left);
          expect(taken.reduce((sum, group) => sum + group.grossMinor, 0n)).toBe(amount);
          left = left.map((group) => {
            const share = taken.find(({ code, percent }) => code === group.code && percent === group.percent);
            if (!share) return group;
            const rest = (name: "netMinor" | "taxMinor" | "grossMinor") => group[name] - share[name];
            return { ...group, netMinor: rest("netMinor"), taxMinor: rest("taxMinor"), grossMinor: rest("grossMinor") };
          });
          for (const { netMinor, taxMinor } of [...taken, ...left]) expect(netMinor >= 0n && taxMinor >= 0n).toBe(true);
        };
        let rest = grossMinor;
        for (const part of parts) {
          const amount = (rest * BigInt(part)) / 1000n;
          take(amount);
          rest -= amount;
        }
        take(rest);
        expect(left.every(({ netMinor, taxMinor, grossMinor: gross }) => netMinor === 0n && taxMinor === 0n && gross === 0n)).toBe(true);
      }),
    );
  });

  it("hold the tax of their amount", () => {
    const nineteen = parseRate("19");
    expect(shareOut(5000n, usual.groups)).toMatchObject([
      { grossMinor: 5000n, taxMinor: divide(5000n * nineteen, wholeRate + nineteen, "half-up") },
    ]);
  });
});
