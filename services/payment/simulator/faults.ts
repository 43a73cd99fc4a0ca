import type { ServerResponse } from "node:http";
import type { Reply } from "./replies.ts";
import { failure } from "./replies.ts";

export const operations = ["token", "orders.create", "orders.get", "orders.capture"] as const;
export type Operation = (typeof operations)[number];

/**
 * What goes wrong with the next `times` calls of an operation.
 * refuse: answers `status` without doing the work. hang: does the work and never answers. reset: does the work and cuts the connection.
 * empty: does the work and answers without a body. strip: does the work and leaves every `value` out of the answer.
 */
export interface Fault {
  operation: Operation;
  kind: "refuse" | "hang" | "reset" | "empty" | "strip";
  times?: number;
  status?: number;
  issue?: string;
}
const kinds = ["refuse", "hang", "reset", "empty", "strip"];

/** A fault as a script sends it, or a sentence that says what is wrong with it. */
export function readFault(body: unknown): Fault | string {
  const fault = body as Partial<Fault> | null;
  if (!operations.includes(fault?.operation as Operation)) return `operation must be one of ${operations.join(", ")}`;
  if (!kinds.includes(fault?.kind as string)) return `kind must be one of ${kinds.join(", ")}`;
  return fault as Fault;
}

/** The faults that wait for their call. */
export class Faults {
  readonly #waiting: (Fault & { times: number })[] = [];

  add(fault: Fault): void {
    this.#waiting.push({ ...fault, times: fault.times ?? 1 });
  }

  /** The fault of this call, used up by asking. */
  take(operation: Operation): Fault | undefined {
    const index = this.#waiting.findIndex((fault) => fault.operation === operation);
    const fault = this.#waiting[index];
    if (fault && --fault.times <= 0) this.#waiting.splice(index, 1);
    return fault;
  }
}

/** The reply that a "refuse" gives instead of the work. */
export const refusalOf = ({ status = 503, issue }: Fault): Reply => failure(status, ...(issue ? [{ issue, description: issue }] : []));

/** Spoils the answer of work that was done. @returns the reply to send, or null when nothing is to be sent. */
export function spoil(fault: Fault | undefined, reply: Reply, response: ServerResponse): Reply | null {
  switch (fault?.kind) {
    case "hang":
      return null;
    case "reset":
      response.destroy();
      return null;
    case "empty":
      return { ...reply, body: "" };
    case "strip":
      return { ...reply, body: JSON.parse(JSON.stringify(reply.body, (key, value: unknown) => (key === "value" ? undefined : value))) };
    case "refuse":
    case undefined:
      return reply;
  }
}
