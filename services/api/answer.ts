import type { Binary } from "../../config/action.ts";
import { isUnchanged, quoted } from "./conditions.ts";
import { sendJson, type EdgeRequest, type EdgeResponse } from "./exchange.ts";
import type { Route, RouteTable } from "./routes.ts";

/** Sends an action's result: as `{data}`, a page as it is, or bytes. Takes the place of moleculer-web's own sending. */
export function sendAnswer(table: RouteTable, req: EdgeRequest, res: EdgeResponse, result: unknown): void {
  const route = req.route!;
  if (route.binary) return sendBinary(req, res, result as Binary);
  const location = route.status === 201 ? locationOf(table, route, result) : undefined;
  if (location) res.setHeader("Location", location);
  if (route.status === 204) {
    res.statusCode = 204;
    return void res.end();
  }
  const mediaType = req.vendorType ?? "application/json";
  sendJson(res, route.status, isPage(result) ? result : { data: result ?? null }, `${mediaType}; charset=utf-8`);
}

/** Without `sandbox`, in which browsers follow no refresh; still nothing is loaded or run. */
const ownPagePolicy = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

function sendBinary(req: EdgeRequest, res: EdgeResponse, { mediaType, base64, etag, ownPage }: Binary): void {
  const bytes = Buffer.from(base64, "base64");
  if (ownPage) res.setHeader("Content-Security-Policy", ownPagePolicy);
  // Kept by the client, but asked for again each time: the permission may be gone.
  res.setHeader("Cache-Control", "private, no-cache");
  res.setHeader("ETag", quoted(etag));
  if (isUnchanged(req.headers, quoted(etag), undefined)) {
    res.statusCode = 304;
    return void res.end();
  }
  res.setHeader("Content-Type", mediaType);
  res.setHeader("Content-Length", bytes.length);
  res.end(req.method === "HEAD" ? undefined : bytes);
}

const isPage = (result: unknown) => typeof result === "object" && result !== null && "pagination" in result;

/** A created thing is found where `get` of the same service reads it. */
function locationOf(table: RouteTable, route: Route, result: unknown): string | undefined {
  const id = (result as { id?: unknown } | null)?.id;
  const getter = route.action?.replace(/[^.]+$/, "get");
  const reader = table.all().find(({ action, method, path }) => action === getter && method === "GET" && path.endsWith("/:id"));
  return reader && typeof id === "string" ? reader.path.replace(/:id$/, encodeURIComponent(id)) : undefined;
}
