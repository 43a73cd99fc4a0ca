import { appendFileSync } from "node:fs";
import { createServer, type IncomingMessage } from "node:http";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import { keyOf, verify } from "../services/notification/signature.ts";
import type { Client } from "./client.ts";
import { portFor } from "./servers/memory.ts";
import { keepSecrets, loadSecrets } from "./servers/secrets.ts";

/** The demo organisation's end of its webhook: what a customer's program would be. */
export interface DemoReceiver {
  /** "host:port", for WEBHOOK_PRIVATE_HOSTS. */
  place: string;
  log: string;
  /** Makes the webhook unless a former start has. */
  register(api: Client): Promise<void>;
  /** Whether an event of this type has come with a valid signature, waiting up to `limitMs` for it. */
  heard(type: string, limitMs: number): Promise<boolean>;
  close(): Promise<void>;
}

const events = ["sync.job.completed", "payment.created", "payment.captured"];

/** Listens on loopback, checks every signature, and writes a line per delivery to logs/webhooks.log. */
export async function startReceiver(dataDir: string): Promise<DemoReceiver> {
  const log = join(dataDir, "logs", "webhooks.log");
  const place = `127.0.0.1:${await portFor(dataDir, "webhooks")}`;
  const url = `http://${place}/webhooks`;
  const types = new Set<string>();
  const receive = async (request: IncomingMessage): Promise<number> => {
    const body = await text(request);
    try {
      verify([keyOf(loadSecrets(dataDir).demoWebhook?.secret ?? "")], request.headers as Record<string, string>, body);
      types.add((JSON.parse(body) as { type: string }).type);
      appendFileSync(log, `${new Date().toISOString()} ${body}\n`);
      return 204;
    } catch (error) {
      appendFileSync(log, `${new Date().toISOString()} refused: ${String(error)}\n`);
      return 401;
    }
  };
  const server = createServer((request, response) => {
    receive(request).then(
      (status) => response.writeHead(status).end(),
      // A sender that went away in the middle of its message tries again.
      () => response.destroy(),
    );
  });
  await new Promise<void>((resolve, reject) => server.once("error", reject).listen(Number(place.split(":")[1]), "127.0.0.1", resolve));
  return {
    place,
    log,
    async register(api) {
      if (loadSecrets(dataDir).demoWebhook?.url === url) return;
      const { secret } = await api.post<{ secret: string }>("/api/v1/webhooks", { url, events });
      keepSecrets(dataDir, { demoWebhook: { url, secret } });
    },
    async heard(type, limitMs) {
      const limit = Date.now() + limitMs;
      while (!types.has(type) && Date.now() < limit) await sleep(50);
      return types.has(type);
    },
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
