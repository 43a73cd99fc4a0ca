import type { ServerResponse } from "node:http";
import { failure, type Reply, unreadable } from "./replies.ts";

export const operations = [
  "token",
  ...(["orders.create", "orders.get", "orders.patch", "orders.confirm", "orders.capture", "orders.authorize"] as const),
  ...(["authorizations.get", "authorizations.capture", "authorizations.reauthorize", "authorizations.void"] as const),
  ...(["captures.get", "captures.refund", "refunds.get"] as const),
  ...([
    "webhooks.create",
    "webhooks.list",
    "webhooks.get",
    "webhooks.patch",
    "webhooks.delete",
    "webhooks.types",
    "webhooks.known",
    "webhooks.verify",
  ] as const),
  ...(["disputes.list", "disputes.get", "disputes.accept", "disputes.evidence", "disputes.escalate", "disputes.message"] as const),
  ...(["disputes.appeal", "disputes.adjudicate", "disputes.require", "transactions.search", "balances.list"] as const),
  ...(["invoices.number", "invoices.search", "invoices.create", "invoices.list", "invoices.get", "invoices.update"] as const),
  ...(["invoices.delete", "invoices.send", "invoices.remind", "invoices.cancel", "invoices.pay", "invoices.unpay"] as const),
  ...(["invoices.refund", "invoices.unrefund"] as const),
  ...(["setup-tokens.create", "setup-tokens.get", "payment-tokens.create", "payment-tokens.list"] as const),
  ...(["payment-tokens.get", "payment-tokens.delete"] as const),
  ...(["products.create", "products.list", "products.get", "products.patch"] as const),
  ...(["plans.create", "plans.list", "plans.get", "plans.patch", "plans.activate", "plans.deactivate", "plans.prices"] as const),
  ...(["subscriptions.create", "subscriptions.list", "subscriptions.get", "subscriptions.patch", "subscriptions.activate"] as const),
  ...(["subscriptions.suspend", "subscriptions.cancel", "subscriptions.revise", "subscriptions.capture"] as const),
  ...(["subscriptions.transactions", "sales.get", "sales.refund"] as const),
  ...(["events.list", "events.get", "events.resend", "events.simulate"] as const),
] as const;
export type Operation = (typeof operations)[number];

const kinds = ["refuse", "fail", "hang", "reset", "empty", "strip", "late"] as const;

/**
 * What goes wrong with the next `times` calls of an operation.
 * refuse: answers `status` without doing the work. fail: does the work and answers `status`, 500 unless told otherwise.
 * hang: does the work and never answers. reset: does the work and cuts the connection. empty: does the work and answers without a body.
 * strip: does the work and leaves every `value` out of the answer. late: does the work and answers `delayMs` later.
 */
export interface Fault {
  operation: Operation;
  kind: (typeof kinds)[number];
  times?: number;
  status?: number;
  issue?: string;
  /** Seconds, sent as `Retry-After`; one with a 429 unless told otherwise. */
  retryAfter?: number;
  delayMs?: number;
  /** Only calls of this client. */
  merchant?: string;
  /** Only calls about the thing with this id. */
  id?: string;
}

/** A fault as a script sends it. @throws Refused that says what is wrong with it. */
export function readFault(body: unknown): Fault {
  const fault = (body ?? {}) as Partial<Fault>;
  if (!operations.includes(fault.operation as Operation))
    throw unreadable(`operation must be "webhook" or one of ${operations.join(", ")}`);
  if (!kinds.includes(fault.kind as Fault["kind"])) throw unreadable(`kind must be one of ${kinds.join(", ")}`);
  return fault as Fault;
}

/** The faults that wait for their call. */
export class Faults {
  readonly #waiting: (Fault & { times: number })[] = [];

  add(fault: Fault): void {
    this.#waiting.push({ ...fault, times: fault.times ?? 1 });
  }

  /** The fault of this call, used up by asking. */
  take(operation: Operation, merchant: string, id: string): Fault | undefined {
    const index = this.#waiting.findIndex(
      (fault) => fault.operation === operation && (fault.merchant ?? merchant) === merchant && (fault.id ?? id) === id,
    );
    const fault = this.#waiting[index];
    if (fault && --fault.times <= 0) this.#waiting.splice(index, 1);
    return fault;
  }
}

/** The reply of a "refuse", and of a "fail" in place of the true one. */
export function refusalOf({ status = 503, issue, retryAfter = status === 429 ? 1 : undefined }: Fault): Reply {
  const reply = failure(status, ...(issue ? [{ issue, description: issue }] : []));
  return retryAfter === undefined ? reply : { ...reply, headers: { "retry-after": String(retryAfter) } };
}

/** Spoils the answer of work that was done. @returns the reply to send, or null when nothing is to be sent. */
export async function spoil(fault: Fault | undefined, reply: Reply, response: ServerResponse): Promise<Reply | null> {
  switch (fault?.kind) {
    case "hang":
      return null;
    case "reset":
      response.destroy();
      return null;
    case "fail":
      return refusalOf({ ...fault, status: fault.status ?? 500 });
    case "empty":
      return { ...reply, body: "" };
    case "strip":
      return { ...reply, body: JSON.parse(JSON.stringify(reply.body, (key, value: unknown) => (key === "value" ? undefined : value))) };
    case "late":
      await new Promise((resolve) => setTimeout(resolve, fault.delayMs ?? 1_000).unref());
      return reply;
    case "refuse":
    case undefined:
      return reply;
  }
}
