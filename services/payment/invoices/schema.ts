import Type from "typebox";
import { strict, uuid } from "../../../config/action.ts";
import { line } from "../seller/schema.ts";
import { basketParams } from "../tax/schema.ts";

/** Who an invoice is for. Country and VAT id are the customer's. */
export const buyerSchema = strict({
  name: line("Full name of the person or company."),
  street: Type.Optional(line("Street and number.")),
  postcode: Type.Optional(line("Postcode.", 20)),
  city: Type.Optional(line("City.")),
  email: Type.Optional(Type.String({ format: "email", maxLength: 254, description: "Where invoices are mailed to." })),
  reference: Type.Optional(line("What the buyer wants to find it by, e.g. an order number.")),
});

export const note = Type.Optional(line("A sentence for the buyer.", 500));

export const invoiceParams = {
  currency: Type.String({ maxLength: 16, description: "ISO 4217 code of a currency that PayPal takes, upper case." }),
  ...basketParams,
  buyer: buyerSchema,
  note,
  paymentId: Type.Optional(uuid("The payment that it is for; its amount has to be the total.")),
};
