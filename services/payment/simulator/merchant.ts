import { randomBytes } from "node:crypto";
import type { ServerResponse } from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import type { Clock } from "./clock.ts";
import { type Faults, type Operation, refusalOf, spoil } from "./faults.ts";
import type { Request } from "./http.ts";
import { debugId, failure, mockReply, oauthFailure, type Reply } from "./replies.ts";
import { attempt, callOf, type Work } from "./routes.ts";

export interface Credentials {
  clientId: string;
  clientSecret: string;
}

const tokenSeconds = 32_400;
const hour = 3_600_000;

/** For how long PayPal remembers a PayPal-Request-Id: by the beginning of the path. */
const lifetimes: [path: string, ms: number][] = [
  ["/v2/checkout/", 6 * hour],
  ["/v2/payments/", 45 * 24 * hour],
  ["/v1/", 72 * hour],
  ["/v3/vault/", 3 * hour],
];

/** Of a simulator that runs for days the oldest answers are forgotten before their time. */
const mostRemembered = 50_000;

interface Memory {
  /** null while the first call is still under way. */
  reply: Reply | null;
  until: number;
}

/** What PayPal does around every merchant's call: tokens, PayPal-Request-Id, forced errors, faults, latency. */
export class MerchantDoor {
  readonly calls = new Map<Operation, number>();
  readonly #tokens = new Map<string, string>();
  /** Answers by merchant, operation, thing and PayPal-Request-Id. */
  readonly #remembered = new Map<string, Memory>();
  readonly #faults: Faults;
  readonly #clock: Clock;
  readonly #latencyMs: number;
  readonly #credentials: Credentials | undefined;

  constructor(faults: Faults, clock: Clock, latencyMs: number, credentials: Credentials | undefined) {
    this.#faults = faults;
    this.#clock = clock;
    this.#latencyMs = latencyMs;
    this.#credentials = credentials;
  }

  revokeTokens(): void {
    this.#tokens.clear();
  }

  /** The client id behind a request's bearer token, or behind its credentials when it asks for one. */
  #merchantOf(request: Request): string | undefined {
    return this.#tokens.get(/^Bearer (.+)$/i.exec(request.header("authorization") ?? "")?.[1] ?? "");
  }

  async giveToken(request: Request, response: ServerResponse): Promise<Reply | null> {
    const [clientId = "", clientSecret = ""] = credentialsOf(request);
    const fault = this.#begin("token", clientId, "");
    if (fault?.kind === "refuse") return refusalOf(fault);
    return spoil(fault, this.#grant(request, clientId, clientSecret), response);
  }

  #grant(request: Request, clientId: string, clientSecret: string): Reply {
    const wanted = this.#credentials;
    const known = wanted ? clientId === wanted.clientId && clientSecret === wanted.clientSecret : clientId && clientSecret;
    if (!known) return oauthFailure("invalid_client", "Client Authentication failed");
    if (new URLSearchParams(request.text).get("grant_type") !== "client_credentials")
      return { ...oauthFailure("unsupported_grant_type", "unsupported grant_type"), status: 400 };
    const token = `A21AA${randomBytes(32).toString("base64url")}`;
    this.#tokens.set(token, clientId);
    const scope = "https://uri.paypal.com/services/payments/payment";
    return {
      status: 200,
      body: { scope, access_token: token, token_type: "Bearer", app_id: "APP-SIMULATED", expires_in: tokenSeconds, nonce: debugId() },
    };
  }

  #begin(operation: Operation, merchant: string, id: string) {
    this.calls.set(operation, (this.calls.get(operation) ?? 0) + 1);
    return this.#faults.take(operation, merchant, id);
  }

  /** Counts the call, then fails as a fault wants it, or lets it in. */
  async operate(operation: Operation, request: Request, response: ServerResponse, ids: string[], work: Work): Promise<Reply | null> {
    const merchant = this.#merchantOf(request);
    const fault = this.#begin(operation, merchant ?? "", ids[0] ?? "");
    if (fault?.kind === "refuse") return refusalOf(fault);
    return spoil(fault, await this.#serve(operation, request, ids, merchant, work), response);
  }

  /** Who is it, was it answered before, is a failure wanted, else the work. */
  async #serve(operation: Operation, request: Request, ids: string[], merchant: string | undefined, work: Work): Promise<Reply> {
    if (!request.header("authorization")) return failure(401, { issue: "INVALID_ACCOUNT_STATUS", description: "No access token came." });
    if (merchant === undefined) return oauthFailure("invalid_token", "Token signature verification failed");
    if (request.text && !/^(application\/json|multipart\/)/i.test(request.header("content-type") ?? "")) return failure(415);
    const mocked = mockReply(request.header("paypal-mock-response"));
    if (mocked) return mocked;

    const requestId = request.header("paypal-request-id");
    const key = request.method === "POST" && requestId ? JSON.stringify([merchant, operation, ids, requestId]) : null;
    const earlier = key === null ? undefined : this.#recall(key);
    if (earlier?.reply === null)
      return failure(409, { issue: "PREVIOUS_REQUEST_IN_PROGRESS", description: "A previous request with this id is still in progress." });
    if (earlier) return { ...earlier.reply, status: earlier.reply.status === 201 ? 200 : earlier.reply.status };
    const lifetime = lifetimes.find(([path]) => request.url.pathname.startsWith(path))?.[1] ?? hour;
    const memory: Memory = { reply: null, until: this.#clock.now() + lifetime };
    if (key !== null) this.#remember(key, memory);
    try {
      await delay(this.#latencyMs / 2);
      // A copy: what it shows stands still, whatever happens to the thing shown.
      const reply = structuredClone(attempt(work, callOf(request, merchant, ids)));
      // Schema faults are not remembered: the caller mends the request and sends it under the same id.
      if (reply.status !== 400) memory.reply = reply;
      await delay(this.#latencyMs / 2);
      return reply;
    } finally {
      if (key !== null && memory.reply === null) this.#remembered.delete(key);
    }
  }

  #remember(key: string, memory: Memory): void {
    this.#remembered.set(key, memory);
    if (this.#remembered.size <= mostRemembered) return;
    const [oldest] = this.#remembered.keys();
    this.#remembered.delete(oldest!);
  }

  #recall(key: string): Memory | undefined {
    const memory = this.#remembered.get(key);
    if (memory && memory.until < this.#clock.now()) this.#remembered.delete(key);
    return this.#remembered.get(key);
  }
}

const credentialsOf = (request: Request) =>
  Buffer.from((request.header("authorization") ?? "").replace(/^Basic /i, ""), "base64")
    .toString()
    .split(":");
