import type { TSchema } from "typebox";
import type { ActionDefinition } from "../../config/action.ts";
import type { Permission } from "../../config/permissions.ts";
import type { EdgeHandler } from "./exchange.ts";

/** Where the first version of the API lives; actions state their paths below it. */
export const base = "/api/v1";

/** What an action says about itself, as its node publishes it: JSON, so schemas are JSON Schemas. */
export interface PublishedAction extends Partial<Omit<ActionDefinition<unknown, TSchema, unknown>, "handler">> {
  name: string;
  visibility?: string;
}

export interface Route {
  method: string;
  /** Whole path with `:name` parts. */
  path: string;
  description: string;
  permission: Permission | "public";
  params: JsonObjectSchema;
  status: number;
  idempotencyKey: boolean;
  stepUp?: boolean;
  binary: boolean;
  /** Either an action of the cluster … */
  action?: string;
  /** … or the edge itself, which then sends a body of this type. */
  handler?: EdgeHandler;
  mediaType?: string;
  /** The body is bytes and left to the handler; the params stand in the query. */
  stream?: boolean;
}

/** The parts of a JSON Schema that the edge looks at. */
export interface PropertySchema {
  type?: string;
  items?: PropertySchema;
  anyOf?: PropertySchema[];
  description?: string;
}

export interface JsonObjectSchema {
  type: "object";
  properties?: Record<string, PropertySchema>;
  required?: string[];
}

interface Log {
  warn(...args: unknown[]): void;
}

/**
 * Every route of the edge: its own and those that the actions of the cluster state. An action that was seen stays, also when its last
 * node has left: its callers are then told that the service is unavailable, not that the path never existed.
 */
export class RouteTable {
  private readonly fixed: Route[];
  private readonly log: Log;
  private readonly actions = new Map<string, PublishedAction>();
  private readonly routes = new Map<string, Route>();
  private fingerprint = "";

  constructor(fixed: Route[], log: Log) {
    this.fixed = fixed;
    this.log = log;
    this.build();
  }

  /** Takes over what the registry shows now. @returns whether any route changed */
  learn(published: (PublishedAction | undefined)[]): boolean {
    for (const action of published) if (action?.rest && isReachable(action)) this.actions.set(action.name, action);
    const fingerprint = JSON.stringify([...this.actions.values()]);
    if (fingerprint === this.fingerprint) return false;
    this.fingerprint = fingerprint;
    this.build();
    return true;
  }

  all(): Route[] {
    return [...this.routes.values()];
  }

  /** @param method as the client sent it: HEAD finds the route of GET */
  find(method: string, path: string): Route | undefined {
    return this.routes.get(`${method === "HEAD" ? "GET" : method} ${path}`);
  }

  private build(): void {
    this.routes.clear();
    for (const route of this.fixed) this.routes.set(`${route.method} ${route.path}`, route);
    for (const action of [...this.actions.values()].sort((a, b) => a.name.localeCompare(b.name))) {
      for (const line of [action.rest ?? []].flat()) this.add(line, action);
    }
  }

  private add(line: string, action: PublishedAction): void {
    const [method, path, ...more] = line.split(" ");
    if (!method || !path?.startsWith("/") || more.length) {
      return this.log.warn(`${action.name} states the route "${line}"; expected "METHOD /path"`);
    }
    const route = routeOf(method, base + path, action);
    const key = `${route.method} ${route.path}`;
    const taken = this.routes.get(key);
    if (taken) return this.log.warn(`${action.name} states ${key}, which is taken by ${taken.action ?? "the edge"}`);
    this.routes.set(key, route);
  }
}

const isReachable = (action: PublishedAction) => !action.name.startsWith("$") && (action.visibility ?? "published") === "published";

const routeOf = (method: string, path: string, action: PublishedAction): Route => ({
  method,
  path,
  description: action.description ?? "",
  // An action without the flag can't be registered by a node of ours; what is no node of ours gets no anonymous callers.
  permission: action.permission ?? "internal",
  params: (action.params ?? { type: "object", properties: {} }) as unknown as JsonObjectSchema,
  status: action.status ?? 200,
  idempotencyKey: action.idempotencyKey === true,
  stepUp: action.stepUp === true,
  binary: action.binary === true,
  action: action.name,
});
