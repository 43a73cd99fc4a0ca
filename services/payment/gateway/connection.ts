import type { ApiResponse } from "@paypal/paypal-server-sdk";
import CircuitBreaker from "opossum";
import type { Outcome } from "./gateway.ts";
import { RateGuard, type Rate } from "./guard.ts";
import { isOutage, outcomeOfAnswer, outcomeOfError } from "./outcome.ts";
import type { SharedToken } from "./sharedtoken.ts";
import { fetchGrant, tokenSource, type TokenSource } from "./token.ts";
import { isPayPal, originOf, PayPalTransport } from "./transport.ts";

export interface PayPalOptions {
  clientId: string;
  clientSecret: string;
  environment?: "sandbox" | "production";
  /** Another origin than PayPal's own: the simulator's. */
  url?: string;
  /** After which a call is given up and its outcome unknown, in milliseconds. */
  timeoutMs?: number;
  breaker?: CircuitBreaker.Options;
  /** Where the cluster's nodes keep the account's token together. */
  sharedToken?: SharedToken;
  rate?: Rate;
}

type Call = (abortSignal: AbortSignal) => Promise<ApiResponse<unknown>>;

export interface FilePart {
  /** Without quotes, line breaks and what is not ASCII. */
  name: string;
  mediaType: string;
  bytes: Uint8Array;
}

/** A request that the SDK has no method for. */
export interface Line {
  method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** With its query, e.g. "/v2/invoicing/invoices?page=1"; begins with a slash. */
  path: string;
  /** Sent as JSON. */
  body?: unknown;
  /** JSON that is sent as it is, where every byte counts. */
  text?: string;
  /** Files that are sent beside `body`, which then is the part called "input". */
  files?: readonly FilePart[];
  /** PayPal-Request-Id, where the endpoint takes one. */
  requestId?: string;
  /** Without it PayPal answers minimally, which leaves out amounts. */
  prefer?: string;
}

/** What the body of a good answer says; null when it is not what was asked for. An answer without a body is read as null. */
export type Read<T> = (body: unknown) => T | null;

/** The credentials of one PayPal account at work: one token, one breaker, one time-out for everything asked with them. */
export interface PayPalConnection {
  readonly origin: string;
  /** Whether a simulator stands behind it. */
  readonly simulated: boolean;
  /** What the SDK's controllers are made with. */
  readonly transport: PayPalTransport;
  /** Asks through one of the SDK's controllers. Never throws for what PayPal or a network does. */
  ask<T>(call: Call, read: Read<T>): Promise<Outcome<T>>;
  /** Asks at an endpoint that the SDK lacks. Never throws for what PayPal or a network does. */
  send<T>(line: Line, read: Read<T>): Promise<Outcome<T>>;
  /** The same account and token with a breaker and a rate of its own: for what strangers can bring about, so that it never stands in the way of payments. */
  readonly aside: PayPalConnection;
  close(): void;
}

/** Opens no socket before the first request. */
export function paypalConnection(options: PayPalOptions): PayPalConnection {
  const { clientId, clientSecret, environment = "sandbox", url, timeoutMs = 15_000 } = options;
  const origin = originOf(environment, url);
  return connect(
    origin,
    tokenSource(() => fetchGrant(origin, clientId, clientSecret, timeoutMs), options.sharedToken),
    timeoutMs,
    options,
  );
}

function connect(
  origin: string,
  tokens: TokenSource,
  timeoutMs: number,
  options: Pick<PayPalOptions, "breaker" | "rate">,
): PayPalConnection {
  const transport = new PayPalTransport(origin, tokens, timeoutMs, new RateGuard(options.rate));
  let aside: PayPalConnection | null = null;

  const breaker = new CircuitBreaker((call: Call) => call(AbortSignal.timeout(timeoutMs)), {
    name: "paypal",
    // The signal ends a call; this ends one that does not listen to its signal.
    timeout: timeoutMs + 1_000,
    errorThresholdPercentage: 50,
    volumeThreshold: 5,
    resetTimeout: 10_000,
    rollingCountTimeout: 30_000,
    // A refusal is an answer: only outages open the breaker.
    errorFilter: (error: unknown) => !isOutage(error),
    ...options.breaker,
  });

  async function ask<T>(call: Call, read: Read<T>): Promise<Outcome<T>> {
    try {
      return outcomeOfAnswer(await breaker.fire(call), read);
    } catch (error) {
      return outcomeOfError(error, read);
    }
  }

  return {
    origin,
    simulated: !isPayPal(origin),
    transport,
    ask,
    send: (line, read) => ask((abortSignal) => transport.send(line, abortSignal), read),
    get aside() {
      return (aside ??= connect(origin, tokens, timeoutMs, options));
    },
    close() {
      breaker.shutdown();
      aside?.close();
    },
  };
}
