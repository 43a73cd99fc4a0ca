import { hostname } from "node:os";
import type { BrokerOptions } from "moleculer";
import { env } from "./config/env.ts";
import base from "./moleculer.config.ts";
import durable from "./mixins/durable.repl.ts";
import { operatorMiddleware } from "./mixins/operator.middleware.ts";
import audit from "./services/auth/audit.repl.ts";
import auth from "./services/auth/auth.repl.ts";
import mfa from "./services/auth/mfa.repl.ts";
import fraud from "./services/payment/fraud.repl.ts";
import ledger from "./services/payment/ledger.repl.ts";
import notification from "./services/notification/notification.repl.ts";
import payment from "./services/payment/payment.repl.ts";
import paypal from "./services/payment/paypal.repl.ts";
import subscriptions from "./services/payment/subscriptions.repl.ts";
import roles from "./services/auth/roles.repl.ts";
import vault from "./services/sync/keys.repl.ts";
import queue from "./services/sync/queue.repl.ts";
import sync from "./services/sync/sync.repl.ts";

/** A node without services: the operator's prompt in the live cluster. */
const options: BrokerOptions = {
  ...base,
  nodeID: `operator-${hostname()}-${process.pid}`,
  logger: { type: "Console", options: { level: "warn", formatter: "short" } },
  middlewares: [...(base.middlewares ?? []), operatorMiddleware(env.CLUSTER_SECRET)],
  replOptions: {
    delimiter: "legendo $",
    customCommands: [
      ...audit,
      ...auth,
      ...durable,
      ...fraud,
      ...ledger,
      ...mfa,
      ...notification,
      ...payment,
      ...paypal,
      ...subscriptions,
      ...queue,
      ...roles,
      ...sync,
      ...vault,
    ],
  } as never,
};

export default options;
