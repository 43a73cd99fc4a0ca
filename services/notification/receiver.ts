import { once } from "node:events";
import { createServer, type IncomingHttpHeaders, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** One request as it arrived. */
export interface Received {
  headers: IncomingHttpHeaders;
  body: string;
  at: number;
}

/** How the receiver answers; the request's number counts from 1. */
export type Answer = (response: ServerResponse, request: number) => void;

/** A webhook receiver on this machine that keeps all it gets: for specs and for trying things out. */
export class Receiver {
  readonly received: Received[] = [];
  answer: Answer = (response) => response.writeHead(204).end();
  private server: Server | undefined;
  private port = 0;

  /** Listens on a free port, after a `stop` on the same one again. */
  async start(): Promise<this> {
    this.server = createServer((request, response) => {
      void (async () => {
        const chunks: Buffer[] = [];
        for await (const chunk of request) chunks.push(chunk as Buffer);
        this.received.push({ headers: request.headers, body: Buffer.concat(chunks).toString(), at: Date.now() });
        this.answer(response, this.received.length);
      })();
    });
    this.server.listen(this.port, "127.0.0.1");
    await once(this.server, "listening");
    this.port = (this.server.address() as AddressInfo).port;
    return this;
  }

  /** "host:port", as an allow list names it. */
  get place(): string {
    return `127.0.0.1:${this.port}`;
  }

  get url(): string {
    return `http://${this.place}/hooks`;
  }

  async stop(): Promise<void> {
    const server = this.server;
    this.server = undefined;
    if (!server) return;
    server.closeAllConnections();
    server.close();
    await once(server, "close");
  }
}
