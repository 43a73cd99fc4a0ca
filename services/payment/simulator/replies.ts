import { randomBytes } from "node:crypto";
import { statusOfIssue } from "./issues.ts";

/** What the simulator answers. `body` is sent as JSON, or as it is when a string. */
export interface Reply {
  status: number;
  body?: unknown;
  headers?: Record<string, string>;
}

export interface ErrorDetail {
  issue: string;
  description?: string;
  field?: string;
  value?: string;
  location?: "body" | "path" | "query" | "header";
}

const names: Record<number, [name: string, message: string]> = {
  400: ["INVALID_REQUEST", "Request is not well-formed, syntactically incorrect, or violates schema."],
  401: ["AUTHENTICATION_FAILURE", "Authentication failed due to missing authorization header, or invalid authentication credentials."],
  403: ["NOT_AUTHORIZED", "Authorization failed due to insufficient permissions."],
  404: ["RESOURCE_NOT_FOUND", "The specified resource does not exist."],
  405: ["METHOD_NOT_SUPPORTED", "The server does not implement the requested HTTP method."],
  409: ["RESOURCE_CONFLICT", "The server has detected a conflict while processing this request."],
  415: ["UNSUPPORTED_MEDIA_TYPE", "The server does not support the request payload's media type."],
  422: ["UNPROCESSABLE_ENTITY", "The requested action could not be performed, semantically incorrect, or failed business validation."],
  429: ["RATE_LIMIT_REACHED", "Too many requests. Blocked due to rate limiting."],
  500: ["INTERNAL_SERVER_ERROR", "An internal server error occurred."],
  503: ["SERVICE_UNAVAILABLE", "Service Unavailable."],
};

export const debugId = () => randomBytes(7).toString("hex").slice(0, 13);

/** An error document as PayPal's Orders API writes it. */
export function failure(status: number, ...details: ErrorDetail[]): Reply {
  const [name, message] = names[status] ?? ["INTERNAL_SERVER_ERROR", "An internal server error occurred."];
  const links = [{ href: "https://developer.paypal.com/docs/api/orders/v2/#error", rel: "information_link", method: "GET" }];
  return { status, body: { name, message, debug_id: debugId(), ...(details.length && { details }), links } };
}

/** What ends an operation before it has changed anything: PayPal's error document. */
export class Refused extends Error {
  readonly reply: Reply;

  constructor(reply: Reply) {
    super(`refused with ${reply.status}`);
    this.reply = reply;
  }
}

/** A business refusal to throw: 422 with one issue. */
export const refused = (issue: string, description?: string, field?: string) =>
  new Refused(failure(422, { issue, description: description ?? issue, ...(field && { field, location: "body" }) }));

/** What ends a control whose body says nothing sensible. */
export const unreadable = (message: string) => new Refused({ status: 400, body: { message } });

/** OAuth errors have their own shape (RFC 6749 section 5.2). */
export const oauthFailure = (error: string, description: string): Reply => ({
  status: 401,
  body: { error, error_description: description },
});

/** Negative testing as in PayPal's sandbox: `PayPal-Mock-Response: {"mock_application_codes":"INSTRUMENT_DECLINED"}`. */
export function mockReply(header: string | undefined): Reply | null {
  if (!header) return null;
  try {
    const codes = (JSON.parse(header) as { mock_application_codes?: unknown }).mock_application_codes;
    const issue: unknown = Array.isArray(codes) ? codes[0] : codes;
    if (typeof issue !== "string") return null;
    return failure(statusOfIssue(issue), { issue, description: "Forced by PayPal-Mock-Response." });
  } catch {
    return failure(400, { issue: "INVALID_PARAMETER_SYNTAX", field: "PayPal-Mock-Response", location: "header" });
  }
}
