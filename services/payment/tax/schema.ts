import Type from "typebox";
import { strict } from "../../../config/action.ts";
import { buyerSchema } from "../invoices/buyer.ts";
import { priceKinds } from "./charge.ts";
import { countryPattern, regionPattern } from "./countries.ts";
import { roundingModes, roundingScopes } from "./rounding.ts";

export const country = (description: string) => Type.String({ pattern: countryPattern, description: `${description} ISO 3166-1 alpha-2.` });
/** Of the years that PostgreSQL and everybody else agree about. */
export const day = (description: string) => Type.String({ format: "date", pattern: "^[12]", description: `${description} YYYY-MM-DD.` });
export const region = Type.String({
  pattern: regionPattern,
  description: 'Part of the country with a rate of its own, ISO 3166-2 without the country: "BC", "TF".',
});
export const category = Type.String({
  pattern: "^[a-z0-9][a-z0-9-]{0,31}$",
  description: 'Which of the country\'s rates: "standard", one of the organisation\'s own such as "reduced", or "zero" or "exempt".',
});
/** PayPal takes 1 to 10 digits. */
const quantity = Type.Integer({ minimum: 1, maximum: 9_999_999_999, description: "How many, whole." });
const amount = (description: string) => Type.String({ maxLength: 40, description });

export const customerSchema = strict({
  country: country("Of the billing address."),
  region: Type.Optional(region),
  vatId: Type.Optional(Type.String({ minLength: 1, maxLength: 20, description: "VAT id of a business, with its country's letters." })),
  ipCountry: Type.Optional(country("Of the network address that the order came from: evidence of place.")),
  bankCountry: Type.Optional(country("Of the customer's bank or the card's issuer: evidence of place.")),
  phoneCountry: Type.Optional(country("Of the telephone number: evidence of place.")),
});

/** What is sold and to whom: params of everything that reckons tax. */
export const basketParams = {
  items: Type.Array(
    strict({
      name: Type.String({ minLength: 1, maxLength: 127, description: "What it is; payer and invoice see it." }),
      sku: Type.Optional(Type.String({ minLength: 1, maxLength: 127, description: "The seller's own number for it." })),
      quantity,
      unitAmount: amount('Price of one, a decimal string in the currency\'s own precision, e.g. "33.33".'),
      taxCategory: Type.Optional(category),
    }),
    { minItems: 1, maxItems: 200, description: "What is sold." },
  ),
  shipping: Type.Optional(strict({ amount: amount("What shipping costs, as the prices are."), taxCategory: Type.Optional(category) })),
  discount: Type.Optional(amount("What is taken off the items together, as the prices are.")),
  prices: Type.Optional(
    Type.Enum(priceKinds, { description: "Whether the amounts are without tax or hold it; left out, as the seller's settings say." }),
  ),
  rounding: Type.Optional(
    strict({
      scope: Type.Optional(Type.Enum(roundingScopes, { description: "total: once for each rate (EN 16931); line: on each line." })),
      mode: Type.Optional(Type.Enum(roundingModes, { description: "What half a cent becomes." })),
    }),
  ),
  customer: customerSchema,
  date: Type.Optional(day("Day of the supply, whose rates hold; today when left out.")),
};

/** The same where it may be left out: of a payment that is for nothing in particular, of an invoice of a payment that has it. */
export const saleParams = {
  ...basketParams,
  items: Type.Optional(basketParams.items),
  customer: Type.Optional(basketParams.customer),
  buyer: Type.Optional(buyerSchema),
};
