import { appendFileSync } from "node:fs";

/** One request and its answer: "in" to the simulator, "out" to a webhook. */
export interface Exchange {
  direction: "in" | "out";
  method: string;
  /** Path and query; the whole address of a webhook. */
  path: string;
  headers: Readonly<Record<string, string | string[] | undefined>>;
  request: string;
  /** 0 when nothing was sent, or nobody answered. */
  status: number;
  response: string;
  /** Milliseconds since 1970. */
  started: number;
}

export type Recorder = (exchange: Exchange) => void;

const secretHeader = /^(authorization|cookie|paypal-auth-assertion)$/i;
const secretMember = /^(access_token|client_secret|number|security_code|id_token|nonce|account_number|iban)$/;

/** JSON with its secrets masked; other text is kept unless it is a form, which only tokens are asked with. */
function readable(text: string): unknown {
  if (text === "") return null;
  try {
    return JSON.parse(text, (key, value: unknown) => (secretMember.test(key) && typeof value === "string" ? "•••" : value)) as unknown;
  } catch {
    return text.replace(/(client_secret|assertion|code)=[^&]*/g, "$1=•••");
  }
}

/** A recorder that appends each exchange to a file as one line of JSON, secrets masked. */
export const recordTo =
  (file: string): Recorder =>
  ({ headers, request, response, started, ...exchange }) => {
    const shown = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, secretHeader.test(name) ? "•••" : value]));
    const line = {
      at: new Date(started).toISOString(),
      ms: Date.now() - started,
      ...exchange,
      headers: shown,
      request: readable(request),
      response: readable(response),
    };
    appendFileSync(file, JSON.stringify(line) + "\n");
  };
