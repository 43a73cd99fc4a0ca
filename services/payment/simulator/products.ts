import { Complaints } from "./complaints.ts";
import { paypalId } from "./ids.ts";
import { failure, Refused, refused, type Reply } from "./replies.ts";
import { type Call, on, type Route } from "./routes.ts";
import type { World } from "./world.ts";

const fields = ["name", "description", "type", "category", "image_url", "home_url"] as const;

/** What plans are plans of. */
export interface Product extends Partial<Record<(typeof fields)[number], string>> {
  id: string;
  merchant: string;
  createdAt: number;
  updatedAt: number;
}

function complainAbout(complaints: Complaints, body: Partial<Record<string, unknown>>): void {
  complaints.text(body["name"], "/name", 127, true);
  complaints.text(body["description"], "/description", 256);
  complaints.word(body["type"], "/type", ["PHYSICAL", "DIGITAL", "SERVICE"]);
}

function create(world: World, { merchant, body, whole }: Call): Reply {
  const complaints = new Complaints();
  complaints.text(body["id"], "/id", 50);
  complainAbout(complaints, body);
  complaints.finish();
  const id = (body["id"] as string | undefined) ?? `PROD-${paypalId()}`;
  if (world.products.find(id)) throw refused("DUPLICATE_RESOURCE_IDENTIFIER", "The provided product ID already exists.");
  const now = world.clock.now();
  const given = Object.fromEntries(fields.flatMap((field) => (body[field] === undefined ? [] : [[field, body[field]]])));
  const product = world.products.put({ type: "PHYSICAL", ...given, id, merchant, createdAt: now, updatedAt: now });
  const shown = productBody(world, product);
  world.emit(merchant, "CATALOG.PRODUCT.CREATED", "product", shown, "1.0");
  return { status: 201, body: whole ? shown : { id, name: product.name, create_time: shown.create_time, links: shown.links } };
}

function patch(world: World, call: Call): Reply {
  const product = world.products.get(call.id, call.merchant);
  const changes = Array.isArray(call.body) ? (call.body as { op?: string; path?: string; value?: unknown }[]) : [];
  const next: Record<string, unknown> = { ...product };
  for (const { op, path, value } of changes) {
    const field = fields.find((one) => path === `/${one}`);
    if (!field || field === "name" || field === "type")
      throw new Refused(failure(400, { issue: "INVALID_PATCH_PATH", field: path, location: "body" }));
    if (op !== "add" && op !== "replace" && op !== "remove")
      throw new Refused(failure(400, { issue: "UNSUPPORTED_PATCH_OPERATION", field: path, location: "body" }));
    next[field] = op === "remove" ? undefined : value;
  }
  const complaints = new Complaints();
  complainAbout(complaints, next);
  complaints.finish();
  Object.assign(product, next, { updatedAt: world.clock.now() });
  world.emit(call.merchant, "CATALOG.PRODUCT.UPDATED", "product", productBody(world, product), "1.0");
  return { status: 204 };
}

function productBody(world: World, { merchant: _ours, createdAt, updatedAt, ...product }: Product) {
  const self = `${world.origin}/v1/catalogs/products/${product.id}`;
  return {
    ...product,
    create_time: world.clock.stamp(createdAt),
    update_time: world.clock.stamp(updatedAt),
    links: [
      { href: self, rel: "self", method: "GET" },
      { href: self, rel: "edit", method: "PATCH" },
    ],
  };
}

/** A page of a list, as the v1 APIs cut it: `page` from 1, `page_size` 1 to 20 (10), totals when asked for. */
export function pageOf<T>(all: readonly T[], query: URLSearchParams): { shown: T[]; totals: object } {
  const size = Math.min(20, Math.max(1, Number(query.get("page_size") ?? 10) || 10));
  const page = Math.max(1, Number(query.get("page") ?? 1) || 1);
  const totals = query.get("total_required") === "true" ? { total_items: all.length, total_pages: Math.ceil(all.length / size) } : {};
  return { shown: all.slice((page - 1) * size, page * size), totals };
}

/** Catalog products v1. Source: PayPal's catalogs_products_v1 OpenAPI document. */
export const productRoutes = (world: World): Route[] => [
  on("POST /v1/catalogs/products", "products.create", (call) => create(world, call)),
  on("GET /v1/catalogs/products", "products.list", ({ merchant, query }) => {
    const { shown, totals } = pageOf(world.products.all(merchant), query);
    return { status: 200, body: { products: shown.map((one) => productBody(world, one)), ...totals, links: [] } };
  }),
  on("GET /v1/catalogs/products/:id", "products.get", ({ id, merchant }) => ({
    status: 200,
    body: productBody(world, world.products.get(id, merchant)),
  })),
  on("PATCH /v1/catalogs/products/:id", "products.patch", (call) => patch(world, call)),
];
