import type { EventType } from "../../config/contracts.ts";

/** A complete list at run time; the compiler insists on it when an event is added to the contracts. */
const known: Record<EventType, true> = {
  "organisation.created": true,
  "sync.job.created": true,
  "sync.job.queued": true,
  "sync.job.planned": true,
  "sync.job.parked": true,
  "sync.job.approved": true,
  "sync.job.progressed": true,
  "sync.job.paused": true,
  "sync.job.resumed": true,
  "sync.job.cancelled": true,
  "sync.job.completed": true,
  "sync.job.failed": true,
  "asset.stored": true,
  "asset.gone": true,
  "asset.moved": true,
  "vault.damaged": true,
  "vault.repaired": true,
  "vault.key.rotated": true,
  "vault.shredded": true,
  "asset.analysed": true,
  "payment.created": true,
  "payment.review.opened": true,
  "payment.review.approved": true,
  "payment.review.rejected": true,
  "payment.review.expired": true,
  "payment.approved": true,
  "payment.authorized": true,
  "payment.captured": true,
  "payment.failed": true,
  "payment.voided": true,
  "payment.refunded": true,
  "payment.reversed": true,
  "payment.refund.failed": true,
  "subscription.created": true,
  "subscription.activated": true,
  "subscription.renewed": true,
  "subscription.refunded": true,
  "subscription.payment_failed": true,
  "subscription.past_due": true,
  "subscription.suspended": true,
  "subscription.resumed": true,
  "subscription.plan_changed": true,
  "subscription.cancelled": true,
  "subscription.expired": true,
  "subscription.failed": true,
  "invoice.issued": true,
  "invoice.paid": true,
  "invoice.voided": true,
  "notification.delivered": true,
  "notification.exhausted": true,
  "notification.mail.sent": true,
  "notification.mail.undelivered": true,
};

/** What an endpoint may ask for: types of events, or "*" for all but those about deliveries. */
export const topics = ["*", ...(Object.keys(known) as EventType[])] as const;
export type Topic = (typeof topics)[number];

/** Events about deliveries: "*" leaves them out, and their own delivery makes no further ones, or each would make the next for ever. */
export const isAboutDelivery = (type: string): boolean => type.startsWith("notification.");
