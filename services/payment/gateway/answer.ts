import { readAmount, type Money } from "../money.ts";
import type { AuthorizationView, Breakdown, CaptureView, Evidence, OrderView, RefundView } from "./gateway.ts";

type Json = Record<string, unknown>;
export const record = (value: unknown): Json =>
  typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Json) : {};
export const list = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);
export const text = (value: unknown): string | null => (typeof value === "string" && value !== "" ? value : null);

const mostEvidence = 64_000;

/** Keeps what came back: JSON where it is JSON, else its beginning as text. */
export function evidenceOf(status: number | null, body: unknown, debugHeader?: string): Evidence {
  let response: unknown = null;
  if (typeof body === "string" && body !== "") {
    try {
      response = JSON.parse(body);
    } catch {
      response = body.slice(0, mostEvidence).replaceAll("\0", "");
    }
  }
  return { httpStatus: status, debugId: text(record(response).debug_id) ?? debugHeader ?? null, response };
}

/** PayPal's order, read from the raw body: the SDK drops fields it does not know and throws at ones it misses. Null when it is none. */
export function readOrder(body: unknown): OrderView | null {
  const order = record(body);
  const id = text(order.id);
  const status = text(order.status);
  if (!id || !status) return null;
  const payments = list(order.purchase_units).map((unit) => record(record(unit).payments));
  return {
    id,
    status,
    approvalUrl: linkOf(order, "payer-action") ?? linkOf(order, "approve"),
    liabilityShift: text(record(record(record(order.payment_source).card).authentication_result).liability_shift),
    captures: payments.flatMap(({ captures }) => list(captures).flatMap((of) => readCapture(of) ?? [])),
    authorizations: payments.flatMap(({ authorizations }) => list(authorizations).flatMap((of) => readAuthorization(of) ?? [])),
    refunds: payments.flatMap(({ refunds }) => list(refunds).flatMap((of) => readRefund(of) ?? [])),
  };
}

/** Where a link of PayPal's leads. */
export const linkOf = (body: unknown, rel: string): string | null =>
  text(
    list(record(body).links)
      .map(record)
      .find((link) => link.rel === rel)?.href,
  );

/** What everything of PayPal's has. */
export function idAndStatus(body: unknown): { id: string; status: string } | null {
  const { id, status } = record(body);
  return text(id) && text(status) ? { id: String(id), status: String(status) } : null;
}

/** PayPal's capture; null when it is none. */
export function readCapture(body: unknown): CaptureView | null {
  const capture = record(body);
  const related = record(record(capture.supplementary_data).related_ids);
  const thing = readMovement(capture);
  if (!thing) return null;
  const breakdown = record(capture.seller_receivable_breakdown);
  return {
    ...thing,
    ...readBreakdown(breakdown, breakdown.receivable_amount),
    invoiceId: text(capture.invoice_id),
    final: capture.final_capture !== false,
    authorizationId: text(related.authorization_id) ?? idAbove(capture.links, "authorizations"),
  };
}

/** PayPal's refund; null when it is none. */
export function readRefund(body: unknown): RefundView | null {
  const refund = record(body);
  const thing = readMovement(refund);
  if (!thing) return null;
  const breakdown = record(refund.seller_payable_breakdown);
  return {
    ...thing,
    ...readBreakdown(
      breakdown,
      breakdown.net_amount_in_receivable_currency ?? record(list(breakdown.net_amount_breakdown)[0]).converted_amount,
    ),
    invoiceId: text(refund.invoice_id),
    total: readMoney(breakdown.total_refunded_amount),
    captureId: idAbove(refund.links, "captures"),
  };
}

/** PayPal's authorization; null when it is none. */
export function readAuthorization(body: unknown): AuthorizationView | null {
  const thing = readMovement(record(body));
  return thing && { ...thing, expiresAt: moment(record(body).expiration_time) };
}

/** An amount as PayPal writes it; null when it is none in a currency that PayPal takes. */
export function readMoney(value: unknown): Money | null {
  const { value: amount, currency_code } = record(value);
  return readAmount(text(amount), text(currency_code));
}

/** What captures, refunds and authorizations have in common. */
function readMovement(of: Json) {
  const id = text(of.id);
  const status = text(of.status);
  if (!id || !status) return null;
  const { value, currency_code } = record(of.amount);
  const reason = text(record(of.status_details).reason);
  return { id, status, amount: text(value), currency: text(currency_code), reason, at: moment(of.create_time) };
}

/** @param received what arrived in or left the balance, where that has another currency */
function readBreakdown(breakdown: Json, received: unknown): Breakdown {
  const fee = readMoney(breakdown.paypal_fee);
  const net = readMoney(breakdown.net_amount);
  const balance = readMoney(received);
  const rate =
    text(record(breakdown.exchange_rate).value) ?? text(record(record(list(breakdown.net_amount_breakdown)[0]).exchange_rate).value);
  const converted = balance !== null && rate !== null && balance.currency !== net?.currency;
  return { fee, net, settled: converted ? { net: balance, rate } : null };
}

function moment(value: unknown): Date | null {
  const at = new Date(text(value) ?? NaN);
  return Number.isNaN(at.getTime()) ? null : at;
}

/** The id in the link to what a thing was made of, e.g. a refund's capture. */
function idAbove(links: unknown, kind: "captures" | "authorizations"): string | null {
  const up = list(links)
    .map(record)
    .find(({ rel }) => rel === "up");
  return new RegExp(`/${kind}/([^/?]+)$`).exec(text(up?.href) ?? "")?.[1] ?? null;
}

/** The issue of an error document: the first detail's, else its name. */
export function readIssue(body: unknown, status: number): { issue: string; detail: string } {
  const document = record(body);
  const first = record(list(document.details)[0]);
  const issue = text(first.issue) ?? text(document.name) ?? text(document.error)?.toUpperCase() ?? `HTTP_${status}`;
  return {
    issue,
    detail: text(first.description) ?? text(document.message) ?? text(document.error_description) ?? `PayPal answered ${status}.`,
  };
}
