import type { RouteTable } from "./routes.ts";

/** What stands at the root: where to go from here. */
export const landing = (table: RouteTable) => ({
  name: "LEGENDO SYNC",
  documentation: "/api/v1/openapi.json",
  keys: "/.well-known/jwks.json",
  health: { live: "/livez", ready: "/readyz" },
  routes: table.all().length,
});
