import Type, { type Static } from "typebox";
import { strict } from "../../../config/action.ts";
import { line } from "../line.ts";

/** Who an invoice is for. Country and VAT id are the customer's. */
export const buyerSchema = strict({
  name: line("Full name of the person or company."),
  street: Type.Optional(line("Street and number.")),
  postcode: Type.Optional(line("Postcode.", 20)),
  city: Type.Optional(line("City.")),
  email: Type.Optional(Type.String({ format: "email", maxLength: 254, description: "Where invoices are mailed to." })),
  reference: Type.Optional(line("What the buyer wants to find it by, e.g. an order number.")),
});
export type Buyer = Static<typeof buyerSchema>;
