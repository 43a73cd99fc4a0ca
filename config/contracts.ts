/**
 * What the services agree on: permissions, who a caller is, events, and the names of subjects and streams.
 * Glossary: *tenant* = organisation; *claim* = signed proof of who calls; *bell* = empty JetStream message that wakes an actor;
 * *ticket* = what is needed to read one blob from the vault (keys wrapped, useless without the key ring).
 */
export const services = ["api", "auth", "sync", "ai", "payment", "notification", "metrics"] as const;
export type ServiceName = (typeof services)[number];

/** Services that own a PostgreSQL schema, role and pool of the same name. */
export const schemas = ["auth", "sync", "ai", "payment", "notification"] as const;
export type SchemaName = (typeof schemas)[number];

export const permissions = [
  "org:read",
  "org:write",
  "members:read",
  "members:write",
  "roles:read",
  "roles:write",
  "accounts:read",
  "accounts:write",
  "keys:read",
  "keys:write",
  "sync:read",
  "sync:write",
  "assets:read",
  "ai:read",
  "ai:write",
  "payment:read",
  "payment:write",
  "payment:refund",
  /** The organisation's PayPal account, its rules against fraud, its tax rates, what the books and PayPal disagree about. */
  "payment:manage",
  "notification:read",
  "notification:write",
  "events:read",
  "audit:read",
  /** One's own sessions, password and address: in every signed-in person's token, in no key. */
  "account:manage",
  /** Internal calls between services; never granted to a person or a key. */
  "internal",
] as const;
export type Permission = (typeof permissions)[number];

/** What an organisation can grant to people and keys. */
export const granted: readonly Permission[] = permissions.filter(
  (permission) => permission !== "internal" && permission !== "account:manage",
);
const reading = granted.filter((permission) => permission.endsWith(":read") && permission !== "audit:read");
const family = (...names: string[]) => granted.filter((permission) => names.includes(permission.split(":")[0]!));
/** The roles that every organisation has; it may define more. */
export const roles = {
  owner: granted,
  /** All but what concerns the organisation as a whole. */
  admin: granted.filter((permission) => permission !== "org:write"),
  member: [...reading, "sync:write"],
  viewer: reading.filter((permission) => permission !== "keys:read"),
  /** Pays, refunds, sees the money and nothing of the assets. */
  billing: ["org:read", "members:read", ...family("payment")],
  /** Keeps syncs and notifications going, and sees no money. */
  operator: ["org:read", "members:read", "keys:read", "events:read", ...family("sync", "assets", "ai", "notification")],
} as const satisfies Record<string, readonly Permission[]>;
/** A role that every organisation has. */
export type Role = keyof typeof roles;
export const isBuiltIn = (role: string): role is Role => Object.hasOwn(roles, role);

/** Who calls, as proved by the claim. Read it with `caller(ctx)`; nothing else is authority. */
export interface Principal {
  tenantId: string;
  /** "user:<uuid>", "key:<uuid>", "token:<hex>" (an OAuth access token) or "service:<name>". */
  subject: string;
  /** The person behind a token, the maker of an organisation's key, or the service account of a key; null for services. */
  userId: string | null;
  permissions: readonly Permission[];
  /** Of the organisation's policy when the claim was made: what the subject may do is then asked of the policy. Without it, the claim says so itself. */
  policyVersion?: number;
  /** Of a person's token: the session that it was issued in. */
  session?: Session;
}

export interface Session {
  id: string;
  /** How the person proved who they are, in words of RFC 8176: "pwd", "otp", "hwk", … */
  methods: readonly string[];
  /** When they did so last; seconds since 1970. */
  authenticatedAt: number;
  /** What is known of their second factor; undefined when they have none and need none. */
  secondFactor?: SecondFactor;
}

/** missing: the organisation requires one, and there is none; required: it does, and there is one; enrolled: there is one. */
export const secondFactors = ["missing", "required", "enrolled"] as const;
export type SecondFactor = (typeof secondFactors)[number];

/** What travels in ctx.meta. Only `claim` carries authority, and only after the called node has verified it. */
export interface Meta {
  claim?: string;
  idempotencyKey?: string;
  /** Who asked the edge, as the edge saw it: for records, never for decisions about rights. */
  client?: Client;
}

/** Broadcast to every node as "credential.revoked". Claims of that subject issued until `at` are refused from now on. */
export interface Revocation {
  /** In one organisation, or in all (null). */
  tenantId: string | null;
  /** "session:<uuid>", "key:<uuid>", "token:<hex>" or "user:<uuid>". */
  subject: string;
  /** Milliseconds since 1970. */
  at: number;
}

export interface Client {
  address?: string;
  userAgent?: string;
}

/** The tenant of what belongs to none: the operator's acts, and those of strangers. Its chain of the audit log is the platform's. */
export const platform = "00000000-0000-0000-0000-000000000000";

/** What was done, as a past-tense fact: "apikey.created". */
export type ActName = `${string}.${string}`;

/** allowed: it was done; refused: it was not to be (4xx); failed: it could not be (5xx), or is half done. */
export const actOutcomes = ["allowed", "refused", "failed"] as const;
export type ActOutcome = (typeof actOutcomes)[number];

/** A security-relevant act as it is recorded. No secrets, no whole params; all but the last two members stand in the chain for ever. */
export interface Act {
  id: string;
  /** ISO 8601. */
  at: string;
  tenantId: string;
  /** A principal's subject; null for who could not be recognised. */
  actor: string | null;
  /** The person behind it, if there is one. */
  userId: string | null;
  action: string;
  /** What it was done to, e.g. "apikey:<uuid>". */
  object: string | null;
  outcome: ActOutcome;
  /** The failure's type. */
  code: string | null;
  /** The broker action in which it was done; null for work that nobody called for. */
  call: string | null;
  requestId: string | null;
  /** The node from which the call came. */
  node: string | null;
  details: ActDetails | null;
  address: string | null;
  userAgent: string | null;
}

/** A few facts more: ids, counts, names of permissions. */
export type ActDetails = Record<string, string | number | boolean | null | string[]>;

/** Type → data of every event. Past-tense facts; ids and counts, never secrets or bytes. */
export interface EventMap {
  "organisation.created": { name: string };
  "sync.job.created": JobFacts;
  /** The jobs that it waited for have completed. */
  "sync.job.queued": JobFacts;
  "sync.job.planned": JobFacts;
  "sync.job.parked": JobFacts;
  "sync.job.approved": JobFacts;
  "sync.job.progressed": JobFacts;
  "sync.job.paused": JobFacts;
  "sync.job.resumed": JobFacts;
  "sync.job.cancelled": JobFacts;
  "sync.job.completed": JobFacts;
  "sync.job.failed": JobFacts;
  /** One event per committed batch. `analyse` is the job's wish. */
  "asset.stored": { jobId: string; analyse: boolean; assetIds: string[] };
  /** Assets that their source lacks now, or has again, or has elsewhere. */
  "asset.gone": { jobId: string; assetIds: string[] };
  "asset.moved": { jobId: string; assets: { id: string; from: string; to: string }[] };
  /** Sealed objects that do not verify, and how many assets that concerns. */
  "vault.damaged": { jobId: string; packs: number; assets: number };
  "vault.repaired": { jobId: string; packs: number; assets: number };
  "vault.key.rotated": { keyId: string };
  "vault.shredded": { keys: number };
  "asset.analysed": { assets: { id: string; contentId: string; mediaType: string; category: string; duplicateOf: string | null }[] };
  "payment.created": PaymentFacts;
  /** It waits for a person, before PayPal has heard of it, and what came of that. */
  "payment.review.opened": PaymentFacts;
  "payment.review.approved": PaymentFacts;
  "payment.review.rejected": PaymentFacts;
  "payment.review.expired": PaymentFacts;
  "payment.approved": PaymentFacts;
  /** The payer's money is reserved; nothing is taken yet. */
  "payment.authorized": PaymentFacts;
  /** One per capture. */
  "payment.captured": CaptureFacts;
  "payment.failed": PaymentFacts;
  /** What was reserved is given back, or its time is over. */
  "payment.voided": PaymentFacts;
  /** One per refund that went through, whoever made it. */
  "payment.refunded": RefundFacts;
  /** PayPal or the payer's bank took money back. */
  "payment.reversed": RefundFacts;
  "payment.refund.failed": RefundFacts;
  /** The row stands; the payer has not agreed yet. */
  "subscription.created": SubscriptionFacts;
  "subscription.activated": SubscriptionFacts;
  /** A payment has come in, the first included. */
  "subscription.renewed": SubscriptionFacts & { payment: SubscriptionSale };
  "subscription.refunded": SubscriptionFacts & { payment: SubscriptionSale };
  "subscription.payment_failed": SubscriptionFacts;
  "subscription.past_due": SubscriptionFacts;
  "subscription.suspended": SubscriptionFacts;
  "subscription.resumed": SubscriptionFacts;
  "subscription.plan_changed": SubscriptionFacts;
  "subscription.cancelled": SubscriptionFacts;
  "subscription.expired": SubscriptionFacts;
  /** PayPal did not take it. */
  "subscription.failed": SubscriptionFacts;
  /** Of credit notes too. */
  "invoice.issued": InvoiceFacts;
  "invoice.paid": InvoiceFacts;
  /** Credit notes have taken all of it back. */
  "invoice.voided": InvoiceFacts;
  /** A payer complains; nothing of the payment is refunded until it is resolved. */
  "dispute.opened": DisputeFacts;
  /** The time to answer is nearly over. */
  "dispute.deadline": DisputeFacts;
  "dispute.resolved": DisputeFacts;
  /** A comparison of the books with PayPal's report has found what somebody has to look at: so many more, of so many that are open. */
  "payment.breaks.found": { runId: string; from: string; to: string; breaks: number; open: number };
  "notification.delivered": { deliveryId: string; eventId: string; attempts: number };
  "notification.mail.sent": { mailId: string; template: string; attempts: number };
  /** `code` is the mail server's last reply. */
  "notification.mail.undelivered": { mailId: string; template: string; attempts: number; code: number | null };
  "notification.exhausted": { deliveryId: string; eventId: string; attempts: number; error: string };
}
export type EventType = keyof EventMap;

export interface JobFacts {
  jobId: string;
  status: JobStatus;
  /** Percent, 0–100; never falls. */
  progress: number;
  kind: JobKind;
  items: { total: number; stored: number; unchanged: number; deduplicated: number; moved: number; failed: number; gone: number };
  bytes: { total: number; done: number };
  /** Per second, smoothed; null before anything is known. */
  rate: { bytes: number; items: number } | null;
  /** Seconds left at that rate; null when it can't be told. */
  secondsLeft: number | null;
  /** Why its plan waits for approval. */
  approval?: { reason: string; message: string }[];
  error?: { type: string; message: string };
  /** Who made it and wants a mail, and on what. */
  mail?: { userId: string; on: JobMail[] };
}
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

export interface DisputeFacts {
  disputeId: string;
  paypalDisputeId: string;
  paymentId: string | null;
  subscriptionId: string | null;
  invoiceId: string | null;
  /** PayPal's word, e.g. MERCHANDISE_OR_SERVICE_NOT_RECEIVED. */
  reason: string;
  /** Decimal string in the currency's own precision. */
  amount: string;
  currency: string;
  /** Until when the organisation has to answer, or it loses; null when it is not its turn. */
  respondBy: string | null;
  outcome: DisputeOutcome | null;
}

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

export interface PaymentFacts {
  paymentId: string;
  status: PaymentStatus;
  /** Decimal string in the currency's own precision. */
  amount: string;
  currency: string;
}

export interface CaptureFacts extends PaymentFacts {
  /** PayPal's id, and what this capture took, as a decimal string in `currency`. */
  captureId: string;
  captured: string;
}

export interface RefundFacts extends PaymentFacts {
  refundId: string;
  /** What this refund gives back, as a decimal string in `currency`. */
  refunded: string;
}

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

export interface SubscriptionFacts {
  subscriptionId: string;
  planId: string;
  /** The tenant's own name of whoever is subscribed. */
  customer: string;
  status: SubscriptionStatus;
  /** ISO 8601; null when nothing is to come, or PayPal does not say. */
  nextBillingAt: string | null;
  /** Until when it is paid for. */
  paidUntil: string | null;
  /** In a row. */
  failedPayments: number;
  /** Decimal string. */
  outstanding: string;
  currency: string;
  /** When PayPal tries again. */
  nextRetryAt: string | null;
}

export interface SubscriptionSale {
  saleId: string;
  /** Decimal string: what came in, or went back. */
  amount: string;
  currency: string;
}

export const invoiceKinds = ["invoice", "credit_note"] as const;
export type InvoiceKind = (typeof invoiceKinds)[number];

/** void: credit notes have taken all of it back. */
export const invoiceStatuses = ["draft", "issued", "paid", "void"] as const;
export type InvoiceStatus = (typeof invoiceStatuses)[number];

export interface InvoiceFacts {
  invoiceId: string;
  kind: InvoiceKind;
  status: InvoiceStatus;
  number: string;
  /** Tax included; decimal string in the currency's own precision. */
  amount: string;
  currency: string;
  paymentId: string | null;
  /** A credit note's invoice. */
  correctsId: string | null;
}

/** An event as it is appended, carried and streamed. */
export interface DomainEvent<T extends EventType = EventType> {
  id: string;
  tenantId: string;
  type: T;
  /** The aggregate it belongs to, e.g. "job:<uuid>", and its place there, from 1. */
  stream: string;
  version: number;
  /** ISO 8601. */
  at: string;
  data: EventMap[T];
}

/** JetStream names of one cluster. */
export function subjects(namespace: string) {
  const stream = namespace.toUpperCase().replaceAll("-", "_");
  return {
    eventStream: `${stream}_EVENTS`,
    bellStream: `${stream}_BELLS`,
    actStream: `${stream}_ACTS`,
    checkpointStream: `${stream}_CHECKPOINTS`,
    allEvents: `${namespace}.ev.>`,
    allBells: `${namespace}.bell.>`,
    allActs: `${namespace}.act.>`,
    checkpoint: `${namespace}.checkpoint`,
    event: (tenantId: string, type: EventType) => `${namespace}.ev.${tenantId}.${type}`,
    eventsOfTenant: (tenantId: string) => `${namespace}.ev.${tenantId}.>`,
    eventsOfType: (type: EventType) => `${namespace}.ev.*.${type}`,
    bell: (service: SchemaName, kind: string, key: string) => `${namespace}.bell.${service}.${kind}.${key}`,
    bellsOfKind: (service: SchemaName, kind: string) => `${namespace}.bell.${service}.${kind}.*`,
  };
}
