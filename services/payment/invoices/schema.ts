import Type from "typebox";
import { uuid } from "../../../config/action.ts";
import { line } from "../line.ts";
import { saleParams } from "../tax/schema.ts";

export const note = Type.Optional(line("A sentence for the buyer.", 500));

export const invoiceParams = {
  currency: Type.Optional(Type.String({ maxLength: 16, description: "ISO 4217 code of a currency that PayPal takes, upper case." })),
  ...saleParams,
  note,
  paymentId: Type.Optional(
    uuid(
      "The payment that it is for: what that was for when no items are named, else of the same total, or of what was captured of it in parts.",
    ),
  ),
};
