import { unreadable } from "./replies.ts";

const kinds = ["drop", "duplicate", "delay", "reorder"] as const;

/**
 * What goes wrong on the way to webhooks with the next `times` events.
 * drop: never sent (`events.list` and resend still know them). duplicate: sent `copies` times (2). delay: sent after `delayMs`.
 * reorder: held until `times` of them wait (2), then sent last first.
 */
export interface WebhookFault {
  operation: "webhook";
  kind: (typeof kinds)[number];
  /** Only events of this type; `*` at the end stands for any ending. */
  eventType?: string;
  /** Only those of this client. */
  merchant?: string;
  times?: number;
  copies?: number;
  delayMs?: number;
}

/** A webhook fault as a script sends it. @throws Refused that says what is wrong with it. */
export function readWebhookFault(body: unknown): WebhookFault {
  const fault = body as WebhookFault;
  if (!kinds.includes(fault.kind)) throw unreadable(`kind must be one of ${kinds.join(", ")}`);
  return fault;
}

/** Sends an event, `afterMs` later when given; done when it has arrived or was given up. */
type Send = (afterMs?: number) => Promise<void>;

interface Waiting extends WebhookFault {
  left: number;
  held: Send[];
}

/** The weather between PayPal and its webhooks. */
export class Weather {
  readonly #faults: Waiting[] = [];

  add(fault: WebhookFault): void {
    this.#faults.push({ ...fault, left: fault.times ?? (fault.kind === "reorder" ? 2 : 1), held: [] });
  }

  /** Lets an event go its way: as it is, or as the first fault that fits it wants. */
  pass(merchant: string, eventType: string, send: Send): void {
    const fault = this.#faults.find((one) => (one.merchant ?? merchant) === merchant && fits(one.eventType ?? "*", eventType));
    if (!fault) return void send();
    if (--fault.left <= 0) this.#faults.splice(this.#faults.indexOf(fault), 1);
    switch (fault.kind) {
      case "drop":
        return;
      case "duplicate":
        for (let copy = 0; copy < (fault.copies ?? 2); copy++) void send();
        return;
      case "delay":
        return void send(fault.delayMs ?? 1_000);
      case "reorder":
        fault.held.unshift(send);
        if (fault.left <= 0) void inTurn(fault.held);
    }
  }
}

async function inTurn(sends: Send[]): Promise<void> {
  for (const send of sends) await send();
}

const fits = (wanted: string, type: string) => (wanted.endsWith("*") ? type.startsWith(wanted.slice(0, -1)) : type === wanted);
