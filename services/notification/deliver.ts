import { Agent, request, type Dispatcher } from "undici";
import { errors, messageOf } from "../../config/errors.ts";
import { guardedLookup } from "../../mixins/reach.ts";
import { retryAfter } from "../../mixins/retryafter.ts";
import { addressFaults, isAllowed } from "./address.ts";
import { sign } from "./signature.ts";

const timeoutMs = 15_000;
/** How much of an answer is read, in bytes; an endless one would otherwise fill memory. */
const answerLimit = 16 * 1024;
/** How much of it is kept to show the owner, in characters. */
const excerptLength = 200;

export interface Message {
  url: string;
  /** Sent as webhook-id: the same for every attempt at an event, so that receivers can tell repeats. */
  eventId: string;
  /** The very text that is signed. */
  body: string;
  keys: readonly Uint8Array[];
}

/** How one attempt ended. */
export interface Outcome {
  ok: boolean;
  /** HTTP status; null when there was no answer. */
  status: number | null;
  /** What the receiver asked us to wait, in ms. */
  retryAfterMs: number | null;
  /** A sentence for the endpoint's owner; null when ok. */
  error: string | null;
}

export interface Sender {
  /** One attempt. Never throws. `signal` gives it up. */
  send(message: Message, signal: AbortSignal): Promise<Outcome>;
  close(): Promise<void>;
}

/**
 * Sends webhooks: signed, to checked addresses alone, without following redirects.
 * @param allow "host:port" of places that may be private
 */
export function openSender(allow: readonly string[], limits: { timeoutMs: number } = { timeoutMs }): Sender {
  const options = { connect: { timeout: 10_000 }, allowH2: false, maxHeaderSize: 16 * 1024 };
  // Used for nothing else: a socket of these pools leads to an address that was checked for a webhook.
  const guarded = new Agent({ ...options, connect: { ...options.connect, lookup: guardedLookup(errors.webhookAddress) } });
  const unguarded = new Agent(options);
  return {
    async send(message, signal) {
      const faults = addressFaults(message.url, allow);
      if (faults.length) return failed(null, `The URL ${faults.join(" and ")}.`);
      const dispatcher = isAllowed(new URL(message.url), allow) ? unguarded : guarded;
      const timeout = AbortSignal.timeout(limits.timeoutMs);
      try {
        return await attempt(message, dispatcher, AbortSignal.any([signal, timeout]));
      } catch (error) {
        if (timeout.aborted) return failed(null, `The receiver did not answer within ${limits.timeoutMs / 1000} s.`);
        return failed(null, `The receiver could not be reached: ${reasonOf(error)}.`);
      }
    },
    async close() {
      await Promise.all([guarded.destroy(), unguarded.destroy()]);
    },
  };
}

async function attempt({ url, eventId, body, keys }: Message, dispatcher: Agent, signal: AbortSignal): Promise<Outcome> {
  const headers = {
    ...sign(keys, eventId, Date.now() / 1000, body),
    "content-type": "application/json",
    "user-agent": "legendo-webhooks/1",
  };
  const answer = await request(url, { method: "POST", headers, body, dispatcher, signal });
  const status = answer.statusCode;
  if (status >= 200 && status < 300) {
    // The verdict stands; what follows only frees the socket for the next message.
    await answer.body.dump({ limit: answerLimit, signal }).catch(() => {});
    return { ok: true, status, retryAfterMs: null, error: null };
  }
  const excerpt = await excerptOf(answer.body);
  const error = `The receiver answered ${status}${excerpt ? `: ${excerpt}` : "."}`;
  return failed(status, error, retryAfter(headerOf(answer.headers, "retry-after")));
}

async function excerptOf(body: Dispatcher.ResponseData["body"]): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of body) {
      chunks.push(chunk as Buffer);
      size += (chunk as Buffer).length;
      // Leaving the loop closes the socket.
      if (size >= answerLimit) break;
    }
  } catch {
    // The answer's status counts, whatever becomes of its body.
  }
  const text = Buffer.concat(chunks).subarray(0, answerLimit).toString();
  // PostgreSQL takes no NUL, terminals no escape sequences.
  return text
    .replace(/[\p{Cc}\p{Cs}\s]+/gu, " ")
    .trim()
    .slice(0, excerptLength)
    .toWellFormed();
}

const headerOf = (headers: Record<string, string | string[] | undefined>, name: string): string | undefined => {
  const value = headers[name];
  return Array.isArray(value) ? value[0] : value;
};

/** Node joins the failures of several addresses into an error without a message; its code then says more. */
function reasonOf(error: unknown): string {
  const { code } = error as { code?: unknown };
  return (messageOf(error) || (typeof code === "string" ? code : "unknown")).replace(/\.$/, "");
}

const failed = (status: number | null, error: string, retryAfterMs: number | null = null): Outcome => ({
  ok: false,
  status,
  retryAfterMs,
  error,
});
