import type { ServiceBroker } from "moleculer";
import { sendCsv } from "./csv.ts";
import type { EdgeRequest, EdgeResponse } from "./exchange.ts";
import { auditOf, financeOf, recurringOf, reportOf, taxOf, type AuditFilter, type FinanceFilter, type TaxFilter } from "./peers.ts";

/** A job's report as CSV. @throws JOB_NOT_FOUND before anything is sent */
export const csvReport = (broker: ServiceBroker, req: EdgeRequest, res: EdgeResponse, id: string): Promise<void> =>
  sendCsv(req, res, {
    name: `job-${id}.csv`,
    header: ["path", "outcome", "size", "to", "error", "message", "attempts"],
    page: (cursor) => reportOf(broker, req.claim!, id, cursor),
    fields: ({ path, outcome, size, to, error }) => [
      path,
      outcome,
      String(size),
      to ?? "",
      error?.type ?? "",
      error?.message ?? "",
      error ? String(error.attempts) : "",
    ],
  });

const auditColumns = [
  "position",
  "at",
  "actor",
  "userId",
  "action",
  "object",
  "outcome",
  "code",
  "service",
  "requestId",
  "address",
  "userAgent",
  "hash",
] as const;

/** The organisation's audit log as CSV, newest first. */
export const csvAudit = (broker: ServiceBroker, req: EdgeRequest, res: EdgeResponse, filter: AuditFilter): Promise<void> =>
  sendCsv(req, res, {
    name: "audit.csv",
    header: [...auditColumns, "details"],
    page: (cursor) => auditOf(broker, req.claim!, filter, cursor),
    fields: (row) => [...auditColumns.map((column) => String(row[column] ?? "")), row.details === null ? "" : JSON.stringify(row.details)],
  });

const financeColumns = [
  "from",
  "currency",
  "method",
  "revenue",
  "refunds",
  "chargebacks",
  "fees",
  "tax",
  "net",
  "captures",
  "refundCount",
] as const;

/** The organisation's financial report as CSV, earliest first. @throws VALIDATION_FAILED before anything is sent */
export const csvFinance = (broker: ServiceBroker, req: EdgeRequest, res: EdgeResponse, filter: FinanceFilter): Promise<void> =>
  sendCsv(req, res, {
    name: "finance.csv",
    header: [...financeColumns],
    page: (cursor) => financeOf(broker, req.claim!, filter, cursor),
    fields: (row) => financeColumns.map((column) => String(row[column] ?? "")),
  });

const taxColumns = ["from", "currency", "country", "code", "percent", "taxable", "tax", "documents"] as const;

/** The organisation's tax report as CSV, earliest first. @throws VALIDATION_FAILED before anything is sent */
export const csvTax = (broker: ServiceBroker, req: EdgeRequest, res: EdgeResponse, filter: TaxFilter): Promise<void> =>
  sendCsv(req, res, {
    name: "tax.csv",
    header: [...taxColumns],
    page: (cursor) => taxOf(broker, req.claim!, filter, cursor),
    fields: (row) => taxColumns.map((column) => String(row[column])),
  });

const recurringColumns = ["month", "at", "currency", "mrr", "subscriptions"] as const;

/** The organisation's monthly recurring revenue as CSV, earliest first. @throws VALIDATION_FAILED before anything is sent */
export const csvRecurring = (
  broker: ServiceBroker,
  req: EdgeRequest,
  res: EdgeResponse,
  filter: Parameters<typeof recurringOf>[2],
): Promise<void> =>
  sendCsv(req, res, {
    name: "mrr.csv",
    header: [...recurringColumns],
    page: () => recurringOf(broker, req.claim!, filter),
    fields: (row) => recurringColumns.map((column) => String(row[column])),
  });
