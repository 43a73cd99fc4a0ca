import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** A web server that answers what a test wants. */
export interface Scripted {
  /** "127.0.0.1:port" */
  host: string;
  /** "http://127.0.0.1:port" */
  origin: string;
  /** All requests so far, in order: "GET /path?query". */
  asked: string[];
  /** Their header fields. */
  headers: IncomingHttpHeaders[];
  close(): Promise<void>;
}

/** @param answer every request; without it all are answered 404 */
export async function startScripted(answer?: (request: IncomingMessage, response: ServerResponse) => void): Promise<Scripted> {
  const asked: string[] = [];
  const headers: IncomingHttpHeaders[] = [];
  const server = createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`);
    headers.push(request.headers);
    request.resume();
    if (answer) answer(request, response);
    else response.writeHead(404).end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    host,
    origin: `http://${host}`,
    asked,
    headers,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
