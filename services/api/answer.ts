import type { Binary } from "../../config/action.ts";
import type { EdgeRequest, EdgeResponse } from "./exchange.ts";
import type { Route, RouteTable } from "./routes.ts";

/** Shapes an action's result for its way out: `{data}`, a page as it is, or bytes. moleculer-web sends what this returns. */
export function answer(table: RouteTable, req: EdgeRequest, res: EdgeResponse, result: unknown): unknown {
  const route = req.route!;
  const { meta } = req.$ctx;
  meta.$statusCode = route.status;
  if (route.binary) {
    const { mediaType, base64, etag } = result as Binary;
    meta.$responseType = mediaType;
    // Kept by the client, but asked for again each time: the permission may be gone.
    res.setHeader("Cache-Control", "private, no-cache");
    res.setHeader("ETag", quoted(etag));
    return Buffer.from(base64, "base64");
  }
  if (req.vendorType) meta.$responseType = `${req.vendorType}; charset=utf-8`;
  const location = route.status === 201 ? locationOf(table, route, result) : undefined;
  if (location) res.setHeader("Location", location);
  return isPage(result) ? result : { data: result ?? null };
}

/** A strong entity tag of RFC 9110. */
export const quoted = (etag: string): string => (/^(W\/)?".*"$/.test(etag) ? etag : `"${etag}"`);

const isPage = (result: unknown) => typeof result === "object" && result !== null && "pagination" in result;

/** A created thing is found where `get` of the same service reads it. */
function locationOf(table: RouteTable, route: Route, result: unknown): string | undefined {
  const id = (result as { id?: unknown } | null)?.id;
  const getter = route.action?.replace(/[^.]+$/, "get");
  const reader = table.all().find(({ action, method, path }) => action === getter && method === "GET" && path.endsWith("/:id"));
  return reader && typeof id === "string" ? reader.path.replace(/:id$/, encodeURIComponent(id)) : undefined;
}
