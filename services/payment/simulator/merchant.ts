import { randomBytes } from "node:crypto";
import type { ServerResponse } from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import { type Faults, type Operation, refusalOf, spoil } from "./faults.ts";
import type { Request } from "./http.ts";
import { debugId, failure, mockReply, oauthFailure, type Reply } from "./replies.ts";

export interface Credentials {
  clientId: string;
  clientSecret: string;
}

/** An operation's work: synchronous, so that no other call comes between its checks and its effects. */
export type Work = (request: Request, merchant: string, id: string) => Reply;

const tokenSeconds = 32_400;

/** What PayPal does around every merchant's call: tokens, PayPal-Request-Id, forced errors, faults, latency. */
export class MerchantDoor {
  readonly calls = new Map<Operation, number>();
  readonly #tokens = new Map<string, string>();
  /** Answers by merchant, operation and PayPal-Request-Id; null while the first call is still under way. */
  readonly #remembered = new Map<string, Reply | null>();
  readonly #faults: Faults;
  readonly #latencyMs: number;
  readonly #credentials: Credentials | undefined;

  constructor(faults: Faults, latencyMs: number, credentials: Credentials | undefined) {
    this.#faults = faults;
    this.#latencyMs = latencyMs;
    this.#credentials = credentials;
  }

  /** The client id behind a request's bearer token. */
  merchantOf(request: Request): string | undefined {
    return this.#tokens.get(/^Bearer (.+)$/i.exec(request.header("authorization") ?? "")?.[1] ?? "");
  }

  revokeTokens(): void {
    this.#tokens.clear();
  }

  giveToken(request: Request): Reply {
    const basic = Buffer.from((request.header("authorization") ?? "").replace(/^Basic /i, ""), "base64").toString();
    const [clientId = "", clientSecret = ""] = basic.split(":");
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

  /** Counts the call, then fails as a fault wants it, or lets it in. */
  async operate(operation: Operation, request: Request, response: ServerResponse, id: string, work: Work): Promise<Reply | null> {
    this.calls.set(operation, (this.calls.get(operation) ?? 0) + 1);
    const fault = this.#faults.take(operation);
    if (fault?.kind === "refuse") return refusalOf(fault);
    const reply = operation === "token" ? work(request, "", "") : await this.#serve(operation, request, id, work);
    return spoil(fault, reply, response);
  }

  /** Who is it, was it answered before, is a failure wanted, else the work. */
  async #serve(operation: Operation, request: Request, id: string, work: Work): Promise<Reply> {
    if (!request.header("authorization")) return failure(401, { issue: "INVALID_ACCOUNT_STATUS", description: "No access token came." });
    const merchant = this.merchantOf(request);
    if (!merchant) return oauthFailure("invalid_token", "Token signature verification failed");
    if (request.method === "POST" && !/^application\/json/i.test(request.header("content-type") ?? "")) return failure(415);
    const mocked = mockReply(request.header("paypal-mock-response"));
    if (mocked) return mocked;

    const requestId = request.header("paypal-request-id");
    const key = request.method === "POST" && requestId ? `${merchant} ${operation} ${id} ${requestId}` : null;
    const earlier = key ? this.#remembered.get(key) : undefined;
    if (earlier === null)
      return failure(409, { issue: "PREVIOUS_REQUEST_IN_PROGRESS", description: "A previous request with this id is still in progress." });
    if (earlier) return { ...earlier, status: earlier.status === 201 ? 200 : earlier.status };
    if (key) this.#remembered.set(key, null);
    try {
      await delay(this.#latencyMs / 2);
      const reply = work(request, merchant, id);
      // Schema faults are not remembered: the caller mends the request and sends it under the same id.
      if (key && reply.status !== 400) this.#remembered.set(key, reply);
      await delay(this.#latencyMs / 2);
      return reply;
    } finally {
      if (key && this.#remembered.get(key) === null) this.#remembered.delete(key);
    }
  }
}
