import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";

/**
 * Writes services/payment/tax/rates.csv anew from the table of the library sales-tax, which is maintained but has no dates of its own beyond "before",
 * reckons in floats and knows one seller per process: hence a table of ours. `node scripts/tax-rates.ts`, and read the difference before committing it.
 */
interface Entry {
  rate: number;
  /** Until when another rate held. */
  before?: Record<string, Entry>;
  states?: Record<string, Entry>;
}

const require = createRequire(import.meta.url);
const { version } = JSON.parse(readFileSync(require.resolve("sales-tax/package.json"), "utf8")) as { version: string };
const countries = require("sales-tax/res/sales_tax_rates.json") as Record<string, Entry>;

/** As far back as the library looks. */
const beginning = "1970-01-01";

/** The local day that begins at such a moment: the library writes midnight in UTC+2 or UTC. */
const dayOf = (moment: string) => new Date(Date.parse(moment) + 4 * 3_600_000).toISOString().slice(0, 10);

/** In 1/100,000 of a percent, on a day. */
function rateOn({ rate, before = {} }: Entry, day: string): number {
  const [ended] = Object.keys(before)
    .filter((moment) => dayOf(moment) > day)
    .sort();
  return Math.round((ended ? before[ended]!.rate : rate) * 1e7);
}

const daysOf = (...entries: Entry[]) => [
  ...new Set([beginning, ...entries.flatMap(({ before = {} }) => Object.keys(before).map(dayOf))].sort()),
];
const percentOf = (rate: number) => String(rate / 1e5);

const lines = Object.entries(countries).flatMap(([country, entry]) => [
  ...daysOf(entry).map((day) => [country, "", percentOf(rateOn(entry, day)), day]),
  // What the library says of a part of a country is added to the country's rate.
  ...Object.entries(entry.states ?? {}).flatMap(([region, state]) =>
    daysOf(entry, state).map((day) => [country, region, percentOf(rateOn(entry, day) + rateOn(state, day)), day]),
  ),
]);
writeFileSync(
  new URL("../services/payment/tax/rates.csv", import.meta.url),
  `# sales-tax ${version}\ncountry,region,percent,validFrom\n${lines
    .map((line) => line.join(","))
    .sort()
    .join("\n")}\n`,
);
