import type { Client, Permission, Principal } from "../../config/permissions.ts";
import { errors } from "../../config/errors.ts";
import type { ClaimVerifier } from "../../mixins/claim.ts";
import type { Policies } from "../../mixins/policy/policies.ts";
import { secondFactorFault } from "../../mixins/secondfactor.ts";
import type { Vault } from "../../mixins/vault/ticket.ts";
import { readBody } from "./body.ts";
import type { Credentials } from "./credentials.ts";
import type { EventHub } from "./events/hub.ts";
import type { EdgeHandler, EdgeRequest, EdgeResponse } from "./exchange.ts";
import { mergeParams } from "./params.ts";
import type { Route, RouteTable } from "./routes.ts";
import { takesSome, type Strangers } from "./strangers.ts";

/** What every request needs on its way through moleculer-web. */
export interface Gateway {
  table: RouteTable;
  credentials: Credentials;
  verifier: ClaimVerifier;
  /** What this node's callers may do. */
  policies: Policies;
  hub: EventHub;
  strangers: Strangers;
  /** Takes down for the audit log that a caller was refused what the edge answers itself. Never fails. */
  refused: (principal: Principal, req: EdgeRequest, error: unknown) => Promise<void>;
  /** From `started` on. */
  vault: Vault | undefined;
}

interface Alias {
  method: string;
  path: string;
}

type Next = (error: unknown) => void;
type AliasTarget = string | ((req: EdgeRequest, res: EdgeResponse, next: Next) => void);

/**
 * moleculer-web's one route: every path of the table and nothing else. Its own parsing, merging, rate limiter, CORS and logging stay off;
 * `beforeCall` and `sendAnswer` take their place.
 */
export const gatewayRoute = (gateway: Gateway) => ({
  path: "/",
  mappingPolicy: "restrict" as const,
  mergeParams: false,
  bodyParsers: false as const,
  logging: false,
  pathToRegexpOptions: { sensitive: true },
  aliases: aliases(gateway.table.all()),
  onBeforeCall: (_ctx: unknown, _route: unknown, req: EdgeRequest, res: EdgeResponse, alias: Alias) => beforeCall(gateway, req, res, alias),
});

function aliases(routes: Route[]): Record<string, AliasTarget> {
  const found: Record<string, AliasTarget> = {};
  for (const { method, path, action, handler } of routes) {
    // moleculer-web doesn't watch the promise of a function: its failures have to be handed over.
    const target: AliasTarget = action ?? ((req, res, next) => void answered(handler!, req, res).catch(next));
    found[`${method} ${path}`] = target;
    if (method === "GET") found[`HEAD ${path}`] = target;
  }
  return found;
}

async function answered(handler: EdgeHandler, req: EdgeRequest, res: EdgeResponse): Promise<void> {
  await handler(req, res, req.$params);
  req.leave?.();
}

/** Recognises the caller, then reads what it sent; in this order, so that strangers' bodies are not parsed. */
async function beforeCall(gateway: Gateway, req: EdgeRequest, res: EdgeResponse, alias: Alias): Promise<void> {
  const { table, credentials, verifier, strangers } = gateway;
  const route = table.find(alias.method, `/${alias.path}`)!;
  req.route = route;
  const { permission } = route;
  req.$ctx.meta.client = clientOf(req);
  if (permission !== "public") {
    const claim = credentials.claimOf(req);
    req.claim = typeof claim === "string" ? claim : await claim;
    req.$ctx.meta.claim = req.claim;
    if (route.handler) {
      // What the edge answers itself has no called node that would look at the claim.
      req.admit = async () => await admitted(gateway, req, await credentials.claimOf(req), permission);
      req.principal = await req.admit();
    } else req.principal = verifier.known(req.claim) ?? (await recognised(gateway, req, req.claim));
  } else if (takesSome(route)) strangers.meet(route, req, res);
  if (route.idempotencyKey) {
    const key = idempotencyKey(req.headers["idempotency-key"]);
    if (key !== undefined) req.$ctx.meta.idempotencyKey = key;
  }
  const body = req.method === "GET" || req.method === "HEAD" || route.stream ? {} : await readBody(req);
  if (!route.stream) await req.enter?.();
  const { params: inPath } = req.$params as { params: Record<string, string> };
  req.$params = mergeParams(route.params, inPath, req.query, body);
}

function clientOf({ from, headers }: EdgeRequest): Client {
  const userAgent = headers["user-agent"]?.slice(0, 300);
  return { ...(from !== undefined && { address: from }), ...(userAgent !== undefined && { userAgent }) };
}

/** From where somebody is recognised for the first time, there they are known from then on. */
async function recognised({ verifier, strangers }: Gateway, req: EdgeRequest, claim: string): Promise<Principal> {
  const principal = await verifier.verify(claim);
  strangers.recognise(req.from);
  return principal;
}

/** By its permission alone: what the edge answers itself it gets from actions, which hold rules about things against their part of it. */
async function admitted(gateway: Gateway, req: EdgeRequest, claim: string, permission: Permission) {
  const { policies, refused } = gateway;
  const principal = await recognised(gateway, req, claim);
  const fault = secondFactorFault(principal, { permission });
  if (fault) throw fault;
  const policy = await policies.of(principal);
  const refusal = policy.refusal(permission);
  if (refusal) {
    const error = policy.error(refusal);
    await refused(principal, req, error);
    throw error;
  }
  return principal;
}

function idempotencyKey(header: string | string[] | undefined): string | undefined {
  if (header === undefined) return undefined;
  if (typeof header === "string" && /^[\x21-\x7e]{1,255}$/.test(header)) return header;
  throw errors.malformed("Idempotency-Key must be 1 to 255 visible ASCII characters, once.");
}
