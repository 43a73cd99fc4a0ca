/** Member states of the European Union, ISO 3166-1. Their VAT ids begin with the same letters, but for Greece. */
export const memberStates: ReadonlySet<string> = new Set(
  "AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK".split(" "),
);

/** An ISO 3166-1 alpha-2 code. */
export const countryPattern = "^[A-Z]{2}$";

/** ISO 3166-2 without the country, as the table of rates knows it: "BC", "TF". */
export const regionPattern = "^[A-Z0-9]{1,3}$";

const names = new Intl.DisplayNames("en", { type: "region", fallback: "none" });
/** What ICU has a name for and ISO 3166-1 assigns to no country. */
const unassigned = new Set("AC CP CQ DG EA EU EZ IC QO TA UN XA XB ZZ".split(" "));

/**
 * Whether there is such a country. A code that was once one, or stands for another (DD, FX, UK), is none: a customer in "Metropolitan France" would
 * be taxed nowhere.
 */
export const isCountry = (code: string): boolean =>
  new RegExp(countryPattern).test(code) &&
  !unassigned.has(code) &&
  names.of(code) !== undefined &&
  new Intl.Locale(`und-${code}`).region === code;
