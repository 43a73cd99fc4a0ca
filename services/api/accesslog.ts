import type { EdgeRequest, EdgeResponse } from "./exchange.ts";

interface Log {
  info(...args: unknown[]): void;
  debug(...args: unknown[]): void;
}

/** One line per request. Without the query: it may carry what is nobody's business. */
export function logRequest(log: Log, req: EdgeRequest, res: EdgeResponse, ms: number): void {
  const { route, principal, requestId, publicPath: path, method, from } = req;
  const facts = {
    requestId,
    method,
    path,
    route: route?.path,
    status: res.statusCode,
    ms: Math.round(ms * 10) / 10,
    from,
    protocol: req.httpVersion,
    ...(res.writableFinished ? {} : { aborted: true }),
    ...(principal ? { tenantId: principal.tenantId, subject: principal.subject } : {}),
  };
  // Probes come every few seconds from everywhere.
  if (path === "/livez" || path === "/readyz") log.debug(`${method} ${path} ${res.statusCode}`, facts);
  else log.info(`${method} ${path} ${res.statusCode}`, facts);
}
