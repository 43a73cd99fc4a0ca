import type { IncomingMessage, ServerResponse } from "node:http";
import type { ServerHttp2Stream } from "node:http2";
import type { Context } from "moleculer";
import type { Meta, Principal } from "../../config/permissions.ts";
import type { Route } from "./routes.ts";

/** A request on its way through the edge. HTTP/2 requests have the same shape through Node's compatibility layer. */
export interface EdgeRequest extends IncomingMessage {
  /** Of HTTP/2 requests alone. */
  stream?: ServerHttp2Stream;
  requestId: string;
  /** Path as the client wrote it, without the query: what problems and the access log name. */
  publicPath: string;
  /** Path and query as they came; moleculer-web keeps them here. */
  originalUrl: string;
  /** The client's address. */
  from: string | undefined;
  /** The response is closed. HTTP/2 responses do not tell by `destroyed`. */
  gone: boolean;
  /** The versioned media type, if the client asked for one. */
  vendorType?: string;
  /** Set when a route was found. */
  route?: Route;
  /** Set when the route asks for a permission. */
  claim?: string;
  /** Set when the edge itself had to know the caller. */
  principal?: Principal;
  /** Asks again whether the caller may have this; set with `principal`. @throws UNAUTHENTICATED, FORBIDDEN */
  admit?: () => Promise<Principal>;
  /** Waits for a place among the strangers, once the body is read; set on routes that take some at a time. @throws TOO_MANY_AT_ONCE */
  enter?: () => Promise<void>;
  /** Gives the place back. */
  leave?: () => void;
  query: URLSearchParams;
  $ctx: Context<unknown, Meta>;
  $params: Record<string, unknown>;
}

export type EdgeResponse = ServerResponse;

/** What all requests of a connection have in common: the `socket` of an HTTP/2 request is a proxy made for that request. */
export const connectionOf = ({ stream, socket }: Pick<EdgeRequest, "stream" | "socket">): object => stream?.session ?? socket;

/** A route that the edge answers itself. The params are merged, converted and checked. */
export type EdgeHandler = (req: EdgeRequest, res: EdgeResponse, params: Record<string, unknown>) => Promise<void>;

export function sendJson(res: EdgeResponse, status: number, body: unknown, mediaType = "application/json; charset=utf-8"): void {
  const text = JSON.stringify(body);
  res.statusCode = status;
  res.setHeader("Content-Type", mediaType);
  res.setHeader("Content-Length", Buffer.byteLength(text));
  res.end(res.req.method === "HEAD" ? undefined : text);
}
