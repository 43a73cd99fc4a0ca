import { checkVAT, countries } from "jsvat";

/** What can be told of a VAT id without asking anybody. */
export interface CheckedVatId {
  /** Upper case, without spaces, dots and dashes. */
  vatId: string;
  /** Format and check digits hold. Whether somebody is registered under it only VIES knows, which was not asked. */
  valid: boolean;
  /** ISO 3166-1; null for letters of no country that is known here. */
  country: string | null;
  checked: ("format" | "checksum")[];
  notChecked: "registration";
  /** What is wrong with it, in words; null when nothing is. */
  fault: string | null;
}

/** Northern Ireland's ids are British ones under letters of their own. */
const northernIreland = "XI";

/** Checks a VAT id by its country's format and check digits, offline. */
export function checkVatId(given: string): CheckedVatId {
  const vatId = given.replace(/[\s.-]/g, "").toUpperCase();
  const known = vatId.startsWith(northernIreland) ? `GB${vatId.slice(2)}` : vatId;
  const { isValid, isValidFormat, isSupportedCountry, country } = checkVAT(known, countries);
  const isoCode = known === vatId ? (country?.isoCode.short ?? null) : northernIreland;
  const told = { vatId, country: isoCode, notChecked: "registration" } as const;
  if (!isSupportedCountry)
    return { ...told, country: null, valid: false, checked: [], fault: "is of no country whose VAT ids are known here" };
  if (!isValidFormat) return { ...told, valid: false, checked: ["format"], fault: "does not have the format of its country's VAT ids" };
  if (!isValid) return { ...told, valid: false, checked: ["format", "checksum"], fault: "has check digits that do not match" };
  return { ...told, valid: true, checked: ["format", "checksum"], fault: null };
}
