import type { ServiceBroker } from "moleculer";
import { collectBody } from "./body.ts";
import { sendJson, type EdgeRequest, type EdgeResponse } from "./exchange.ts";
import { takeFromPayPal } from "./peers.ts";
import type { Strangers } from "./strangers.ts";

/** Larger than any event of PayPal's. */
const largest = 262_144;
const passed = /^paypal-[a-z-]{1,40}$/;

/**
 * Lets the payment service take a delivery of PayPal's. The bytes are passed on as they came: they are what is signed. From where one came that was
 * genuine, the next ones go before those of strangers.
 */
export async function paypalWebhook(
  strangers: Strangers,
  broker: ServiceBroker,
  req: EdgeRequest,
  res: EdgeResponse,
  accountId: string,
): Promise<void> {
  const body = (await collectBody(req, largest)).toString("base64");
  await req.enter?.();
  const headers = Object.fromEntries(
    Object.entries(req.headers).flatMap(([name, value]) =>
      typeof value === "string" && passed.test(name) ? [[name, value.slice(0, 4_000)]] : [],
    ),
  );
  const data = await takeFromPayPal(broker, { accountId, headers, body }, req.$ctx.meta.client);
  strangers.recognise(req.from);
  sendJson(res, 200, { data });
}
