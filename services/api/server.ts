import { readFileSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createSecureServer, type Http2SecureServer, type Http2Session } from "node:http2";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { pace, type Pace } from "./pace.ts";

export type Listener = (req: IncomingMessage, res: ServerResponse) => void;

export interface EdgeServer {
  /** Where it listens, e.g. http://127.0.0.1:3000. */
  readonly url: string;
  readonly secure: boolean;
  /** Takes no more connections, lets running requests end for `graceMs`, then cuts them. */
  stop(graceMs: number): Promise<void>;
}

export interface ServerOptions {
  host: string;
  /** 0 takes a free one. */
  port: number;
  certFile?: string;
  keyFile?: string;
}

const limits = {
  /** A client has so long for its headers. How long for its body depends on what that is: see body.ts; an upload may take hours. */
  headersTimeout: 15_000,
  requestTimeout: 0,
  /** Longer than the usual minute of a load balancer: it must be the one that closes an idle connection. */
  keepAliveTimeout: 65_000,
  maxHeaderSize: 16 * 1024,
};
/** A connection on which nothing moves for so long is cut; live streams have a heartbeat. */
const silenceMs = 120_000;
/** Connections that the system keeps for us to take; with Node's 511 the others of a crowd try again after a second, whoever they are. */
const backlog = 4_096;

/** Starts the HTTP server: HTTP/2 and HTTP/1.1 over TLS 1.3 with a certificate, plain HTTP/1.1 without. */
export async function startServer(options: ServerOptions, listener: Listener): Promise<EdgeServer> {
  const { certFile, keyFile, host, port } = options;
  if (!certFile !== !keyFile) throw new Error("TLS_CERT_FILE and TLS_KEY_FILE belong together; only one of them is set.");
  const secure = certFile !== undefined && keyFile !== undefined;
  const sessions = new Set<Http2Session>();
  const server = secure ? secureServer(certFile, keyFile, listener, sessions) : createServer(limits, listener);
  server.setTimeout(silenceMs);
  server.on("clientError", refuse);
  const paced = pace(server);
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen({ port, host, backlog }, resolve);
  });
  const address = server.address() as AddressInfo;
  const name = address.family === "IPv6" ? `[${address.address}]` : address.address;
  return {
    url: `${secure ? "https" : "http"}://${name}:${address.port}`,
    secure,
    stop: (graceMs) => stop(server, paced, sessions, graceMs),
  };
}

function secureServer(certFile: string, keyFile: string, listener: Listener, sessions: Set<Http2Session>): Http2SecureServer {
  const server = createSecureServer({
    cert: readFileSync(certFile),
    key: readFileSync(keyFile),
    minVersion: "TLSv1.3",
    allowHTTP1: true,
    // Node announces no limits of its own: a client could open streams without end.
    settings: { maxConcurrentStreams: 128, enablePush: false, maxHeaderListSize: limits.maxHeaderSize },
    ...limits,
  });
  server.on("request", listener as never);
  server.on("session", (session) => {
    sessions.add(session);
    session.on("close", () => sessions.delete(session));
  });
  return server;
}

async function stop(server: Server | Http2SecureServer, paced: Pace, sessions: Set<Http2Session>, graceMs: number): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  paced.cutSilent();
  for (const session of sessions) session.close();
  if ("closeIdleConnections" in server) server.closeIdleConnections();
  await Promise.race([closed, sleep(graceMs, undefined, { ref: false })]);
  for (const session of sessions) session.destroy();
  if ("closeAllConnections" in server) server.closeAllConnections();
  await Promise.race([closed, sleep(100)]);
}

const statusOf: Record<string, string> = {
  HPE_HEADER_OVERFLOW: "431 Request Header Fields Too Large",
  ERR_HTTP_REQUEST_TIMEOUT: "408 Request Timeout",
};

/** What is not HTTP never becomes a request; it gets a status line and the connection is closed. */
function refuse(error: NodeJS.ErrnoException, socket: { writable: boolean; end(text: string): void; destroy(): void }): void {
  if (!socket.writable || error.code === "ECONNRESET") return socket.destroy();
  socket.end(`HTTP/1.1 ${statusOf[error.code ?? ""] ?? "400 Bad Request"}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
}
