import type { ServiceBroker } from "moleculer";
import { collectBody } from "./body.ts";
import { sendJson, type EdgeRequest, type EdgeResponse } from "./exchange.ts";
import { takeFromPayPal } from "./peers.ts";

/** Larger than any event of PayPal's. */
const largest = 262_144;
const passed = /^paypal-[a-z-]{1,40}$/;

/** Lets the payment service take a delivery of PayPal's. The bytes are passed on as they came: they are what is signed. */
export async function paypalWebhook(broker: ServiceBroker, req: EdgeRequest, res: EdgeResponse, accountId: string): Promise<void> {
  const body = (await collectBody(req, largest)).toString("base64");
  await req.enter?.();
  const headers = Object.fromEntries(
    Object.entries(req.headers).flatMap(([name, value]) =>
      typeof value === "string" && passed.test(name) ? [[name, value.slice(0, 4_000)]] : [],
    ),
  );
  const data = await takeFromPayPal(broker, { accountId, headers, body }, req.$ctx.meta.client);
  sendJson(res, 200, { data });
}
