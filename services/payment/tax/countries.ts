/** Member states of the European Union, ISO 3166-1. Their VAT ids begin with the same letters, but for Greece. */
export const memberStates: ReadonlySet<string> = new Set(
  "AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK".split(" "),
);

/** An ISO 3166-1 alpha-2 code. */
export const countryPattern = "^[A-Z]{2}$";

/** ISO 3166-2 without the country, as the table of rates knows it: "BC", "TF". */
export const regionPattern = "^[A-Z0-9]{1,3}$";
