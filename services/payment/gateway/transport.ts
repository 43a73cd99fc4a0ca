import { type ApiResponse, Client, Environment } from "@paypal/paypal-server-sdk";
import type { Line } from "./connection.ts";
import { RateGuard } from "./guard.ts";
import { multipart } from "./multipart.ts";
import type { TokenSource } from "./token.ts";

type Factory = ReturnType<Client["getRequestBuilderFactory"]>;
type Builder = ReturnType<Factory>;

const liveOrigin = "https://api-m.paypal.com";
const sandboxOrigin = "https://api-m.sandbox.paypal.com";

/** Where PayPal listens: `url` when given, e.g. the simulator's, else PayPal's own origin of the environment. */
export const originOf = (environment: "sandbox" | "production", url?: string): string =>
  url ? new URL(url).origin : environment === "production" ? liveOrigin : sandboxOrigin;

/** Whether an address is PayPal's, live or sandbox. */
export function isPayPal(url: string): boolean {
  const { protocol, hostname } = new URL(url);
  return protocol === "https:" && (hostname === "paypal.com" || hostname.endsWith(".paypal.com"));
}

/**
 * The SDK's client with another origin and our own tokens. Every controller takes its requests from this factory.
 * The base constructor already calls `getRequestBuilderFactory`, so what it returns reads the fields only when a request is built.
 */
export class PayPalTransport extends Client {
  readonly #origin: string;
  readonly #tokens: TokenSource;
  readonly #guard: RateGuard;

  constructor(origin: string, tokens: TokenSource, timeoutMs: number, guard: RateGuard = new RateGuard()) {
    // The SDK knows no time-out unless told, and its environment only names the origin that is swapped below. No retries: settle looks first.
    super({ environment: Environment.Sandbox, timeout: timeoutMs, httpClientOptions: { timeout: timeoutMs } });
    this.#origin = origin;
    this.#tokens = tokens;
    this.#guard = guard;
  }

  override getRequestBuilderFactory(): Factory {
    const build = super.getRequestBuilderFactory();
    return (...line) => this.#dress(build(...line));
  }

  /** A request of our own making. Its answer carries the body as text. */
  send({ method, path, body, text, files, requestId, prefer }: Line, abortSignal: AbortSignal): Promise<ApiResponse<unknown>> {
    const request = this.getRequestBuilderFactory()(method, path);
    if (requestId !== undefined) request.header("PayPal-Request-Id", requestId);
    if (prefer !== undefined) request.header("Prefer", prefer);
    if (files) {
      // Of what the SDK calls a file, it sends the bytes as they are.
      request.stream({ file: multipart(body, files) } as Parameters<Builder["stream"]>[0]);
      return request.callAsText({ abortSignal });
    }
    const content = text ?? (body === undefined ? undefined : JSON.stringify(body));
    if (content !== undefined) {
      request.header("Content-Type", "application/json");
      request.text(content);
    }
    return request.callAsText({ abortSignal });
  }

  #dress(builder: Builder): Builder {
    builder.authenticate = () => {};
    builder.interceptRequest((request) => ({ ...request, url: request.url.replace(sandboxOrigin, this.#origin) }));
    builder.intercept(async (request, options, next) => {
      const send = async (token: string) => {
        await this.#guard.pass();
        const answer = await next({ ...request, headers: { ...request.headers, authorization: `Bearer ${token}` } }, options);
        this.#guard.learn(answer.response.statusCode, answer.response.headers["retry-after"]);
        return answer;
      };
      const token = await this.#tokens.current();
      const answer = await send(token);
      // A token revoked before its time: once with a fresh one. A second 401 is about us, not the token.
      return answer.response.statusCode === 401 ? send(await this.#tokens.renewed(token)) : answer;
    });
    return builder;
  }
}
