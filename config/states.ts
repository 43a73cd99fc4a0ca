/** The states and kinds that things have, as tables, events and the API call them. */

/** On which of its states whoever made a job gets a mail. */
export const jobMails = ["completed", "failed", "approval"] as const;
export type JobMail = (typeof jobMails)[number];

/** What a job does: bring a source or one file in (sync, upload), bring assets out (mirror, restore), or keep the vault itself in order. */
export const jobKinds = ["sync", "upload", "mirror", "restore", "verify", "repair", "collect", "rekey", "expire"] as const;
export type JobKind = (typeof jobKinds)[number];

/** 0, 1, 2, 3 in the database. */
export const priorities = ["low", "normal", "high", "urgent"] as const;
export type Priority = (typeof priorities)[number];

/** What makes a new version of an asset: another content; another path; another time alone; gone from its source; back again as it was. */
export const assetChanges = ["stored", "moved", "touched", "gone", "returned"] as const;
export type AssetChange = (typeof assetChanges)[number];

/** waiting: for the jobs it needs; awaiting_approval: its plan is stored and a person has to approve it. */
export const jobStatuses = [
  "waiting",
  "queued",
  "planning",
  "awaiting_approval",
  "running",
  "paused",
  "completed",
  "completed_with_errors",
  "failed",
  "cancelled",
] as const;
export type JobStatus = (typeof jobStatuses)[number];

/**
 * created: PayPal has not confirmed it yet; review: it waits for a person, and PayPal has not heard of it; pending: waits for the payer; authorized: the money is reserved; held: captured, but PayPal still
 * keeps the money back; partially_captured: some of what is reserved was taken, and more can be; voided: nothing was taken of what was reserved.
 */
export const paymentStatuses = [
  "created",
  "review",
  "pending",
  "approved",
  "authorized",
  "held",
  "partially_captured",
  "captured",
  "partially_refunded",
  "refunded",
  "voided",
  "failed",
] as const;
export type PaymentStatus = (typeof paymentStatuses)[number];

/** When the money is taken: at once, or in one or more captures of what the payer lets be reserved. */
export const paymentIntents = ["capture", "authorize"] as const;
export type PaymentIntent = (typeof paymentIntents)[number];

/** pending: the customer has still to agree to it at PayPal. */
export const savedMethodStatuses = ["pending", "active", "removed"] as const;
export type SavedMethodStatus = (typeof savedMethodStatuses)[number];

/** requested: PayPal has not confirmed it yet; pending: PayPal keeps the money back; failed: PayPal refused it. */
export const captureStatuses = ["requested", "pending", "completed", "declined", "failed"] as const;
export type CaptureStatus = (typeof captureStatuses)[number];

/** requested: PayPal has not confirmed it yet; pending: an e-check on its way. */
export const refundStatuses = ["requested", "pending", "completed", "failed", "cancelled"] as const;
export type RefundStatus = (typeof refundStatuses)[number];

/** replaced: authorized again under another id; expired: its time was over. */
export const authorizationStatuses = [
  "pending",
  "created",
  "partially_captured",
  "captured",
  "denied",
  "voided",
  "expired",
  "replaced",
] as const;
export type AuthorizationStatus = (typeof authorizationStatuses)[number];

export const disputeStates = ["open", "resolved"] as const;
export type DisputeState = (typeof disputeStates)[number];

/** lost: the amount went back to the payer; paid_by_paypal: PayPal compensated the payer; withdrawn: by the payer. */
export const disputeOutcomes = ["won", "lost", "paid_by_paypal", "withdrawn", "other"] as const;
export type DisputeOutcome = (typeof disputeOutcomes)[number];

/** production: money moves. */
export const paypalEnvironments = ["sandbox", "production"] as const;
export type PaypalEnvironment = (typeof paypalEnvironments)[number];

/**
 * waiting: for what it is about, or for another try after a failure; ignored: none of ours, or of a type that nobody here deals with; dead: given up,
 * until an operator plays it again.
 */
export const webhookStates = ["received", "processing", "done", "ignored", "waiting", "dead"] as const;
export type WebhookState = (typeof webhookStates)[number];

/** creating: PayPal has not confirmed it yet; created: nobody can subscribe to it yet; failed: PayPal did not take it. */
export const planStatuses = ["creating", "created", "active", "inactive", "failed"] as const;
export type PlanStatus = (typeof planStatuses)[number];

/**
 * created: PayPal has not confirmed it yet; approval_pending: waits for the payer; approved: the payer agreed, PayPal is about to start it;
 * past_due: it goes on, but the last payment failed and PayPal tries again; failed: PayPal did not take it.
 */
export const subscriptionStatuses = [
  "created",
  "approval_pending",
  "approved",
  "active",
  "past_due",
  "suspended",
  "cancelled",
  "expired",
  "failed",
] as const;
export type SubscriptionStatus = (typeof subscriptionStatuses)[number];

export const invoiceKinds = ["invoice", "credit_note"] as const;
export type InvoiceKind = (typeof invoiceKinds)[number];

/** void: credit notes have taken all of it back. */
export const invoiceStatuses = ["draft", "issued", "paid", "void"] as const;
export type InvoiceStatus = (typeof invoiceStatuses)[number];
