import { describe, expect, it } from "@jest/globals";
import { isCountry } from "./countries.ts";
import { decidePlace } from "./place.ts";
import { judge } from "./treatment.ts";
import { checkVatId } from "./vatid.ts";
import { isIban } from "../seller/iban.ts";

const german = { country: "DE", registrations: [] as string[], homeTaxed: false };

describe("where a sale is taxed", () => {
  it.each([
    ["at home, business or not", { seller: german, country: "DE", business: true }, { treatment: "standard", country: "DE" }],
    [
      "where the consumer of another member state is",
      { seller: german, country: "FR", business: false },
      { treatment: "standard", country: "FR" },
    ],
    [
      "at home for a small seller",
      { seller: { ...german, homeTaxed: true }, country: "FR", business: false },
      { treatment: "standard", country: "DE" },
    ],
    [
      "where a small seller is registered nonetheless",
      { seller: { ...german, homeTaxed: true, registrations: ["FR"] }, country: "FR", business: false },
      { treatment: "standard", country: "FR" },
    ],
    [
      "by the recipient, a business of another member state",
      { seller: german, country: "FR", business: true },
      { treatment: "reverse-charge" },
    ],
    ["not by the seller outside of the Union", { seller: german, country: "US", business: false }, { treatment: "export" }],
    [
      "outside of the Union where the seller is registered",
      { seller: { ...german, registrations: ["CH"] }, country: "CH", business: false },
      { treatment: "standard", country: "CH" },
    ],
    [
      "nowhere for a seller from elsewhere",
      { seller: { ...german, country: "US" }, country: "FR", business: true },
      { treatment: "outside" },
    ],
  ])("%s", (_case, parties, judgement) => {
    expect(judge(parties)).toEqual(judgement);
  });

  it("is known by two pieces of evidence that say the same, and what contradicts them is kept", () => {
    expect(decidePlace({ country: "DE" })).toMatchObject({ country: "DE", sufficient: false, contradicting: [] });
    expect(decidePlace({ country: "DE", ipCountry: "DE" })).toMatchObject({ country: "DE", sufficient: true, contradicting: [] });
    expect(decidePlace({ country: "DE", ipCountry: "FR" })).toMatchObject({
      country: "DE",
      sufficient: false,
      contradicting: [{ kind: "ip", country: "FR" }],
    });
    expect(decidePlace({ country: "DE", ipCountry: "FR", bankCountry: "FR" })).toEqual({
      country: "FR",
      sufficient: true,
      evidence: [
        { kind: "billing", country: "DE" },
        { kind: "ip", country: "FR" },
        { kind: "bank", country: "FR" },
      ],
      contradicting: [{ kind: "billing", country: "DE" }],
    });
  });
});

describe("a country", () => {
  it("is one that ISO 3166-1 knows today: no former one, no group, no part, nothing made up", () => {
    expect(["DE", "FR", "GB", "US", "GR", "XK", "JP"].map(isCountry)).toEqual(Array(7).fill(true));
    expect(["DD", "FX", "UK", "SU", "EU", "IC", "ZZ", "XX", "XA", "de", "", "D"].filter(isCountry)).toEqual([]);
  });
});

describe("a VAT id", () => {
  it("is checked by format and check digits, and the answer says that its registration was not", () => {
    expect(checkVatId("de 136.695-976")).toEqual({
      ...{ vatId: "DE136695976", valid: true, country: "DE", checked: ["format", "checksum"], notChecked: "registration", fault: null },
    });
    expect(checkVatId("DE136695977")).toMatchObject({ valid: false, country: "DE", checked: ["format", "checksum"] });
    expect(checkVatId("DE12")).toMatchObject({ valid: false, checked: ["format"] });
    expect(checkVatId("ZZ123")).toMatchObject({ valid: false, country: null, checked: [] });
    expect(checkVatId("EL094014201")).toMatchObject({ valid: true, country: "GR" });
  });

  it("of Northern Ireland is checked as a British one", () => {
    expect(checkVatId("GB220430231")).toMatchObject({ valid: true, country: "GB" });
    expect(checkVatId("XI220430231")).toMatchObject({ vatId: "XI220430231", valid: true, country: "XI" });
  });
});

describe("an IBAN", () => {
  it("is one when its check digits match", () => {
    expect(["DE89370400440532013000", "GB82WEST12345698765432", "NO9386011117947"].map(isIban)).toEqual([true, true, true]);
    expect(["DE89370400440532013001", "DE8937", "", "de89370400440532013000"].map(isIban)).toEqual([false, false, false, false]);
  });
});
