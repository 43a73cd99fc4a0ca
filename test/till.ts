import { randomUUID } from "node:crypto";
import { openRedis } from "../mixins/redis.ts";
import { paypalConnection, type PayPalOptions } from "../services/payment/gateway/connection.ts";
import { startPayPalSimulator, type Simulator, type SimulatorOptions } from "../services/payment/simulator/server.ts";
import { paypalOf, type Till } from "../services/payment/till.ts";
import { testDatabase, type TestDatabase } from "./database.ts";

export interface TestTill extends Till {
  database: TestDatabase;
  simulator: Simulator;
  stop(): Promise<void>;
}

/** A till with a database and a simulator of its own: every organisation pays into the same account. Its breaker never opens unless told, and Redis may be slow. */
export async function testTill(
  simulatorOptions: SimulatorOptions = {},
  options: Pick<PayPalOptions, "timeoutMs" | "breaker"> = {},
): Promise<TestTill> {
  const database = await testDatabase();
  const simulator = await startPayPalSimulator(simulatorOptions);
  const redis = openRedis(process.env["REDIS_URL"] ?? "", `test-${randomUUID()}`, { commandTimeout: 30_000 });
  await redis.connect();
  const connection = paypalConnection({
    ...{ clientId: "client", clientSecret: "secret", url: simulator.url, timeoutMs: 1_000 },
    breaker: { volumeThreshold: 1_000 },
    ...options,
  });
  const paypal = paypalOf(connection);
  return {
    database,
    simulator,
    db: await database.open("payment"),
    redis,
    secret: "the cluster's secret, of a spec",
    // Nobody listens there, which is found out at once: a name would be looked up for seconds after the spec is over, and keep its process.
    publicUrl: "https://127.0.0.1:1",
    paypal: () => Promise.resolve(paypal),
    async stop() {
      connection.close();
      redis.disconnect();
      await simulator.close();
      await database.drop();
    },
  };
}
