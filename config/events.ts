import type { SchemaName } from "./names.ts";
import type {
  DisputeOutcome,
  InvoiceKind,
  InvoiceStatus,
  JobKind,
  JobMail,
  JobStatus,
  PaymentStatus,
  SubscriptionStatus,
} from "./states.ts";

/** What services tell each other and the outside, and the subjects that carry it. */

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
  /** What is to be analysed is told batch by batch, else what several batches have stored. `analyse` is the job's wish. */
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
  /** Money of an invoice that PayPal collects went back: `refunded` is a decimal string, `refundId` PayPal's. */
  "invoice.refunded": InvoiceFacts & { refundId: string; refunded: string };
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
  /** PayPal's id of what went back; not in events from before it was told. */
  refundId?: string;
}

export interface InvoiceFacts {
  invoiceId: string;
  kind: InvoiceKind;
  status: InvoiceStatus;
  number: string;
  /** Tax included; decimal string in the currency's own precision. */
  amount: string;
  currency: string;
  paymentId: string | null;
  subscriptionId: string | null;
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
