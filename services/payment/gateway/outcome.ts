import { ApiError, type ApiResponse } from "@paypal/paypal-server-sdk";
import { failureType, messageOf } from "../../../config/errors.ts";
import { evidenceOf, readIssue } from "./answer.ts";
import type { Read } from "./connection.ts";
import type { Outcome } from "./gateway.ts";

interface Answer {
  statusCode: number;
  headers?: Record<string, string>;
  body: ApiResponse<unknown>["body"];
}

/** ApiError and ResponseValidationError both carry the answer; the latter is thrown for a 2xx that lacks a field the SDK's model demands. */
function answerIn(error: unknown): Answer | null {
  const { statusCode, body } = (error ?? {}) as Partial<Answer>;
  return typeof statusCode === "number" && body !== undefined ? (error as Answer) : null;
}

/** Statuses after which nobody can say whether the work was done: in progress elsewhere, throttled, broken. */
const isUndecided = (status: number) => status === 408 || status === 409 || status === 429 || status >= 500;

/** Whether a failure is PayPal's or the network's and not the request's: what opens the breaker. */
export function isOutage(error: unknown): boolean {
  const answer = answerIn(error);
  if (answer) return answer.statusCode === 429 || answer.statusCode >= 500;
  return !neverSent(error) || failureType(error) === "PAYMENT_GATEWAY_UNAVAILABLE";
}

/** Breaker open, no token, too many requests already, arguments the SDK would not send. */
const neverSent = (error: unknown): boolean =>
  (error as { code?: unknown }).code === "EOPENBREAKER" ||
  /^PAYMENT_GATEWAY_(DENIED|UNAVAILABLE|THROTTLED)$/.test(failureType(error)) ||
  (error as Error).constructor.name === "ArgumentsValidationError";

/** What an answer says, whichever way the SDK handed it over. */
export function outcomeOfAnswer<T>(answer: Answer, read: Read<T>): Outcome<T> {
  const { statusCode: status } = answer;
  const evidence = evidenceOf(status, answer.body, answer.headers?.["paypal-debug-id"]);
  if (isUndecided(status)) return { outcome: "unknown", reason: readIssue(evidence.response, status).issue, sent: true, ...evidence };
  if (status >= 400) return { outcome: "refused", ...readIssue(evidence.response, status), ...evidence };
  const value = read(evidence.response);
  return value !== null
    ? { outcome: "ok", value, ...evidence }
    : { outcome: "unknown", reason: `a ${status} without what was asked for`, sent: true, ...evidence };
}

/**
 * What a thrown thing says. The SDK's `message` is empty for every declared status, so it is never used for those.
 * A bare Error comes from an empty 2xx, an AxiosError from a time-out, reset or failed look-up: both leave the outcome unknown.
 */
export function outcomeOfError<T>(error: unknown, read: Read<T>): Outcome<T> {
  const answer = answerIn(error);
  if (answer) return outcomeOfAnswer(answer, read);
  const reason = error instanceof ApiError ? error.name : messageOf(error) || "no answer";
  return { outcome: "unknown", reason, sent: !neverSent(error), ...evidenceOf(null, null) };
}
