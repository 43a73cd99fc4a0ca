import { STATUS_CODES } from "node:http";
import { failureType, type Fault } from "../../config/errors.ts";
import { sendJson, type EdgeRequest, type EdgeResponse } from "./exchange.ts";

interface Thrown {
  code?: unknown;
  message?: unknown;
  data?: Record<string, unknown> & { faults?: Fault[] };
}

/** RFC 9457. `code` is the stable type of the failure; other members come from the failure's data. */
export interface Problem {
  type: string;
  title: string;
  status: number;
  detail: string;
  instance: string;
  code: string;
  requestId: string;
  errors?: Fault[];
  [member: string]: unknown;
}

const retryAfterSeconds = 5;

/** What Moleculer throws when nobody can serve a call just now. An open circuit breaker even says 404. */
const nobodyThere = new Set([
  "SERVICE_NOT_AVAILABLE",
  "SERVICE_NOT_FOUND",
  "SERVICE_UNAVAILABLE",
  "REQUEST_REJECTED",
  "BAD_GATEWAY",
  "QUEUE_FULL",
  "QUEUE_IS_FULL",
  "BROKER_DISCONNECTED",
]);

export function problemOf(error: unknown, req: EdgeRequest): Problem {
  const thrown = (error ?? {}) as Thrown;
  const { status, code } = classify(thrown);
  const shown = status < 500;
  const { faults, ...members } = (shown && thrown.data) || {};
  return {
    ...members,
    type: `urn:legendo:problem:${code.toLowerCase().replaceAll("_", "-")}`,
    title: STATUS_CODES[status] ?? "Error",
    status,
    detail: shown ? String(thrown.message) : hidden(status),
    instance: req.publicPath,
    code,
    requestId: req.requestId,
    ...(faults ? { errors: faults } : {}),
  };
}

function classify(thrown: Thrown): { status: number; code: string } {
  const type = failureType(thrown);
  if (nobodyThere.has(type)) return { status: 503, code: "SERVICE_UNAVAILABLE" };
  if (type === "REQUEST_TIMEOUT" || type === "REQUEST_SKIPPED") return { status: 504, code: "REQUEST_TIMEOUT" };
  if (thrown.code === "MAX_PAYLOAD_EXCEEDED") return { status: 413, code: "BODY_TOO_LARGE" };
  // A driver's string code or an HTTP status of somebody else's answer is no status of ours.
  const status = typeof thrown.code === "number" && thrown.code >= 400 && thrown.code <= 599 ? thrown.code : 500;
  return { status, code: /^[A-Z][A-Z0-9_]*$/.test(type) ? type : "INTERNAL_ERROR" };
}

/** What went wrong inside is for the log; the caller gets what to do about it. */
function hidden(status: number): string {
  if (status === 503) return "This part of the platform is not available at the moment. Try again shortly.";
  if (status === 504)
    return "This part of the platform did not answer in time. Find out whether the request took effect before you repeat it.";
  return "Something went wrong inside the platform. The log has it under this request id.";
}

/** Answers with a problem; when an answer has already begun, its connection is cut, so that half of one never looks whole. */
export function sendProblem(req: EdgeRequest, res: EdgeResponse, error: unknown): Problem {
  const problem = problemOf(error, req);
  if (res.headersSent) {
    res.destroy();
    return problem;
  }
  for (const name of ["Content-Disposition", "Content-Length", "ETag", "Last-Modified"]) res.removeHeader(name);
  res.setHeader("Cache-Control", "no-store");
  if (problem.status === 401) res.setHeader("WWW-Authenticate", challenge(req, problem));
  if (problem.status === 405) res.setHeader("Allow", String(problem["allowed"]));
  if (problem.status === 503 || problem.status === 429) res.setHeader("Retry-After", Number(problem["retryAfter"]) || retryAfterSeconds);
  // The rest of a body that nobody will read would stand before the next request on this connection.
  if (problem.status === 413 && req.httpVersionMajor === 1) res.setHeader("Connection", "close");
  sendJson(res, problem.status, problem, "application/problem+json; charset=utf-8");
  return problem;
}

/** RFC 6750: the error is named only to those who sent a token. RFC 9470: this one is good, but its proof is too old or too weak. */
function challenge(req: EdgeRequest, { code, maxAge }: Problem): string {
  if (!req.headers.authorization) return 'Bearer realm="legendo"';
  if (code === "STEP_UP_REQUIRED") return `Bearer realm="legendo", error="insufficient_user_authentication", max_age=${String(maxAge)}`;
  return 'Bearer realm="legendo", error="invalid_token"';
}
