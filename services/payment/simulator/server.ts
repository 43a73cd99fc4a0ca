import { createServer, type ServerResponse } from "node:http";
import type { AccountSettings } from "./accounts.ts";
import { authorizationRoutes } from "./authorizationmoves.ts";
import { captureRoutes } from "./captures.ts";
import { orderRoutes } from "./checkout.ts";
import { controlRoutes } from "./controls.ts";
import type { Decision } from "./decisions.ts";
import { Delivery, usualTries } from "./delivery.ts";
import { disputeRoutes } from "./disputeroutes.ts";
import { Events } from "./events.ts";
import { type Fault, Faults, type Operation, readFault } from "./faults.ts";
import { answer, listen, type Request } from "./http.ts";
import { invoiceRoutes } from "./invoiceroutes.ts";
import { type Credentials, MerchantDoor } from "./merchant.ts";
import { pageRoutes } from "./pages.ts";
import { planRoutes } from "./plans.ts";
import { productRoutes } from "./products.ts";
import { type Recorder, recordTo } from "./recording.ts";
import { refundRoutes } from "./refunds.ts";
import { Refused, type Reply } from "./replies.ts";
import { attempt, callOf, match, open, type Route } from "./routes.ts";
import { saleRoutes } from "./sales.ts";
import { searchRoutes } from "./search.ts";
import { certificateChain, trustRoot } from "./signature.ts";
import { subscriptionRoutes } from "./subscriptionroutes.ts";
import { vaultRoutes } from "./vaultroutes.ts";
import { readWebhookFault, type WebhookFault } from "./weather.ts";
import { webhookRoutes } from "./webhooks.ts";
import { World } from "./world.ts";

export interface SimulatorOptions {
  host?: string;
  /** 0, the default, picks a free one. */
  port?: number;
  /** How long a call takes, in milliseconds; half before the work, half after it. */
  latencyMs?: number;
  /** The only client that gets tokens; any non-empty pair when absent. */
  credentials?: Credentials;
  /** Waits before each try to reach a webhook, in milliseconds. */
  webhookTries?: readonly number[];
  /** Where every exchange is appended as a line of JSON, secrets masked. */
  record?: string;
}

export interface Simulator {
  url: string;
  /** The certificate (PEM) that a verifier of webhooks has to trust instead of PayPal's roots; also at /simulator/root.pem. */
  readonly trustRoot: string;
  /** Makes the next calls of an operation, or the next webhooks, go wrong; see `Fault` and `WebhookFault`. */
  inject(fault: Fault | WebhookFault): void;
  /** Has the next captures, authorizations, refunds or renewals end otherwise; see `Decision`. */
  decide(decision: Decision): void;
  /** Says what the account of a client id is like. */
  configure(clientId: string, settings: AccountSettings): void;
  /** Moves the simulator's clock forward, doing on the way what falls due. */
  advance(ms: number): void;
  /** Uses a control as its POST below /simulator/ would, e.g. `tell("captures/ID/complete")`. @throws Error with PayPal's issue when it is refused. */
  tell(control: string, body?: object): unknown;
  /** How often an operation was called since the start. */
  calls(operation: Operation): number;
  /** How many orders exist. */
  orders(): number;
  /** How many captures exist. */
  captures(): number;
  /** Every token given out so far stops working, though it has not expired. */
  revokeTokens(): void;
  /** The payer agrees to an order (a card: answers the bank rightly), a subscription or a setup token. @returns false when there is no such thing. */
  approve(id: string): boolean;
  close(): Promise<void>;
}

/** A PayPal that lives in memory, see README.md. Loopback unless told otherwise. */
export async function startPayPalSimulator(options: SimulatorOptions = {}): Promise<Simulator> {
  const { host = "127.0.0.1", port = 0, latencyMs = 0, credentials, webhookTries = usualTries } = options;
  const record: Recorder = options.record ? recordTo(options.record) : () => {};
  const origin = () => world.origin;
  const delivery = new Delivery(webhookTries, origin, record);
  const world = new World((...event) => events.emit(...event));
  const events = new Events(world.clock, delivery, origin);
  const faults = new Faults();
  const door = new MerchantDoor(faults, world.clock, latencyMs, credentials);

  const inject = (fault: Fault | WebhookFault) => (fault.operation === "webhook" ? events.weather.add(fault) : faults.add(fault));
  const routes: Route[] = [
    ...orderRoutes(world),
    ...authorizationRoutes(world),
    ...captureRoutes(world),
    ...refundRoutes(world),
    ...productRoutes(world),
    ...planRoutes(world),
    ...subscriptionRoutes(world),
    ...saleRoutes(world),
    ...invoiceRoutes(world),
    ...disputeRoutes(world),
    ...searchRoutes(world),
    ...webhookRoutes(events.webhooks, origin),
    ...events.routes(),
    ...vaultRoutes(world),
    ...pageRoutes(world),
    ...controlRoutes(world),
    open("GET /v1/notifications/certs/:name", () => pem(certificateChain())),
    open("GET /simulator/root.pem", () => pem(trustRoot())),
    open("GET /simulator", () => ({ status: 200, body: { calls: Object.fromEntries(door.calls), captures: world.captures.size } })),
    open("POST /simulator/faults", ({ body }) => {
      inject(body["operation"] === "webhook" ? readWebhookFault(body) : readFault(body));
      return { status: 204 };
    }),
  ];

  async function route(request: Request, response: ServerResponse): Promise<Reply | null> {
    world.clock.catchUp();
    const { pathname } = request.url;
    if (pathname === "/v1/oauth2/token" && request.method === "POST") return door.giveToken(request, response);
    try {
      const { route, ids } = match(routes, request.method, pathname);
      if (route.operation) return await door.operate(route.operation, request, response, ids, route.work);
      return attempt(route.work, callOf(request, "", ids));
    } catch (error) {
      if (error instanceof Refused) return error.reply;
      throw error;
    }
  }

  function tell(control: string, body: object = {}): unknown {
    const url = new URL(`/simulator/${control}`, world.origin);
    const { route, ids } = match(routes, "POST", url.pathname);
    const header = () => "application/json";
    const reply = attempt(route.work, callOf({ method: "POST", url, header, text: JSON.stringify(body) }, "", ids));
    if (reply.status >= 400) throw new Error(`${control}: ${JSON.stringify(reply.body)}`);
    return structuredClone(reply.body);
  }

  const server = createServer((incoming, response) => void answer(incoming, response, route, record));
  world.origin = await listen(server, host, port);
  return {
    url: world.origin,
    get trustRoot() {
      return trustRoot();
    },
    inject,
    tell,
    decide: (decision) => world.decisions.add(decision),
    configure: (clientId, settings) => world.accounts.configure(clientId, settings),
    advance: (ms) => world.clock.advance(ms),
    calls: (operation) => door.calls.get(operation) ?? 0,
    orders: () => world.orders.size,
    captures: () => world.captures.size,
    revokeTokens: () => door.revokeTokens(),
    approve: (id) => {
      const kind = world.orders.find(id)
        ? "orders"
        : world.subscriptions.find(id)
          ? "subscriptions"
          : world.setups.find(id)
            ? "setup-tokens"
            : null;
      if (kind) tell(`${kind}/${id}/approve`);
      return kind !== null;
    },
    close: async () => {
      delivery.stop();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

const pem = (body: string): Reply => ({ status: 200, headers: { "content-type": "application/x-pem-file" }, body });
