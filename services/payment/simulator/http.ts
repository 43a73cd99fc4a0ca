import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
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

export async function answer(incoming: IncomingMessage, response: ServerResponse, route: Route): Promise<void> {
  let reply: Reply | null;
  try {
    const header = (name: string) => incoming.headers[name]?.toString();
    const url = new URL(incoming.url ?? "/", "http://simulator");
    reply = await route({ method: incoming.method ?? "GET", url, header, text: await readText(incoming) }, response);
  } catch (error) {
    reply = error instanceof SyntaxError ? failure(400, { issue: "MALFORMED_REQUEST_JSON", location: "body" }) : failure(500);
  }
  if (!reply || response.destroyed) return;
  const text = typeof reply.body === "string" ? reply.body : reply.body === undefined ? "" : JSON.stringify(reply.body);
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
