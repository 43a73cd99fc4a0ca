import { randomUUID } from "node:crypto";
import { constants, type ServerHttp2Stream } from "node:http2";
import helmet from "helmet";
import { clientAddress } from "./client.ts";
import type { EdgeRequest, EdgeResponse } from "./exchange.ts";
import { versioned } from "./version.ts";

export interface DoorOptions {
  /** Browser origins that may read answers, compared as a whole. */
  origins: readonly string[];
  secure: boolean;
  /** Networks of proxies in front of the edge, whose X-Forwarded-For is believed. */
  trusted: readonly string[];
  /** Methods of a path, OPTIONS among them, as Allow states them. */
  methodsOf(path: string): string;
  /** Answers of the edge about itself: path → answer. */
  own: Record<string, (req: EdgeRequest, res: EdgeResponse) => void | Promise<void>>;
  log(req: EdgeRequest, res: EdgeResponse, ms: number): void;
  fail(req: EdgeRequest, res: EdgeResponse, error: unknown): void;
  /** The gateway behind the door. */
  inside(req: EdgeRequest, res: EdgeResponse): void;
}

const methods = "GET, HEAD, POST, PUT, PATCH, DELETE";
const exposed =
  "X-Request-ID, Location, ETag, Last-Modified, Accept-Ranges, Content-Range, Content-Disposition, Retry-After, Idempotency-Replayed";
const accepted =
  "Authorization, X-API-Key, Content-Type, Accept, Idempotency-Key, X-Request-ID, Last-Event-ID, Range, If-None-Match, If-Range";

/**
 * Everything that holds for each request before any route is looked for: request id, security headers, CORS, OPTIONS, version.
 * moleculer-web would let OPTIONS run actions and takes part of an allowed origin for the whole, so neither reaches it.
 */
export function door(options: DoorOptions): (req: EdgeRequest, res: EdgeResponse) => void {
  const protect = helmet({
    contentSecurityPolicy: { useDefaults: false, directives: { "default-src": ["'none'"], "frame-ancestors": ["'none'"], sandbox: [] } },
    strictTransportSecurity: options.secure,
  });
  return (req, res) => {
    const begin = performance.now();
    enter(req, res, options.trusted);
    res.once("close", () => {
      req.gone = true;
      options.log(req, res, performance.now() - begin);
    });
    protect(req, res, () => {
      try {
        res.setHeader("Cache-Control", "no-store");
        allowOrigin(options.origins, req, res);
        if (req.method === "OPTIONS") return answerOptions(options, req, res);
        const own = options.own[req.publicPath];
        if (own && (req.method === "GET" || req.method === "HEAD"))
          return void Promise.resolve(own(req, res)).catch((error: unknown) => options.fail(req, res, error));
        const { url, vendorType } = versioned(req.url ?? "/", req.headers.accept);
        req.url = url;
        if (vendorType) req.vendorType = vendorType;
        options.inside(req, res);
      } catch (error) {
        options.fail(req, res, error);
      }
    });
  };
}

/** The client's request id is kept when it is harmless in headers and logs. */
function enter(req: EdgeRequest, res: EdgeResponse, trusted: readonly string[]): void {
  const given = req.headers["x-request-id"];
  req.requestId = typeof given === "string" && /^[\w.:-]{1,128}$/.test(given) ? given : randomUUID();
  // moleculer-web takes the broker's request id from these two.
  req.headers["x-request-id"] = req.requestId;
  delete req.headers["x-correlation-id"];
  res.setHeader("X-Request-ID", req.requestId);
  req.publicPath = pathOf(req.url ?? "/");
  req.gone = false;
  // A socket that is closed no longer knows its address.
  const forwarded = req.headers["x-forwarded-for"];
  req.from = clientAddress(req.socket.remoteAddress, typeof forwarded === "string" ? forwarded : undefined, trusted);
  if (req.stream) leaveRest(req.stream);
}

/** HTTP/1.1 reads and drops what is left of a body after the answer; an HTTP/2 stream would stay open for it (RFC 9113, 8.1). */
function leaveRest(stream: ServerHttp2Stream): void {
  stream.once("finish", () => {
    if (!stream.endAfterHeaders && !stream.readableEnded) stream.close(constants.NGHTTP2_NO_ERROR);
  });
}

export function pathOf(url: string): string {
  const end = url.indexOf("?");
  return end < 0 ? url : url.slice(0, end);
}

/** No Access-Control-Allow-Credentials: the API knows no cookies. */
function allowOrigin(origins: readonly string[], req: EdgeRequest, res: EdgeResponse): void {
  if (!origins.length) return;
  res.setHeader("Vary", "Origin");
  const { origin } = req.headers;
  if (origin === undefined || !origins.includes(origin)) return;
  res.setHeader("Access-Control-Allow-Origin", origin);
  res.setHeader("Access-Control-Expose-Headers", exposed);
}

function answerOptions(options: DoorOptions, req: EdgeRequest, res: EdgeResponse): void {
  res.setHeader("Allow", options.methodsOf(pathOf(versioned(req.url ?? "/", req.headers.accept).url)));
  if (res.hasHeader("Access-Control-Allow-Origin") && req.headers["access-control-request-method"]) {
    res.setHeader("Access-Control-Allow-Methods", methods);
    res.setHeader("Access-Control-Allow-Headers", accepted);
    res.setHeader("Access-Control-Max-Age", 600);
  }
  res.statusCode = 204;
  res.end();
}
