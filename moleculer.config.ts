import { hostname } from "node:os";
import { INTERNAL_MIDDLEWARES, type BrokerOptions } from "moleculer";
import { env } from "./config/env.ts";
import { pinoLogger } from "./config/log.ts";
import { natsOptions } from "./config/nats.ts";
import { OtlpExporter } from "./config/otlp.ts";
import { MaskingRegenerator } from "./config/regenerator.ts";
import { FastNats } from "./config/transporter.ts";
import { auditMiddleware } from "./mixins/audit.middleware.ts";
import { bulkheadMiddleware } from "./mixins/bulkhead.middleware.ts";
import { callsMiddleware } from "./mixins/calls.middleware.ts";
import { idempotentMiddleware } from "./mixins/idempotent.middleware.ts";
import { permissionMiddleware } from "./mixins/permission.middleware.ts";
import { SchemaValidator } from "./mixins/validator.ts";

/** Counts as a failure of the called node: its own errors and time-outs, never a refusal (4xx). */
const isFailure = (error: Error) => {
  const { code } = error as { code?: unknown };
  return typeof code === "number" ? code >= 500 : true;
};

const idempotent = (error: Error) => (error as { retryable?: boolean }).retryable === true;

/**
 * Order, inner to outer. Timeout stands inside CircuitBreaker, or the breaker would never see a time-out, and
 * inside ContextTracker, or a call that timed out would hold up every later stop; Permission right outside Cacher,
 * or a cached answer would be given to anybody; Audit outside of that, or it would not see refusals; Calls in the place of Metrics, which costs more than a call itself.
 */
function middlewares(): NonNullable<BrokerOptions["middlewares"]> {
  const order: NonNullable<BrokerOptions["middlewares"]> = INTERNAL_MIDDLEWARES.filter((name) => name !== "Timeout");
  order.splice(order.indexOf("Metrics"), 1, callsMiddleware());
  order.splice(order.indexOf("Bulkhead"), 1, bulkheadMiddleware());
  order.splice(order.indexOf("ContextTracker"), 0, "Timeout");
  order.splice(order.indexOf("Cacher") + 1, 0, permissionMiddleware(env.CLUSTER_SECRET), auditMiddleware(), idempotentMiddleware());
  return order;
}

const nodeID = env.LEGENDO_NODE_ID ?? `${hostname()}-${process.pid}`;

const options: BrokerOptions = {
  namespace: env.LEGENDO_NAMESPACE,
  nodeID,
  logger: pinoLogger(env.LOG_LEVEL),
  transporter: new FastNats(natsOptions(env, nodeID)) as never,
  validator: new SchemaValidator({}),
  errorRegenerator: new MaskingRegenerator(),
  requestTimeout: 10_000,
  maxCallLevel: 20,
  heartbeatInterval: 3,
  heartbeatTimeout: 9,
  tracking: { enabled: true, shutdownTimeout: 10_000 },
  // scripts/node.ts stops the broker itself, after it has said that it is no longer ready.
  skipProcessEventRegistration: true,
  internalMiddlewares: false,
  middlewares: middlewares(),
  // $node.options would hand the transporter's password to any node.
  internalServices: { $node: { name: "$node", actions: { options: false } } },
  // None by default: a repeated call runs the action twice. Actions marked `idempotent` get theirs from the middleware of that name.
  retryPolicy: { enabled: true, retries: 0, delay: 50, maxDelay: 1_000, factor: 2, check: idempotent },
  circuitBreaker: { enabled: true, threshold: 0.5, windowTime: 60, minRequestCount: 10, halfOpenTime: 5_000, check: isFailure },
  bulkhead: { enabled: true, concurrency: 100, maxQueueSize: 1_000 },
  metrics: { enabled: true, reporter: [] },
  // Spans are made where somebody takes them.
  tracing: {
    enabled: env.OTLP_URL !== undefined,
    exporter: (env.OTLP_URL ? [new OtlpExporter(env.OTLP_URL)] : []) as never,
    tags: { action: { params: false, meta: false, response: false }, event: { params: false } },
  },
};

export default options;
