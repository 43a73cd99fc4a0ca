import ApiGateway from "moleculer-web";
import { connect } from "nats";
import type { Revocation } from "../../config/permissions.ts";
import { env, list } from "../../config/env.ts";
import { errors } from "../../config/errors.ts";
import { natsOptions } from "../../config/nats.ts";
import { service, type Host } from "../../config/service.ts";
import { guardOf, type PolicyChanged } from "../../mixins/permission.middleware.ts";
import { openVault } from "../../mixins/vault/environment.ts";
import { logRequest } from "./accesslog.ts";
import { sendAnswer } from "./answer.ts";
import { networksOf } from "./client.ts";
import { Credentials } from "./credentials.ts";
import { Databases } from "./databases.ts";
import { door, pathOf } from "./door.ts";
import { EventHub } from "./events/hub.ts";
import { sendJson, type EdgeRequest, type EdgeResponse } from "./exchange.ts";
import { gatewayRoute, type Gateway } from "./gateway.ts";
import { allHeard, Link, readiness } from "./health.ts";
import { ownRoutes } from "./own.ts";
import { verifyKey } from "./peers.ts";
import { sendProblem } from "./problem.ts";
import { recordRefusal } from "./refusal.ts";
import { RouteTable, type PublishedAction } from "./routes.ts";
import { startServer, type EdgeServer } from "./server.ts";
import { Strangers } from "./strangers.ts";

interface Alias {
  method: string;
  isMethod(method: string): boolean;
  match(path: string): object | false;
}

/** What moleculer-web and this service put on `this`. */
type Edge = Host<{
  gateway: Gateway;
  server: EdgeServer | undefined;
  draining: boolean;
  /** Until then, milliseconds since 1970, services that are missing are expected. */
  youngUntil: number;
  links: { nats: Link; events: Link };
  databases: Databases;
  rebuilding: NodeJS.Timeout | undefined;
  aliases: Alias[];
  addRoute(route: object): void;
  httpHandler(req: EdgeRequest, res: EdgeResponse): Promise<void>;
  aliasesOf(path: string): Alias[];
  isHearing(): boolean;
  fail(req: EdgeRequest, res: EdgeResponse, error: unknown): void;
  learnRoutes(): void;
  /** Where the edge listens. */
  address: string;
}>;

const stopGraceMs = 3_500;
/** A cluster may well have been made without some service: its paths are unknown after this. */
const youthMs = 30_000;
const hubLimits = { perTenant: 1_000, perNode: 10_000, heartbeatMs: 15_000 };

export default service<Edge>()({
  name: "api",
  // Of moleculer-web's actions only the one that takes requests: the others list and change routes for any node that asks.
  mixins: [{ ...ApiGateway, actions: { rest: ApiGateway.actions!["rest"]! }, events: {} }],
  settings: {
    server: false,
    // null and not empty: an empty list becomes a route that exposes every action.
    routes: null as never,
    // An open stream is no work to wait for when the node stops; `stopped` ends it.
    rootCallOptions: { tracking: false },
    logRouteRegistration: false,
  } as object,
  actions: {
    rest: {
      description: "Takes one HTTP request.",
      permission: "public",
      // Every request runs in this one action: the limits are those of what it calls.
      bulkhead: { enabled: false },
      circuitBreaker: { enabled: false },
      tracing: { tags: { params: false }, spanName: ({ params }: { params: { req: EdgeRequest } }) => spanName(params.req) },
    } as never,
  },

  methods: {
    /** A query as it was sent: no nesting, no arrays by brackets. */
    parseQueryString(req: EdgeRequest) {
      const url = pathOf(req.url ?? "/");
      return { url, query: new URLSearchParams((req.url ?? "").slice(url.length)) };
    },

    aliasesOf(path: string) {
      return this.aliases.filter((alias) => alias.match(path));
    },

    resolveAlias(path: string, method: string) {
      const found = this.aliasesOf(path);
      const alias = found.find((candidate) => candidate.isMethod(method));
      if (alias) return { alias, params: alias.match(path) };
      if (!found.length && this.isHearing())
        throw errors.unavailable(`The services have not all told of their paths yet; ${path} may be one.`);
      if (!found.length) throw errors.notFound(`There is no ${path} here.`);
      const allowed = methods(found);
      throw errors.methodNotAllowed(`${path} takes ${allowed}; it was asked with ${method}.`, { allowed });
    },

    /** Whether a path may still turn out to be one: an edge hears of the services after it has begun to listen. */
    isHearing() {
      return Date.now() < this.youngUntil && !allHeard(this.broker);
    },

    sendResponse(req: EdgeRequest, res: EdgeResponse, result: unknown) {
      req.leave?.();
      // A client that has left gets no answer.
      if (!res.headersSent && !req.gone) sendAnswer(this.gateway.table, req, res, result);
    },

    errorHandler(req: EdgeRequest, res: EdgeResponse, error: unknown) {
      this.fail(req, res, error);
    },

    fail(req: EdgeRequest, res: EdgeResponse, error: unknown) {
      req.leave?.();
      const { status, code } = sendProblem(req, res, error);
      if (status >= 500) this.logger.warn(`${code} at ${req.method} ${req.publicPath}`, { requestId: req.requestId }, error);
    },

    learnRoutes() {
      const published = this.broker.registry.getActionList({}) as unknown as { action?: PublishedAction }[];
      if (this.gateway.table.learn(published.map(({ action }) => action))) this.addRoute(gatewayRoute(this.gateway));
    },
  },

  events: {
    "$services.changed"() {
      // A node that comes announces its services one by one.
      this.rebuilding ??= setTimeout(() => {
        this.rebuilding = undefined;
        this.learnRoutes();
      }, 50);
    },
    "credential.revoked"({ params }: { params: Revocation }) {
      guardOf(this.broker).revocations.add(params);
      this.gateway.credentials.drop(params.subject);
      void this.gateway.hub.recheck();
    },
    "policy.changed"({ params }: { params: PolicyChanged }) {
      this.gateway.policies.changed(params.tenantId, params.version);
      void this.gateway.hub.recheck();
    },
  },

  created() {
    this.draining = false;
    this.youngUntil = Date.now() + youthMs;
    this.links = { nats: new Link(), events: new Link() };
    this.databases = new Databases(this.broker);
    const own = ownRoutes(this.broker, () => this.gateway);
    this.gateway = {
      table: new RouteTable(own, this.logger),
      credentials: new Credentials((key) => verifyKey(this.broker, key)),
      verifier: guardOf(this.broker).verifier,
      policies: guardOf(this.broker).policies,
      strangers: new Strangers(env.STRANGERS_AT_ONCE),
      hub: new EventHub(this.broker.namespace, hubLimits, this.logger),
      refused: (principal, req, error) =>
        recordRefusal(this.broker, principal, req, error).catch((failure: unknown) =>
          this.logger.warn(
            `A refusal of ${principal.subject} at ${req.publicPath} was not recorded`,
            { requestId: req.requestId },
            failure,
          ),
        ),
      vault: undefined,
    };
    this.addRoute(gatewayRoute(this.gateway));
  },

  async started() {
    this.gateway.vault = await openVault(env);
    await this.gateway.hub.start(await connect(natsOptions(env, `${this.broker.nodeID} edge`)));
    this.learnRoutes();
    const enter = door({
      origins: list(env.CORS_ORIGINS),
      secure: env.TLS_CERT_FILE !== undefined,
      trusted: networksOf(list(env.TRUSTED_PROXIES)),
      methodsOf: (path) => methods([...this.aliasesOf(path), { method: "OPTIONS" }]),
      own: {
        "/livez": (_req, res) => sendJson(res, 200, { status: "alive" }),
        "/readyz": async (_req, res) => {
          const stored = await this.databases.reached();
          const links = { nats: this.links.nats.isUp(transportClient(this)), events: this.links.events.isUp(this.gateway.hub.link) };
          const state = readiness(this.broker, this.draining, links, stored);
          sendJson(res, state.status === "ready" ? 200 : 503, state);
        },
      },
      log: (req, res, ms) => logRequest(this.logger, req, res, ms),
      fail: (req, res, error) => this.fail(req, res, error),
      inside: (req, res) => {
        const route = this.gateway.table.find(req.method ?? "", pathOf(req.url ?? "/"));
        this.gateway.strangers.line(req, route, () => void this.httpHandler(req, res));
      },
    });
    const { HOST: host, PORT: port, TLS_CERT_FILE: certFile, TLS_KEY_FILE: keyFile } = env;
    this.server = await startServer({ host, port, certFile, keyFile }, enter as never);
    this.address = this.server.url;
    this.logger.info(`The HTTP edge listens on ${this.address}`);
  },

  async stopped() {
    this.draining = true;
    clearTimeout(this.rebuilding);
    await this.gateway.hub.stop();
    await this.server?.stop(stopGraceMs);
    await this.gateway.vault?.store.close();
  },
});

const methods = (aliases: { method: string }[]) =>
  aliases
    .map(({ method }) => method)
    .sort()
    .join(", ");

const spanName = (req: EdgeRequest) => `${req.method} ${req.publicPath}`;

const transportClient = (edge: Edge) => (edge.broker.transit as unknown as { tx?: { client?: never } } | undefined)?.tx?.client;
