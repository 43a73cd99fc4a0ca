import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Recorder } from "./recording.ts";
import { debugId, failure, type Reply } from "./replies.ts";

/** What the simulator wants to know of a request. */
export interface Request {
  method: string;
  url: URL;
  header(name: string): string | undefined;
  text: string;
}

/** Answers a request; null when nothing is to be sent, or the connection was cut. */
export type Route = (request: Request, response: ServerResponse) => Promise<Reply | null>;

const mostBytes = 1_000_000;

/** Reads a request, routes it, sends the answer, and has both recorded. */
export async function answer(incoming: IncomingMessage, response: ServerResponse, route: Route, record: Recorder): Promise<void> {
  const started = Date.now();
  const [method, path] = [incoming.method ?? "GET", incoming.url ?? "/"];
  let reply: Reply | null;
  let request = "";
  try {
    const header = (name: string) => incoming.headers[name]?.toString();
    request = await readText(incoming);
    reply = await route({ method, url: new URL(path, "http://simulator"), header, text: request }, response);
  } catch (error) {
    reply =
      error instanceof SyntaxError || error instanceof URIError
        ? failure(400, { issue: "MALFORMED_REQUEST_JSON", location: "body" })
        : failure(500, { issue: "INTERNAL_SERVICE_ERROR", description: String(error) });
  }
  const text = typeof reply?.body === "string" ? reply.body : reply?.body === undefined ? "" : JSON.stringify(reply.body);
  const isSent = reply !== null && !response.destroyed;
  record({
    direction: "in",
    method,
    path,
    headers: incoming.headers,
    request,
    status: isSent ? reply!.status : 0,
    response: text,
    started,
  });
  if (!reply || response.destroyed) return;
  response.writeHead(reply.status, { "content-type": "application/json;charset=UTF-8", "paypal-debug-id": debugId(), ...reply.headers });
  response.end(text);
}

async function readText(incoming: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of incoming as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > mostBytes) throw new SyntaxError(`A request has at most ${mostBytes} bytes.`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

/** Starts listening. @returns the origin, e.g. "http://127.0.0.1:41234". */
export async function listen(server: Server, host: string, port: number): Promise<string> {
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, () => {
      server.off("error", reject);
      resolve();
    });
  });
  return `http://${host.includes(":") ? `[${host}]` : host}:${(server.address() as AddressInfo).port}`;
}
