import { bodies } from "./bodies.ts";
import type { Operation } from "./faults.ts";
import type { Request } from "./http.ts";
import { failure, Refused, type Reply } from "./replies.ts";
import { demandShape } from "./shape.ts";

/** One request as an operation sees it. */
export interface Call {
  request: Request;
  /** The client id behind the token. Empty for controls and payers' pages. */
  merchant: string;
  /** What stands in the path where the route has a colon, in order; `id` is the first. */
  ids: string[];
  id: string;
  query: URLSearchParams;
  /** The JSON body; an empty object when none came. */
  body: Record<string, unknown>;
  /** Whether `Prefer: return=representation` came. */
  whole: boolean;
}

/** An operation's work: synchronous, so that no other call comes between its checks and its effects. Refuses by throwing `Refused`. */
export type Work = (call: Call) => Reply;

/** A line such as "POST /v2/checkout/orders/:id/capture" and what it does. Those without an operation need no token. */
export interface Route {
  method: string;
  path: RegExp;
  operation: Operation | null;
  work: Work;
}

const routeOf = (line: string, operation: Operation | null, work: Work): Route => {
  const [method = "", path = ""] = line.split(" ");
  return { method, path: new RegExp(`^${path.replace(/:\w+/g, "([^/]{1,64})")}$`), operation, work };
};

/** An operation of PayPal's API. A body that is not like its example never reaches it. */
export const on = (line: string, operation: Operation, work: Work) =>
  routeOf(line, operation, (call) => {
    demandShape(call.body, bodies[operation] ?? null);
    return work(call);
  });

/** A control or a page: open to whoever reaches the simulator. */
export const open = (line: string, work: Work) => routeOf(line, null, work);

export interface Match {
  route: Route;
  ids: string[];
}

/** The route of a request. @throws Refused 404, or 405 when the path exists for other methods. */
export function match(routes: readonly Route[], method: string, pathname: string): Match {
  let known = false;
  for (const route of routes) {
    const found = route.path.exec(pathname);
    if (!found) continue;
    known = true;
    if (route.method === method) return { route, ids: found.slice(1).map((id) => decodeURIComponent(id)) };
  }
  throw new Refused(failure(known ? 405 : 404));
}

export function callOf(request: Request, merchant: string, ids: string[]): Call {
  const text = jsonIn(request.header("content-type") ?? "", request.text).trim();
  const body: unknown = text ? JSON.parse(text, withoutNulls) : {};
  return {
    request,
    merchant,
    ids,
    id: ids[0] ?? "",
    query: request.url.searchParams,
    body: (body ?? {}) as Record<string, unknown>,
    whole: /return=representation/i.test(request.header("prefer") ?? ""),
  };
}

/** A member that is null counts as left out. */
function withoutNulls(this: unknown, _name: string, value: unknown): unknown {
  return value === null && !Array.isArray(this) ? undefined : value;
}

/** Names of the files that came with a request. */
export const filesIn = ({ text }: Pick<Request, "text">): string[] =>
  [...text.matchAll(/Content-Disposition: form-data;[^\r\n]*filename="([^"]*)"/gi)].map(([, name]) => name!);

/** The JSON of a request: its body, or the part called "input" of one with files. */
function jsonIn(type: string, text: string): string {
  if (/^application\/json/i.test(type)) return text;
  if (!/^multipart\//i.test(type)) return "";
  return /name="?input"?[^]*?\r?\n\r?\n([^]*?)\r?\n--/.exec(text)?.[1] ?? "";
}

/** Does the work, making a refusal its reply. */
export function attempt(work: Work, call: Call): Reply {
  try {
    return work(call);
  } catch (error) {
    if (error instanceof Refused) return error.reply;
    throw error;
  }
}
