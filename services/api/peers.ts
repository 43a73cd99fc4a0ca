import type { ServiceBroker } from "moleculer";
import type { JWK } from "jose";
import { call, type ActionMap, type ActionName } from "../../config/calls.ts";
import type { SchemaName } from "../../config/names.ts";
import type { Client } from "../../config/permissions.ts";
import type { VerifiedKey } from "./credentials.ts";

/** The public keys of the auth service. */
export const publicKeys = async (broker: ServiceBroker) => (await call(broker, "auth.keys.public", {})).keys as (JWK & { kid: string })[];

/** What the OpenID provider answers to a request. */
export const exchangeWithProvider = (
  broker: ServiceBroker,
  request: ActionMap["auth.oidc.exchange"]["params"],
  client: Client | undefined,
) => call(broker, "auth.oidc.exchange", request, { meta: { ...(client && { client }) } });

/** The claim behind an API key or access token. @throws UNAUTHENTICATED */
export const verifyKey = (broker: ServiceBroker, credential: string): Promise<VerifiedKey> => call(broker, "auth.verify", { credential });

const pings = {
  auth: "auth.ping",
  sync: "sync.jobs.ping",
  ai: "ai.ping",
  payment: "payment.ping",
  notification: "notification.webhooks.ping",
} as const satisfies Record<SchemaName, ActionName>;

/** Resolves when a service reaches its database. */
export const pingOf = (broker: ServiceBroker, name: SchemaName, patienceMs: number) =>
  call(broker, pings[name], {}, { timeout: patienceMs });

/** A job of the caller's organisation. @throws JOB_NOT_FOUND */
export const jobOf = (broker: ServiceBroker, claim: string, id: string) => call(broker, "sync.jobs.get", { id }, { meta: { claim } });

/** A page of a job's report. @throws JOB_NOT_FOUND */
export const reportOf = (broker: ServiceBroker, claim: string, id: string, cursor?: string) =>
  call(broker, "sync.jobs.report", { id, limit: 2000, ...(cursor && { cursor }) }, { meta: { claim } });

export type AuditFilter = Omit<ActionMap["auth.audit.list"]["params"], "limit" | "cursor">;

/** A page of the caller's organisation's audit log. */
export const auditOf = (broker: ServiceBroker, claim: string, filter: AuditFilter, cursor?: string) =>
  call(broker, "auth.audit.list", { ...filter, limit: 1_000, ...(cursor && { cursor }) }, { meta: { claim } });

export type FinanceFilter = Omit<ActionMap["payment.reports.finance"]["params"], "limit" | "cursor">;

/** A page of the caller's organisation's financial report. @throws VALIDATION_FAILED */
export const financeOf = (broker: ServiceBroker, claim: string, filter: FinanceFilter, cursor?: string) =>
  call(broker, "payment.reports.finance", { ...filter, limit: 1_000, ...(cursor && { cursor }) }, { meta: { claim } });

export type TaxFilter = Omit<ActionMap["payment.reports.tax"]["params"], "limit" | "cursor">;

/** A page of the caller's organisation's tax report. @throws VALIDATION_FAILED */
export const taxOf = (broker: ServiceBroker, claim: string, filter: TaxFilter, cursor?: string) =>
  call(broker, "payment.reports.tax", { ...filter, limit: 1_000, ...(cursor && { cursor }) }, { meta: { claim } });

/** The caller's organisation's report of recurring revenue. @throws VALIDATION_FAILED */
export const recurringOf = (broker: ServiceBroker, claim: string, filter: ActionMap["payment.reports.recurring"]["params"]) =>
  call(broker, "payment.reports.recurring", filter, { meta: { claim } });

/** What an uploaded content is sealed with. @throws VALIDATION_FAILED for the path */
export const beginUpload = (broker: ServiceBroker, claim: string, path: string) =>
  call(broker, "sync.uploads.begin", { path }, { meta: { claim } });

/** Catalogues an uploaded content. */
export const recordUpload = (broker: ServiceBroker, claim: string, uploaded: ActionMap["sync.uploads.record"]["params"]) =>
  call(broker, "sync.uploads.record", uploaded, { meta: { claim } });

/** A page of what a source holds, or held at a moment. @throws SOURCE_NOT_FOUND */
export const contentsOf = (broker: ServiceBroker, claim: string, wish: ActionMap["sync.exports.contents"]["params"]) =>
  call(broker, "sync.exports.contents", wish, { meta: { claim } });

/** Where an asset's content lies, from a byte of it on. @throws ASSET_NOT_FOUND */
export const ticketOf = (broker: ServiceBroker, claim: string, id: string, version?: number, from?: number) =>
  call(
    broker,
    "sync.assets.ticket",
    { id, ...(version !== undefined && { version }), ...(from !== undefined && { from }) },
    { meta: { claim } },
  );

/** Hands over a delivery of PayPal's. @throws PAYPAL_ACCOUNT_NOT_FOUND, REQUEST_MALFORMED, PAYPAL_EVENT_FORGED, PAYMENT_GATEWAY_UNAVAILABLE */
export const takeFromPayPal = (
  broker: ServiceBroker,
  delivery: ActionMap["payment.webhooks.receive"]["params"],
  client: Client | undefined,
) => call(broker, "payment.webhooks.receive", delivery, { meta: { ...(client && { client }) } });
