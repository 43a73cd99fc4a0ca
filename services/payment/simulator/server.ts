import { createServer, type ServerResponse } from "node:http";
import { approvalPage, sendBack } from "./approval.ts";
import { type Fault, Faults, type Operation, readFault } from "./faults.ts";
import { answer, listen, type Request } from "./http.ts";
import { type Credentials, MerchantDoor, type Work } from "./merchant.ts";
import { type Order, Orders, represent } from "./orders.ts";
import { failure, oauthFailure, type Reply } from "./replies.ts";
import { type Sign, Webhooks } from "./webhooks.ts";

export interface SimulatorOptions {
  host?: string;
  /** 0, the default, picks a free one. */
  port?: number;
  /** How long a call takes, in milliseconds; half before the work, half after it. */
  latencyMs?: number;
  /** The only client that gets tokens; any non-empty pair when absent. */
  credentials?: Credentials;
  sign?: Sign;
}

export interface Simulator {
  url: string;
  /** Makes the next calls of an operation fail, see `Fault`. */
  inject(fault: Fault): void;
  /** How often an operation was called since the start. */
  calls(operation: Operation): number;
  /** How many orders exist. */
  orders(): number;
  /** How many captures exist. */
  captures(): number;
  /** Every token given out so far stops working, though it has not expired. */
  revokeTokens(): void;
  /** The payer agrees. @returns false when there is no such order. */
  approve(orderId: string): boolean;
  close(): Promise<void>;
}

/**
 * A PayPal that lives in memory: OAuth, Orders v2, the payer's approval page, webhook registration, PayPal-Request-Id,
 * `Prefer`, PayPal-Mock-Response, and faults on demand. Source: PayPal's Orders v2 OpenAPI document. Loopback unless told otherwise.
 */
export async function startPayPalSimulator(options: SimulatorOptions = {}): Promise<Simulator> {
  const { host = "127.0.0.1", port = 0, latencyMs = 0, credentials, sign = () => ({}) } = options;
  const orders = new Orders();
  const webhooks = new Webhooks(sign);
  const faults = new Faults();
  const door = new MerchantDoor(faults, latencyMs, credentials);
  let origin = "";

  const show = (order: Order, status: number, request?: Request): Reply => {
    const whole = !request || /return=representation/i.test(request.header("prefer") ?? "");
    return { status, body: represent(order, origin, whole) };
  };

  const create: Work = (request, merchant) => {
    const made = orders.create(JSON.parse(request.text) as object, merchant, request.header("paypal-request-id") !== undefined);
    return "reply" in made ? made.reply : show(made.order, 201, request);
  };
  const get: Work = (_request, merchant, id) => {
    const found = orders.get(id, merchant);
    return "reply" in found ? found.reply : show(found.order, 200);
  };
  const capture: Work = (request, merchant, id) => {
    const done = orders.capture(id, merchant);
    if ("reply" in done) return done.reply;
    for (const one of done.order.purchase_units.flatMap((unit) => unit.payments?.captures ?? [])) {
      webhooks.emit(merchant, "PAYMENT.CAPTURE.COMPLETED", "capture", { ...one, supplementary_data: { related_ids: { order_id: id } } });
    }
    return show(done.order, 201, request);
  };

  function approve(id: string): Order | undefined {
    const before = orders.find(id)?.status;
    const order = orders.approve(id);
    if (order && order.status !== before)
      webhooks.emit(order.merchant, "CHECKOUT.ORDER.APPROVED", "checkout-order", represent(order, origin, true));
    return order;
  }

  async function route(request: Request, response: ServerResponse): Promise<Reply | null> {
    const { pathname } = request.url;
    switch (`${request.method} ${pathname}`) {
      case "POST /v1/oauth2/token":
        return door.operate("token", request, response, "", (incoming) => door.giveToken(incoming));
      case "POST /v2/checkout/orders":
        return door.operate("orders.create", request, response, "", create);
      case "POST /v1/notifications/webhooks": {
        const merchant = door.merchantOf(request);
        return merchant
          ? webhooks.register(JSON.parse(request.text) as object, merchant)
          : oauthFailure("invalid_token", "Token signature verification failed");
      }
      case "POST /simulator/faults":
        return takeFault(request);
      case "GET /simulator":
        return { status: 200, body: { calls: Object.fromEntries(door.calls), captures: orders.captures().length } };
    }
    if (pathname === "/checkoutnow") return payerPage(request);
    const [, id, action] = /^\/v2\/checkout\/orders\/([^/]{1,36})(\/capture)?$/.exec(pathname) ?? [];
    if (id && !action && request.method === "GET") return door.operate("orders.get", request, response, id, get);
    if (id && action && request.method === "POST") return door.operate("orders.capture", request, response, id, capture);
    const approved = /^\/simulator\/orders\/([^/]+)\/approve$/.exec(pathname)?.[1];
    if (approved && request.method === "POST") {
      const order = approve(approved);
      return order
        ? show(order, 200)
        : failure(404, { issue: "INVALID_RESOURCE_ID", field: "order_id", value: approved, location: "path" });
    }
    return failure(id ? 405 : 404);
  }

  function payerPage(request: Request): Reply {
    const id = request.url.searchParams.get("token") ?? "";
    const order = orders.find(id);
    if (request.method !== "POST" || !order) return approvalPage(order);
    const agreed = new URLSearchParams(request.text).get("action") === "approve";
    if (agreed) approve(id);
    return sendBack(order, agreed);
  }

  function takeFault(request: Request): Reply {
    const fault = readFault(JSON.parse(request.text));
    if (typeof fault === "string") return { status: 400, body: { message: fault } };
    faults.add(fault);
    return { status: 204 };
  }

  const server = createServer((incoming, response) => void answer(incoming, response, route));
  origin = await listen(server, host, port);
  return {
    url: origin,
    inject: (fault) => faults.add(fault),
    calls: (operation) => door.calls.get(operation) ?? 0,
    orders: () => orders.count(),
    captures: () => orders.captures().length,
    revokeTokens: () => door.revokeTokens(),
    approve: (orderId) => approve(orderId) !== undefined,
    close: async () => {
      webhooks.stop();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
