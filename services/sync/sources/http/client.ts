import { setTimeout as pause } from "node:timers/promises";
import { request } from "undici";
import { errors, failureType } from "../../../../config/errors.ts";
import { retryAfter } from "../../../../mixins/retryafter.ts";
import { silenceOf } from "../reach.ts";
import type { HttpSpec } from "./access.ts";
import { drop, header, type Answer } from "./answer.ts";
import { agentFor, placeOf } from "./connect.ts";
import { connectionFault, isBroken, isSilence, statusFault } from "./fault.ts";
import { resolved, shown } from "./urls.ts";

export interface Ask {
  method?: "GET" | "HEAD" | "PROPFIND";
  url: URL;
  headers?: Record<string, string>;
  body?: string;
  signal?: AbortSignal | undefined;
}

export interface Client {
  /**
   * Asks until there is an answer that is not a redirect, and again when the server is busy or broke the connection.
   * @throws SOURCE_UNREACHABLE, SOURCE_NOT_ALLOWED (a redirect to where this source may not go), SOURCE_ITEM_UNSUPPORTED; the signal's reason
   */
  ask(ask: Ask): Promise<Answer>;
  /** Asks, and reads the answer's body by `consume`; begins again when the connection breaks meanwhile. */
  read<T>(ask: Ask, consume: (answer: Answer) => Promise<T>): Promise<T>;
  /** An error for an answer that was not expected; lets go of its body. */
  refusal(answer: Answer, path: string): Error;
  /** What a body broke off with, in the sources' vocabulary. */
  fault(error: unknown, answer: Answer): Error;
  close(): void;
}

const REDIRECTS = 5;
const ATTEMPTS = 4;
/** For who does not answer at all: each of them takes the longest silence. */
const SILENT_ATTEMPTS = 2;
/** Milliseconds before the second attempt; doubled for each further one. */
const BACKOFF = 200;
/** Longest wait that a server may ask for; beyond it the job has to come back, milliseconds. */
const PATIENCE = 30_000;
const busy = new Set([408, 429, 500, 502, 503, 504]);
const redirects = new Set([301, 302, 303, 307, 308]);

async function waitFor(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  try {
    await pause(milliseconds, undefined, { ...(signal && { signal }) });
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  }
}

/** Waits before the attempt after `attempt`, spread by a quarter so that what failed together does not come back together. */
export const backOff = (attempt: number, signal: AbortSignal | undefined): Promise<void> =>
  waitFor(BACKOFF * 2 ** (attempt - 1) * (0.75 + Math.random() / 2), signal);

/** Whether an attempt that failed was the last. */
const isLast = (attempt: number, error: unknown): boolean => attempt >= (isSilence(error) ? SILENT_ATTEMPTS : ATTEMPTS);

export function openClient(spec: HttpSpec): Client {
  const agent = agentFor(spec);
  const own = new URL(spec.url);
  const silence = silenceOf(spec);

  async function once({ method = "GET", headers, body, signal }: Ask, url: URL): Promise<Omit<Answer, "firm">> {
    const answer = await request(url, {
      dispatcher: agent,
      method: method as "GET",
      // undici gives a connection up after a HEAD or a PROPFIND otherwise.
      reset: false,
      headers: {
        "user-agent": "legendo-sync/1",
        accept: "*/*",
        "accept-encoding": "identity",
        ...headers,
        // To nobody but the host that they were given for.
        ...(url.origin === own.origin && spec.headers),
      },
      ...(body !== undefined && { body }),
      ...(signal && { signal }),
    });
    return { status: answer.statusCode, headers: answer.headers, body: answer.body, url };
  }

  /** @param at where it has got to: known to the caller also when it fails */
  async function follow(ask: Ask, at: { url: URL }): Promise<Answer> {
    let firm = ask.url;
    // The source's own host was looked at when the source was made, and is again by each connection.
    if (firm.origin !== own.origin) placeOf(spec, firm);
    for (let hops = 0; ; hops++) {
      const { url } = at;
      const answer: Answer = { ...(await once(ask, url)), firm };
      const location = redirects.has(answer.status) ? header(answer, "location") : undefined;
      if (location === undefined) return answer;
      drop(answer);
      if (hops === REDIRECTS) throw errors.sourceUnsupported(`${shown(ask.url)} redirects more than ${REDIRECTS} times.`);
      const next = nextHop(url, location);
      placeOf(spec, next);
      if (firm === url && (answer.status === 301 || answer.status === 308)) firm = next;
      at.url = next;
    }
  }

  const client: Client = {
    async ask(ask) {
      for (let attempt = 1; ; attempt++) {
        const at = { url: ask.url };
        try {
          const answer = await follow(ask, at);
          if (!busy.has(answer.status) || attempt === ATTEMPTS) return answer;
          const wait = retryAfter(header(answer, "retry-after")) ?? 0;
          if (wait > PATIENCE) return answer;
          drop(answer);
          await waitFor(wait, ask.signal);
        } catch (error) {
          ask.signal?.throwIfAborted();
          // SOURCE_UNREACHABLE: there was no connection.
          const mayPass = isBroken(error) || failureType(error) === "SOURCE_UNREACHABLE";
          if (!mayPass || isLast(attempt, error)) throw connectionFault(error, at.url.host, silence);
        }
        await backOff(attempt, ask.signal);
      }
    },

    async read(ask, consume) {
      for (let attempt = 1; ; attempt++) {
        const answer = await client.ask(ask);
        try {
          return await consume(answer);
        } catch (error) {
          answer.body.on("error", () => {}).destroy();
          ask.signal?.throwIfAborted();
          if (!isBroken(error) || isLast(attempt, error)) throw client.fault(error, answer);
        }
        await backOff(attempt, ask.signal);
      }
    },

    refusal(answer, path) {
      drop(answer);
      return statusFault(answer, path, own);
    },

    fault: (error, { url }) => connectionFault(error, url.host, silence),

    close() {
      void agent.destroy();
    },
  };
  return client;
}

function nextHop(from: URL, location: string): URL {
  const next = resolved(location, from);
  if (!next || !/^https?:$/.test(next.protocol))
    throw errors.sourceUnsupported(`${shown(from)} redirects to something that is no web address.`);
  if (from.protocol === "https:" && next.protocol === "http:") {
    throw errors.sourceNotAllowed(`${shown(from)} redirects to ${next.host} without TLS; a place that was given with https stays with it.`);
  }
  next.username = next.password = next.hash = "";
  return next;
}
