import { errors } from "../../../config/errors.ts";
import type { Outcome } from "../gateway/gateway.ts";

type NotDone = Exclude<Outcome<unknown>, { outcome: "ok" }>;

/** Why PayPal did not do it. */
export const failureOf = (answer: NotDone): { type: string; message: string } =>
  answer.outcome === "refused"
    ? { type: answer.issue, message: answer.detail }
    : { type: "INVOICE_UNCONFIRMED", message: `PayPal has not confirmed it yet: ${answer.reason}.` };

/** Refusals that are about the state in which the invoice is at PayPal. */
const aboutState = /^(CANNOT_(CANCEL|REMIND|SEND)_|INVOICE_CANCELED_ALREADY)/;

/** What a caller is told when PayPal refuses, or nobody can say what it did. */
export function refusalOf(answer: NotDone, id: string) {
  if (answer.outcome === "unknown")
    return errors.gatewayUnavailable(`PayPal could not be asked, or its answer was lost: ${answer.reason}.`, { id });
  const { issue, detail } = answer;
  const tell = aboutState.test(issue) ? errors.invoiceState : errors.paypalInvoiceRefused;
  return tell(`PayPal refused: ${detail}`, { id, issue });
}
