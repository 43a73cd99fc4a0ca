import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import type { Errors as Classes } from "moleculer";

// The classes alone: worker threads throw these errors too, and all of moleculer would cost each of them 130 ms and 36 MB.
const require = createRequire(import.meta.url);
const Errors = require(join(dirname(require.resolve("moleculer")), "src/errors.js")) as typeof Classes;

/**
 * The table of failures. A factory, not a class, each: over a transporter a subclass arrives as a bare Error,
 * a factory's error arrives with its Moleculer class. Test `type`, never `instanceof`.
 * `message` says what was expected and what came; `data` is safe to show to the caller.
 */
type Data = Record<string, unknown>;

/** One fault of a bad request: RFC 6901 pointer to the member and a sentence. */
export interface Fault {
  pointer: string;
  detail: string;
}

function make(code: number, type: string, retryable: boolean, message: string, data?: Data, cause?: unknown): Classes.MoleculerError {
  const error = retryable
    ? new Errors.MoleculerRetryableError(message, code, type, data)
    : code < 500
      ? new Errors.MoleculerClientError(message, code, type, data)
      : new Errors.MoleculerError(message, code, type, data);
  if (cause !== undefined) error.cause = cause;
  return error;
}

const refused = (code: number, type: string) => (message: string, data?: Data, cause?: unknown) =>
  make(code, type, false, message, data, cause);
const retryable = (code: number, type: string) => (message: string, data?: Data, cause?: unknown) =>
  make(code, type, true, message, data, cause);

export const errors = {
  // Requests
  malformed: refused(400, "REQUEST_MALFORMED"),
  methodNotAllowed: refused(405, "METHOD_NOT_ALLOWED"),
  versionNotKnown: refused(406, "VERSION_NOT_KNOWN"),
  bodyTooLarge: refused(413, "BODY_TOO_LARGE"),
  mediaType: refused(415, "MEDIA_TYPE_UNSUPPORTED"),
  streamLimit: retryable(429, "STREAM_LIMIT"),
  tooMany: retryable(429, "TOO_MANY_AT_ONCE"),
  invalid: (faults: Fault[]) =>
    make(422, "VALIDATION_FAILED", false, `The request has ${faults.length} fault${faults.length === 1 ? "" : "s"}.`, { faults }),
  unauthenticated: refused(401, "UNAUTHENTICATED"),
  forbidden: refused(403, "FORBIDDEN"),
  notFound: refused(404, "NOT_FOUND"),
  conflict: refused(409, "CONFLICT"),
  badCursor: refused(400, "CURSOR_INVALID"),
  idempotencyMismatch: refused(422, "IDEMPOTENCY_KEY_REUSED"),
  rangeNotSatisfiable: refused(416, "RANGE_NOT_SATISFIABLE"),
  unavailable: retryable(503, "SERVICE_UNAVAILABLE"),
  internal: refused(500, "INTERNAL_ERROR"),

  // Auth
  emailTaken: refused(409, "EMAIL_TAKEN"),
  permissionNotHeld: refused(403, "PERMISSION_NOT_HELD"),
  secondFactorNeeded: refused(401, "SECOND_FACTOR_NEEDED"),
  secondFactorWrong: refused(401, "SECOND_FACTOR_WRONG"),
  secondFactorMissing: refused(403, "SECOND_FACTOR_MISSING"),
  stepUpRequired: refused(401, "STEP_UP_REQUIRED"),
  challengeInvalid: refused(401, "CHALLENGE_INVALID"),
  passkeyRefused: refused(401, "PASSKEY_REFUSED"),
  passkeyNotFound: refused(404, "PASSKEY_NOT_FOUND"),
  oauthClientNotFound: refused(404, "OAUTH_CLIENT_NOT_FOUND"),
  apiKeyNotFound: refused(404, "API_KEY_NOT_FOUND"),
  sessionNotFound: refused(404, "SESSION_NOT_FOUND"),
  sessionEnded: refused(401, "SESSION_ENDED"),
  refreshInvalid: refused(401, "REFRESH_TOKEN_INVALID"),
  refreshReused: refused(401, "REFRESH_TOKEN_REUSED"),
  signInDelayed: refused(429, "SIGN_IN_DELAYED"),
  linkInvalid: refused(422, "LINK_INVALID"),
  // Sign-in with other providers. `socialRefused`: what came back proves nothing; `socialUnreachable`: the provider could not be asked.
  providerNotFound: refused(404, "PROVIDER_NOT_FOUND"),
  socialRefused: refused(401, "SOCIAL_REFUSED"),
  socialUnreachable: retryable(502, "SOCIAL_UNREACHABLE"),
  socialUnverified: refused(403, "SOCIAL_ADDRESS_UNVERIFIED"),
  socialUnconfirmed: refused(409, "SOCIAL_ACCOUNT_UNCONFIRMED"),
  socialUnknown: refused(403, "SOCIAL_ACCOUNT_UNKNOWN"),
  identityTaken: refused(409, "IDENTITY_TAKEN"),
  identityNotFound: refused(404, "IDENTITY_NOT_FOUND"),
  lastWayIn: refused(409, "LAST_WAY_IN"),
  roleNotFound: refused(404, "ROLE_NOT_FOUND"),
  memberNotFound: refused(404, "MEMBER_NOT_FOUND"),
  lastOwner: refused(409, "LAST_OWNER"),
  invitationNotFound: refused(404, "INVITATION_NOT_FOUND"),
  accountNotFound: refused(404, "SERVICE_ACCOUNT_NOT_FOUND"),

  // Sync: requests
  jobNotFound: refused(404, "JOB_NOT_FOUND"),
  jobState: refused(409, "JOB_STATE_CONFLICT"),
  sourceNotFound: refused(404, "SOURCE_NOT_FOUND"),
  scheduleNotFound: refused(404, "SCHEDULE_NOT_FOUND"),
  planStale: refused(409, "PLAN_STALE"),
  contentMismatch: refused(422, "CONTENT_MISMATCH"),
  contentVanished: retryable(409, "CONTENT_VANISHED"),
  assetNotFound: refused(404, "ASSET_NOT_FOUND"),
  sourceSchemeUnknown: refused(422, "SOURCE_SCHEME_UNKNOWN"),
  sourceNotAllowed: refused(403, "SOURCE_NOT_ALLOWED"),

  // Sources: `sourceGone`, `sourceDenied`, … are per item or per listing; retryable where a later try may succeed.
  sourceMissing: refused(404, "SOURCE_MISSING"),
  sourceDenied: refused(403, "SOURCE_DENIED"),
  sourceChanged: retryable(409, "SOURCE_CHANGED"),
  sourceUnreachable: retryable(502, "SOURCE_UNREACHABLE"),
  sourceUnsupported: refused(422, "SOURCE_ITEM_UNSUPPORTED"),
  sourceFull: retryable(507, "SOURCE_FULL"),
  destinationExists: refused(409, "DESTINATION_EXISTS"),

  // Vault
  vaultDamaged: refused(500, "VAULT_DAMAGED"),
  vaultKey: refused(500, "VAULT_KEY_UNUSABLE"),
  vaultMissing: refused(500, "VAULT_OBJECT_MISSING"),
  vaultFull: retryable(507, "VAULT_FULL"),
  vaultUnreachable: retryable(502, "VAULT_UNREACHABLE"),
  vaultDenied: refused(500, "VAULT_DENIED"),
  vaultTooLarge: refused(422, "VAULT_BLOB_TOO_LARGE"),
  threadLost: retryable(503, "WORKER_THREAD_LOST"),

  // Payments. `gatewayDenied`: the provider refuses our credentials; `gatewayUnavailable`: it could not be asked.
  paymentNotFound: refused(404, "PAYMENT_NOT_FOUND"),
  breakNotFound: refused(404, "RECONCILIATION_BREAK_NOT_FOUND"),
  reconciling: refused(409, "RECONCILIATION_UNDER_WAY"),
  paymentRefused: refused(422, "PAYMENT_REFUSED"),
  paymentState: refused(409, "PAYMENT_STATE_CONFLICT"),
  paymentDisputed: refused(409, "PAYMENT_DISPUTED"),
  methodNotFound: refused(404, "PAYMENT_METHOD_NOT_FOUND"),
  methodRefused: refused(422, "PAYMENT_METHOD_REFUSED"),
  captureExceeds: refused(422, "CAPTURE_AMOUNT_EXCEEDED"),
  captureRefused: refused(422, "CAPTURE_REFUSED"),
  authorizationRefused: refused(422, "AUTHORIZATION_REFUSED"),
  refundNotFound: refused(404, "REFUND_NOT_FOUND"),
  refundExceeds: refused(422, "REFUND_AMOUNT_EXCEEDED"),
  refundRefused: refused(422, "REFUND_REFUSED"),
  invoiceNotFound: refused(404, "INVOICE_NOT_FOUND"),
  invoiceState: refused(409, "INVOICE_STATE_CONFLICT"),
  paypalInvoiceRefused: refused(422, "PAYPAL_INVOICE_REFUSED"),
  creditExceeds: refused(422, "CREDIT_EXCEEDS_INVOICE"),
  sellerIncomplete: refused(409, "SELLER_INCOMPLETE"),
  paymentBlocked: refused(422, "PAYMENT_BLOCKED"),
  reviewOver: refused(409, "REVIEW_OVER"),
  fraudRuleSetNotFound: refused(404, "FRAUD_RULE_SET_NOT_FOUND"),
  fraudEntryNotFound: refused(404, "FRAUD_ENTRY_NOT_FOUND"),
  fraudAssessmentNotFound: refused(404, "FRAUD_ASSESSMENT_NOT_FOUND"),
  planNotFound: refused(404, "PLAN_NOT_FOUND"),
  planState: refused(409, "PLAN_STATE_CONFLICT"),
  planRefused: refused(422, "PLAN_REFUSED"),
  planIncompatible: refused(422, "PLAN_NOT_COMPATIBLE"),
  subscriptionNotFound: refused(404, "SUBSCRIPTION_NOT_FOUND"),
  subscriptionState: refused(409, "SUBSCRIPTION_STATE_CONFLICT"),
  subscriptionNotResumable: refused(409, "SUBSCRIPTION_NOT_RESUMABLE"),
  subscriptionRefused: refused(422, "SUBSCRIPTION_REFUSED"),
  outstandingExceeded: refused(422, "OUTSTANDING_EXCEEDED"),
  payerUnusable: refused(422, "PAYER_ACCOUNT_UNUSABLE"),
  gatewayDenied: refused(502, "PAYMENT_GATEWAY_DENIED"),
  gatewayUnavailable: retryable(503, "PAYMENT_GATEWAY_UNAVAILABLE"),
  /** Nothing was sent: it would have been one request too many. */
  gatewayThrottled: retryable(503, "PAYMENT_GATEWAY_THROTTLED"),
  disputeNotFound: refused(404, "DISPUTE_NOT_FOUND"),
  disputeRefused: refused(422, "DISPUTE_REFUSED"),
  paypalAccountNotFound: refused(404, "PAYPAL_ACCOUNT_NOT_FOUND"),
  paypalEventForged: refused(403, "PAYPAL_EVENT_FORGED"),
  paypalEventNotFound: refused(404, "PAYPAL_EVENT_NOT_FOUND"),

  // Analyses
  analysisNotFound: refused(404, "ANALYSIS_NOT_FOUND"),
  thumbnailNotFound: refused(404, "THUMBNAIL_NOT_FOUND"),

  // Webhooks
  webhookAddress: refused(422, "WEBHOOK_ADDRESS_REFUSED"),

  // Actors
  fenced: refused(409, "LEASE_LOST"),
  yielded: refused(409, "LEASE_YIELDED"),
} as const;

/** The stable type of any thrown thing, `INTERNAL_ERROR` for what has none. */
export function failureType(error: unknown): string {
  const type = (error as { type?: unknown } | null)?.type;
  return typeof type === "string" && type ? type : "INTERNAL_ERROR";
}

/** Whether trying again may help: decided where the error was made. */
export const isRetryable = (error: unknown): boolean => (error as { retryable?: unknown } | null)?.retryable === true;

export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** An error as it crosses a thread boundary or stands in a row: structured clone would drop all but the message. */
export interface Failure {
  type: string;
  message: string;
  retryable: boolean;
  code: number;
}

export function failureOf(error: unknown): Failure {
  const code = (error as { code?: unknown } | null)?.code;
  return {
    type: failureType(error),
    message: messageOf(error),
    retryable: isRetryable(error),
    code: typeof code === "number" ? code : 500,
  };
}

/** The error that `failureOf` described. */
export const errorFrom = (failure: Failure): Classes.MoleculerError => make(failure.code, failure.type, failure.retryable, failure.message);
