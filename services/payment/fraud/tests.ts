import Type, { type Static, type TSchema } from "typebox";
import type { Fault } from "../../../config/errors.ts";
import { isOpen, isTimeZone } from "../../../mixins/policy/hours.ts";
import { amountFaults, formatAmount, isCurrency, parseAmount } from "../money.ts";
import { dimensions, listedKinds, windows, type Facts } from "./facts.ts";
import { mostCounted } from "./velocity.ts";

/** One kind of test that conditions are made of. */
interface Test<P extends TSchema> {
  schema: P;
  /** What the schema can't say. */
  faults?(this: void, params: Static<P>, pointer: string): Fault[];
  /** What was seen, in words for a reviewer, when the test holds. What is not known holds nothing. */
  seen(this: void, params: Static<P>, facts: Facts): string | undefined;
}
const test = <P extends TSchema>(one: Test<P>) => one as unknown as Test<TSchema>;

const closed = { additionalProperties: false };
const count = (description: string) => Type.Optional(Type.Integer({ minimum: 0, maximum: 1_000_000, description }));
const countries = Type.Array(Type.String({ pattern: "^[A-Z]{2}$" }), {
  minItems: 1,
  maxItems: 250,
  description: "ISO 3166-1 alpha-2 codes.",
});
const money = (description: string) => Type.Record(Type.String(), Type.String({ maxLength: 40 }), { minProperties: 1, description });
type Money = Record<string, string>;

const moneyFaults = (amounts: Money | undefined, pointer: string): Fault[] =>
  Object.entries(amounts ?? {}).flatMap(([currency, amount]) =>
    amountFaults(amount, currency).map(({ detail }) => ({ pointer: `${pointer}/${currency}`, detail })),
  );

/** What is given for a currency, in minor units; undefined when nothing is. */
const limitOf = (limits: Money, currency: string): bigint | undefined =>
  Object.hasOwn(limits, currency) ? parseAmount(limits[currency]!, currency) : undefined;
const isOver = (minor: bigint, currency: string, limits: Money) => minor > (limitOf(limits, currency) ?? minor);
const isUnder = (minor: bigint, currency: string, limits: Money) => minor < (limitOf(limits, currency) ?? minor);

const among = (value: string | null, of: readonly string[], what: string) =>
  value !== null && of.includes(value) ? `${what} is ${value}` : undefined;

const tests: Record<string, Test<TSchema>> = {
  amount: test({
    schema: Type.Object(
      {
        over: Type.Optional(money('By currency; more than this, e.g. {"EUR": "500.00"}.')),
        under: Type.Optional(money("By currency; less than this.")),
      },
      { ...closed, minProperties: 1, description: "The payment's amount. A currency that is not named never holds." },
    ),
    faults: ({ over, under }, pointer) => [...moneyFaults(over, `${pointer}/over`), ...moneyFaults(under, `${pointer}/under`)],
    seen({ over, under }, { amount, currency }) {
      const minor = parseAmount(amount, currency);
      if ((over && !isOver(minor, currency, over)) || (under && !isUnder(minor, currency, under))) return undefined;
      const limits = [over && `over ${over[currency]}`, under && `under ${under[currency]}`].filter(Boolean);
      return `amount ${amount} ${currency} is ${limits.join(" and ")}`;
    },
  }),

  currency: test({
    schema: Type.Object({ in: Type.Array(Type.String(), { minItems: 1, maxItems: 50 }) }, closed),
    faults: ({ in: codes }, pointer) =>
      codes.flatMap((code, index) =>
        isCurrency(code) ? [] : [{ pointer: `${pointer}/in/${index}`, detail: "is no currency that is taken" }],
      ),
    seen: ({ in: codes }, { currency }) => among(currency, codes, "currency"),
  }),

  domain: test({
    schema: Type.Object(
      {
        in: Type.Array(Type.String({ pattern: "^[a-z0-9-]+(\\.[a-z0-9-]+)+$", maxLength: 253 }), {
          minItems: 1,
          maxItems: 500,
          description: "Domains of e-mail addresses, lower case; those below them count too.",
        }),
      },
      closed,
    ),
    seen({ in: domains }, { payer: { domain } }) {
      if (domain === null) return undefined;
      const met = domains.some((one) => domain === one || domain.endsWith(`.${one}`));
      return met ? `e-mail address is of ${domain}` : undefined;
    },
  }),

  country: test({
    schema: Type.Object({ in: countries }, closed),
    seen: ({ in: codes }, { payer }) => among(payer.country, codes, "billing country"),
  }),

  ipCountry: test({
    schema: Type.Object({ in: countries }, closed),
    seen: ({ in: codes }, { payer }) => among(payer.ipCountry, codes, "country of the network"),
  }),

  countriesDiffer: test({
    schema: Type.Literal(true),
    seen: (_, { payer: { country, ipCountry } }) =>
      country !== null && ipCountry !== null && country !== ipCountry
        ? `billing country is ${country}, that of the network ${ipCountry}`
        : undefined,
  }),

  newCustomer: test({
    schema: Type.Boolean(),
    seen: (wanted, { payer: { isNew } }) =>
      isNew === wanted ? `the e-mail address has ${isNew ? "not paid" : "paid"} here before` : undefined,
  }),

  missing: test({
    schema: Type.Enum(["email", "country", "ip", "ipCountry", "card"]),
    seen(what: "email" | "country" | "ip" | "ipCountry" | "card", { payer }) {
      const told = what === "country" || what === "ipCountry" ? payer[what] !== null : payer.told.includes(what);
      return told ? undefined : `${what} of the payer was not told`;
    },
  }),

  items: test({
    schema: Type.Object(
      { linesOver: count("More lines than this."), quantityOver: count("More pieces in all than this.") },
      { ...closed, minProperties: 1 },
    ),
    seen({ linesOver, quantityOver }, { items }) {
      if (!items || items.lines <= (linesOver ?? -1) || items.quantity <= (quantityOver ?? -1)) return undefined;
      return `${items.quantity} pieces in ${items.lines} lines`;
    },
  }),

  hours: test({
    schema: Type.Object(
      {
        from: Type.String({ pattern: "^([01]\\d|2[0-3]):[0-5]\\d$", description: "From this time on, e.g. 23:00." }),
        to: Type.String({ pattern: "^([01]\\d|2[0-3]):[0-5]\\d$", description: "Before this time." }),
        timeZone: Type.String({ minLength: 1, maxLength: 64, description: "IANA name, e.g. Europe/Berlin." }),
      },
      closed,
    ),
    faults: ({ from, to, timeZone }, pointer) => [
      ...(isTimeZone(timeZone) ? [] : [{ pointer: `${pointer}/timeZone`, detail: "is no IANA time zone" }]),
      ...(from === to ? [{ pointer: `${pointer}/to`, detail: "must differ from `from`" }] : []),
    ],
    seen(hours, { at }) {
      return isOpen({ ...hours, days: [1, 2, 3, 4, 5, 6, 7] }, new Date(at))
        ? `asked for between ${hours.from} and ${hours.to} ${hours.timeZone}`
        : undefined;
    },
  }),

  velocity: test({
    schema: Type.Object(
      {
        of: Type.Enum(dimensions, { description: "Attempts with the same of this." }),
        minutes: Type.Enum(windows, { description: "Within these last minutes." }),
        countOver: Type.Optional(Type.Integer({ minimum: 0, maximum: mostCounted - 1, description: "More attempts than this." })),
        sumOver: Type.Optional(money("By currency; attempts that come to more than this.")),
      },
      { ...closed, minProperties: 3 },
    ),
    faults: ({ sumOver }, pointer) => moneyFaults(sumOver, `${pointer}/sumOver`),
    seen({ of, minutes, countOver, sumOver }, { velocity, currency }) {
      const counted = velocity[of]?.[minutes];
      if (!counted || counted.count <= (countOver ?? -1)) return undefined;
      const sum = BigInt(counted.sumMinor);
      if (sumOver && !isOver(sum, currency, sumOver)) return undefined;
      return `${counted.count} attempts of the same ${of} in ${minutes} minutes, ${formatAmount(sum, currency)} ${currency} in all`;
    },
  }),

  listed: test({
    schema: Type.Object(
      {
        on: Type.Enum(["block", "allow"]),
        by: Type.Optional(
          Type.Array(Type.Enum(listedKinds), {
            minItems: 1,
            maxItems: listedKinds.length,
            description: "Only by these; by any when left out.",
          }),
        ),
      },
      closed,
    ),
    seen({ on, by }, { listed }) {
      const met = listed[on].filter((kind) => by?.includes(kind) ?? true);
      return met.length ? `${met.join(", ")} on the ${on} list` : undefined;
    },
  }),
};

export const testKinds = Object.keys(tests);
/** @returns undefined for a kind that is not known (any more) */
export const testOf = (kind: string): Test<TSchema> | undefined => (Object.hasOwn(tests, kind) ? tests[kind] : undefined);
