import Type, { type Static } from "typebox";
import { strict } from "../../../config/action.ts";
import { line } from "../line.ts";
import { priceKinds } from "../tax/charge.ts";
import { roundingModes, roundingScopes } from "../tax/rounding.ts";
import { country } from "../tax/schema.ts";

const series = (description: string) => Type.String({ pattern: "^[A-Za-z0-9][A-Za-z0-9/-]{0,11}$", description });

/** What an organisation says of itself as a seller. What is left out is as if it had never been said. */
export const sellerSchema = strict({
  name: Type.Optional(line("Full name of the company, as on its invoices.")),
  street: Type.Optional(line("Street and number.")),
  postcode: Type.Optional(line("Postcode.", 20)),
  city: Type.Optional(line("City.")),
  country: Type.Optional(country("Where it is established.")),
  vatId: Type.Optional(line("VAT id with its country's letters; its format and check digits are checked.", 20)),
  taxNumber: Type.Optional(line("Number at the tax office, where there is no VAT id.", 40)),
  email: Type.Optional(Type.String({ format: "email", maxLength: 254, description: "Where customers ask about invoices." })),
  phone: Type.Optional(line("Telephone number for questions about invoices.", 40)),
  iban: Type.Optional(line("Account for transfers; its check digits are checked.", 42)),
  bic: Type.Optional(Type.String({ pattern: "^[A-Z]{6}[A-Z0-9]{2}([A-Z0-9]{3})?$", description: "The bank's BIC." })),
  registrations: Type.Optional(
    Type.Array(country("One."), {
      maxItems: 100,
      description: "Countries besides its own in which it charges tax, outside of the EU above all.",
    }),
  ),
  homeTaxed: Type.Optional(
    Type.Boolean({
      default: false,
      description:
        "Whether consumers of other member states pay the tax of the seller's country: below the threshold of 10,000 euros a year.",
    }),
  ),
  requireEvidence: Type.Optional(
    Type.Boolean({ default: false, description: "Whether a payment needs two pieces of evidence of the customer's place." }),
  ),
  prices: Type.Optional(
    Type.Enum(priceKinds, {
      default: "exclusive",
      description: "Whether prices are without tax or hold it, where a request does not say.",
    }),
  ),
  roundingScope: Type.Optional(
    Type.Enum(roundingScopes, { default: "total", description: "total: tax is rounded once for each rate; line: on each line." }),
  ),
  roundingMode: Type.Optional(Type.Enum(roundingModes, { default: "half-up", description: "What half a cent becomes." })),
  invoiceSeries: Type.Optional(series("Letters before the numbers of invoices; INV when left out.")),
  creditSeries: Type.Optional(series("Letters before the numbers of credit notes; CN when left out.")),
  dueDays: Type.Optional(Type.Integer({ minimum: 0, maximum: 365, default: 14, description: "Days until an invoice is due." })),
  invoiceOnCapture: Type.Optional(
    Type.Boolean({
      default: false,
      description:
        "Whether a captured payment that has items, and each payment of a subscription that has billing, gets an invoice by itself.",
    }),
  ),
  mailOnIssue: Type.Optional(
    Type.Boolean({
      default: false,
      description: "Whether issued invoices and credit notes are mailed by themselves to the buyer's address.",
    }),
  ),
});
export type SellerWish = Static<typeof sellerSchema>;
