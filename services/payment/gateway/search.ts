import { TransactionSearchController } from "@paypal/paypal-server-sdk";
import { amountFaults, isCurrency, parseAmount, type Money } from "../money.ts";
import { record, text } from "./answer.ts";
import type { PayPalConnection } from "./connection.ts";
import type { Outcome } from "./gateway.ts";

/** A transaction as PayPal reports it. Its id is not unique: a conversion's two sides, or a hold and its payment, may share one. */
export interface TransactionView {
  id: string;
  /** PayPal's kind of event, e.g. "T0006"; see reconciliation/codes.ts. */
  code: string;
  /** PayPal's letter: S done, P pending, D denied, V done and later reversed, F done and partly refunded. */
  status: string;
  /** When it was begun; to the second. */
  at: Date;
  /** Before fees; negative takes from the balance. Null where it can't be read. */
  amount: Money | null;
  /** Negative where PayPal kept something. Null where it said nothing of one. */
  fee: Money | null;
  /** What it belongs to, e.g. the capture of a refund, and what that is: ODR, TXN, SUB or PAP. */
  referenceId: string | null;
  referenceType: string | null;
  invoiceId: string | null;
  /** What we gave PayPal to keep: "tenant:payment". */
  custom: string | null;
  /** As PayPal wrote it: the evidence. */
  raw: object;
}

export interface TransactionPage {
  transactions: TransactionView[];
  /** How many pages there are; from 1. */
  pages: number;
  /** Until when PayPal's report is complete; null when it does not say. */
  completeUntil: Date | null;
}

/** PayPal's report of what moved a balance. No method throws for what PayPal or a network does. */
export interface SearchGateway {
  /** @param from, to whole seconds, both included, at most 31 days apart @param page from 1 */
  search(from: Date, to: Date, page: number): Promise<Outcome<TransactionPage>>;
}

/** PayPal's largest. */
const pageSize = 500;

/** Transaction search v1 through PayPal's own SDK, which cuts what it does not know: everything is read from the raw body. */
export function searchGateway(connection: PayPalConnection): SearchGateway {
  const controller = new TransactionSearchController(connection.transport);
  const moment = (date: Date) => date.toISOString().replace(/\.\d+Z$/, "Z");
  return {
    search: (from, to, page) =>
      connection.ask(
        (abortSignal) =>
          controller.searchTransactions(
            {
              startDate: moment(from),
              endDate: moment(to),
              fields: "transaction_info",
              balanceAffectingRecordsOnly: "Y",
              pageSize,
              page,
            },
            { abortSignal },
          ),
        readPage,
      ),
  };
}

const dateOf = (value: unknown): Date | null => {
  const at = new Date(text(value) ?? NaN);
  return Number.isNaN(at.getTime()) ? null : at;
};

/** Null when it is no page, or holds something that has no id, code or time: then nothing may be concluded from it. */
export function readPage(body: unknown): TransactionPage | null {
  const page = record(body);
  const details = page["transaction_details"] ?? [];
  if (!Array.isArray(details) || typeof page["total_pages"] !== "number") return null;
  const transactions = details.map((detail) => readTransaction(record(detail)["transaction_info"]));
  if (transactions.includes(null)) return null;
  return {
    transactions: transactions as TransactionView[],
    pages: page["total_pages"],
    completeUntil: dateOf(page["last_refreshed_datetime"]),
  };
}

function readTransaction(value: unknown): TransactionView | null {
  const info = record(value);
  const id = text(info["transaction_id"]);
  const code = text(info["transaction_event_code"]);
  const at = dateOf(info["transaction_initiation_date"]);
  if (!id || !code || !at) return null;
  return {
    id,
    code,
    status: text(info["transaction_status"]) ?? "S",
    at,
    amount: moneyOf(info["transaction_amount"]),
    fee: moneyOf(info["fee_amount"]),
    referenceId: text(info["paypal_reference_id"]),
    referenceType: text(info["paypal_reference_id_type"]),
    invoiceId: text(info["invoice_id"]),
    custom: text(info["custom_field"]),
    raw: info,
  };
}

/** Reports write signs, and decimals also where the currency has none. */
function moneyOf(value: unknown): Money | null {
  const { currency_code: currency, value: written } = record(value);
  const [, sign, amount = ""] = /^(-?)(\d+(?:\.\d+)?)$/.exec(text(written)?.replace(/\.0+$/, "") ?? "") ?? [];
  if (typeof currency !== "string" || !isCurrency(currency) || !amount || amountFaults(amount, currency).length) return null;
  const minor = parseAmount(amount, currency);
  return { amountMinor: sign ? -minor : minor, currency };
}
