import { randomBytes, randomUUID } from "node:crypto";
import { ServiceBroker } from "moleculer";
import { call, type ActionMap, type ActionName } from "../../config/calls.ts";
import type { Running } from "../../scripts/servers/process.ts";
import type { TestDatabase } from "../../test/database.ts";
import { startProcess } from "../../test/processes.ts";

/** One payment node and a simulator of PayPal, each a process of its own, and a caller on the broker. */
export interface PaymentCluster {
  /** Where the simulator listens. */
  paypal: string;
  ask<N extends ActionName>(name: N, params: ActionMap[N]["params"]): Promise<ActionMap[N]["result"]>;
  /** The payer agrees at PayPal. */
  approve(orderId: string): Promise<void>;
  /** Makes the next calls fail, see the simulator's README. */
  inject(fault: object): Promise<void>;
  stop(): Promise<void>;
}

/** The environment is read once per process: what calls this must not have imported config/env.ts. */
export async function startCluster(world: TestDatabase, folder: string, latencyMs: number): Promise<PaymentCluster> {
  const namespace = `payment-${randomBytes(6).toString("hex")}`;
  const simulator = startProcess(`${namespace}-paypal`, folder, ["scripts/paypal-simulator.ts", "0", "--latency", String(latencyMs)], {});
  const paypal = (await firstMessage<{ url: string }>(simulator)).url;
  const cluster = {
    ...{ LEGENDO_NAMESPACE: namespace, DATABASE_URL: world.url, LOG_LEVEL: "error" },
    ...{ PAYPAL_URL: paypal, PAYPAL_CLIENT_ID: "client", PAYPAL_CLIENT_SECRET: "secret" },
  };
  Object.assign(process.env, cluster);
  const { env } = await import("../../config/env.ts");
  const { default: options } = await import("../../moleculer.config.ts");
  const { serviceClaim } = await import("../../mixins/claim.ts");
  const { deleteStreams } = await import("../../test/streams.ts");
  const node = startProcess(`${namespace}-node`, folder, "scripts/node.ts", { ...cluster, SERVICES: "payment" });
  const broker = new ServiceBroker({ ...options, nodeID: `${namespace}-caller` });
  await broker.start();
  await broker.waitForServices("payment", 60_000, 50);
  const claim = await serviceClaim(env.CLUSTER_SECRET, "bench", randomUUID(), ["payment:read", "payment:write"]);
  const post = async (path: string, body: object) => {
    const answer = await fetch(paypal + path, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    await answer.arrayBuffer();
    if (!answer.ok) throw new Error(`the simulator answered ${answer.status} to ${path}`);
  };
  return {
    paypal,
    ask: (name, params) => call(broker, name, params, { meta: { claim } }),
    approve: (orderId) => post(`/simulator/orders/${orderId}/approve`, {}),
    inject: (fault) => post("/simulator/faults", fault),
    async stop() {
      await node.stop(15_000);
      await broker.stop();
      await simulator.stop(3_000);
      await deleteStreams(namespace);
    },
  };
}

const firstMessage = <T>(process: Running): Promise<T> =>
  new Promise((resolve, reject) => {
    process.child.once("message", (message) => resolve(message as T));
    void process.ended.then((how) => reject(new Error(`${process.name} ended: ${how}; see ${process.log}`)));
  });
