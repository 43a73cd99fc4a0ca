import { amountOf, minorOf } from "./amounts.ts";
import { Complaints } from "./complaints.ts";
import { type Line, journalOf } from "./journal.ts";
import { debugId, failure, Refused, type Reply } from "./replies.ts";
import { type Call, on, type Route } from "./routes.ts";
import type { World } from "./world.ts";

const day = 86_400_000;
const usualLag = 3 * 3_600_000;
const usualLimit = 10_000;

const refuse = (name: string, message: string, more: object = {}) =>
  new Refused({ status: 400, body: { name, message, debug_id: debugId(), ...more, links: [] } });

/** As reports write times: "2026-11-27T15:30:00+0000". */
const reportTime = (at: number) => new Date(at).toISOString().replace(/\.\d+Z/, "+0000");

/** The two ends, both included. @throws Refused when they are missing, too far apart, or of a time that is not reported yet. */
function rangeOf({ query }: Call, now: number, refreshed: number): { from: number; to: number } {
  const complaints = new Complaints();
  for (const name of ["start_date", "end_date"]) {
    const value = query.get(name);
    if (value === null) complaints.add("MISSING_REQUIRED_PARAMETER", name, undefined, "query");
    // A time zone is demanded: Date.parse would take the machine's.
    else if (!/([zZ]|[+-]\d\d:?\d\d)$/.test(value) || Number.isNaN(Date.parse(value)))
      complaints.add("INVALID_PARAMETER_SYNTAX", name, value, "query");
  }
  const size = Number(query.get("page_size") ?? 100);
  if (!(size >= 1 && size <= 500)) complaints.add("INVALID_PARAMETER_VALUE", "page_size", String(size), "query");
  if (!(Number(query.get("page") ?? 1) >= 1)) complaints.add("INVALID_PARAMETER_VALUE", "page", query.get("page")!, "query");
  complaints.finish();
  const [from, to] = [Date.parse(query.get("start_date")!), Date.parse(query.get("end_date")!)];
  if (to < from) throw refuse("INVALID_REQUEST", "Start date is greater than end date.");
  if (to - from > 31 * day) throw refuse("INVALID_REQUEST", "Date range is greater than 31 days.");
  if (from < now - 3 * 365 * day) throw refuse("INVALID_REQUEST", "Start date is more than 3 years in the past.");
  if (from > refreshed) throw refuse("INVALID_REQUEST", "Data for the given start date is not available.");
  return { from, to };
}

function infoOf(world: World, merchant: string, line: Line) {
  const { id, code, status, amount, fee, reference, invoiceId, customId } = line;
  return {
    paypal_account_id: world.accounts.of(merchant).payerId,
    transaction_id: id,
    ...(reference && { paypal_reference_id: reference.id, paypal_reference_id_type: reference.type }),
    transaction_event_code: code,
    transaction_initiation_date: reportTime(line.at),
    transaction_updated_date: reportTime(line.updatedAt),
    transaction_amount: amount,
    ...(fee && { fee_amount: fee }),
    transaction_status: status,
    ...(invoiceId && { invoice_id: invoiceId }),
    ...(customId && { custom_field: customId }),
    protection_eligibility: "01",
  };
}

const more: Record<string, object> = {
  payer_info: { account_id: "PAYER", email_address: "payer@example.com", address_status: "N", payer_status: "Y", country_code: "DE" },
  shipping_info: { name: "Pat Payer" },
  cart_info: { item_details: [] },
  store_info: {},
  auction_info: {},
  incentive_info: {},
};

/** Transaction search v1: what is older than the lag, at most 31 days, at most 500 on a page. */
function search(world: World, call: Call): Reply {
  const { merchant, query } = call;
  const { searchLagMs = usualLag, searchLimit = usualLimit, payerId } = world.accounts.of(merchant);
  const now = world.clock.now();
  const refreshed = now - searchLagMs;
  const { from, to } = rangeOf(call, now, refreshed);
  const wanted = (name: string, value: string) => (query.get(name) ?? value) === value;
  const onlyMoving = (query.get("balance_affecting_records_only") ?? "Y") === "Y";
  // Reports know whole seconds.
  const second = (at: number) => Math.floor(at / 1_000) * 1_000;
  const found = journalOf(world, merchant)
    .filter((line) => second(line.at) >= from && second(line.at) <= to && line.at <= refreshed && (line.movesBalance || !onlyMoving))
    .filter(
      ({ id, code, status, amount }) =>
        wanted("transaction_id", id) &&
        wanted("transaction_type", code) &&
        wanted("transaction_status", status) &&
        wanted("transaction_currency", amount.currency_code),
    );
  if (found.length > searchLimit) {
    const message = "Result set size is greater than the maximum limit. Change the filter criteria and try again.";
    throw refuse("RESULTSET_TOO_LARGE", message, { maximum_items: searchLimit, total_items: found.length });
  }
  const [size, page] = [Number(query.get("page_size") ?? 100), Number(query.get("page") ?? 1)];
  const fields = (query.get("fields") ?? "transaction_info").split(",");
  const extra = Object.fromEntries(Object.entries(more).filter(([name]) => fields.includes("all") || fields.includes(name)));
  const hasInfo = fields.includes("all") || fields.includes("transaction_info");
  const details = found
    .slice((page - 1) * size, page * size)
    .map((line) => ({ ...(hasInfo && { transaction_info: infoOf(world, merchant, line) }), ...extra }));
  return {
    status: 200,
    body: {
      transaction_details: details,
      account_number: payerId,
      start_date: reportTime(from),
      end_date: reportTime(to),
      last_refreshed_datetime: reportTime(refreshed),
      page,
      total_items: found.length,
      total_pages: Math.ceil(found.length / size),
      links: [{ href: `${world.origin}${call.request.url.pathname}${call.request.url.search}`, rel: "self", method: "GET" }],
    },
  };
}

/** What the account has, by currency, and what of it disputes keep back. */
function balances(world: World, { merchant, query }: Call): Reply {
  const account = world.accounts.of(merchant);
  const asked = query.get("as_of_time");
  const at = asked === null ? world.clock.now() : Date.parse(asked);
  if (Number.isNaN(at)) throw new Refused(failure(400, { issue: "INVALID_PARAMETER_SYNTAX", field: "as_of_time", location: "query" }));
  const [available, withheld] = [new Map<string, bigint>(), new Map<string, bigint>()];
  for (const { amount, fee, movesBalance, code, at: when } of journalOf(world, merchant)) {
    if (!movesBalance || when > at) continue;
    const currency = amount.currency_code;
    available.set(currency, (available.get(currency) ?? 0n) + minorOf(amount) + (fee ? minorOf(fee) : 0n));
    if (code === "T1110" || code === "T1111") withheld.set(currency, (withheld.get(currency) ?? 0n) - minorOf(amount));
  }
  const one = query.get("currency_code");
  const shown = [...available].filter(([currency]) => !one || one === "ALL" || one === currency);
  return {
    status: 200,
    body: {
      balances: shown.map(([currency, free]) => {
        const kept = withheld.get(currency) ?? 0n;
        return {
          currency,
          primary: currency === (account.currency ?? shown[0]![0]),
          total_balance: amountOf(free + kept, currency),
          available_balance: amountOf(free, currency),
          withheld_balance: amountOf(kept, currency),
        };
      }),
      account_id: account.payerId,
      as_of_time: world.clock.stamp(at),
      last_refresh_time: world.clock.stamp(),
    },
  };
}

/** Reports v1. Source: PayPal's reporting_transactions_v1 OpenAPI document. */
export const searchRoutes = (world: World): Route[] => [
  on("GET /v1/reporting/transactions", "transactions.search", (call) => search(world, call)),
  on("GET /v1/reporting/balances", "balances.list", (call) => balances(world, call)),
];
