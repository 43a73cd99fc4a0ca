import type { CaptureView, Evidence, OrderView } from "./gateway.ts";

type Json = Record<string, unknown>;
const record = (value: unknown): Json => (typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Json) : {});
const list = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);
const text = (value: unknown): string | null => (typeof value === "string" && value !== "" ? value : null);

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
  const link = list(order.links)
    .map(record)
    .find(({ rel }) => rel === "payer-action" || rel === "approve");
  const captures = list(order.purchase_units).flatMap((unit) => list(record(record(unit).payments).captures).map(readCapture));
  return { id, status, approvalUrl: text(link?.href), captures: captures.filter((capture) => capture !== null) };
}

function readCapture(value: unknown): CaptureView | null {
  const capture = record(value);
  const id = text(capture.id);
  const status = text(capture.status);
  if (!id || !status) return null;
  const amount = record(capture.amount);
  return {
    id,
    status,
    amount: text(amount.value),
    currency: text(amount.currency_code),
    reason: text(record(capture.status_details).reason),
  };
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
