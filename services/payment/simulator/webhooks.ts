import { bodies } from "./bodies.ts";
import { Complaints } from "./complaints.ts";
import { eventTypes } from "./eventtypes.ts";
import { paypalId } from "./ids.ts";
import { failure, Refused, type Reply } from "./replies.ts";
import { type Call, on, type Route } from "./routes.ts";
import { demandShape } from "./shape.ts";
import type { Shelf } from "./shelf.ts";
import { isSigned } from "./signature.ts";
import { memberText } from "./slice.ts";

/** An address that wants to hear of a merchant's events. */
export interface Webhook {
  id: string;
  merchant: string;
  url: string;
  event_types: { name: string }[];
}

const most = 10;

const webhookBody = ({ id, url, event_types }: Webhook, origin: string) => {
  const self = `${origin}/v1/notifications/webhooks/${id}`;
  const links = ["GET", "PATCH", "DELETE"].map((method, index) => ({ href: self, rel: ["self", "update", "delete"][index], method }));
  return { id, url, event_types: event_types.map(({ name }) => ({ name, status: "ENABLED" })), links };
};

function complainAbout(complaints: Complaints, { url, event_types }: { url?: unknown; event_types?: unknown }): void {
  if (typeof url !== "string" || !URL.canParse(url))
    complaints.add(url ? "INVALID_PARAMETER_SYNTAX" : "MISSING_REQUIRED_PARAMETER", "/url");
  if (!Array.isArray(event_types) || event_types.length === 0) complaints.add("MISSING_REQUIRED_PARAMETER", "/event_types");
}

function create(webhooks: Shelf<Webhook>, call: Call, origin: string): Reply {
  const complaints = new Complaints();
  complainAbout(complaints, call.body);
  const own = webhooks.all(call.merchant);
  if (own.some(({ url }) => url === call.body["url"])) complaints.add("WEBHOOK_URL_ALREADY_EXISTS", "/url");
  if (own.length >= most) complaints.add("WEBHOOK_NUMBER_LIMIT_EXCEEDED", "/url");
  complaints.finish();
  const { url, event_types } = call.body as Pick<Webhook, "url" | "event_types">;
  return { status: 201, body: webhookBody(webhooks.put({ id: paypalId(), merchant: call.merchant, url, event_types }), origin) };
}

/** Replaces the address or the list of events. */
function patch(webhook: Webhook, body: unknown): void {
  const next = { url: webhook.url, event_types: webhook.event_types };
  for (const { op, path, value } of Array.isArray(body) ? (body as { op?: string; path?: string; value?: never }[]) : []) {
    if (op !== "replace" || (path !== "/url" && path !== "/event_types"))
      throw new Refused(failure(400, { issue: "INVALID_PATCH_OPERATION", field: path, location: "body" }));
    next[path === "/url" ? "url" : "event_types"] = value!;
  }
  demandShape(next, bodies["webhooks.create"]!);
  const complaints = new Complaints();
  complainAbout(complaints, next);
  complaints.finish();
  Object.assign(webhook, next);
}

const needed = ["auth_algo", "cert_url", "transmission_id", "transmission_sig", "transmission_time", "webhook_id", "webhook_event"];

/** Says whether we sent an event. It is checked byte for byte as it stands in the request: what was parsed and written anew fails. */
function verify(call: Call): Reply {
  const complaints = new Complaints();
  for (const field of needed) if (!call.body[field]) complaints.add("MISSING_REQUIRED_PARAMETER", `/${field}`);
  complaints.finish();
  const of = call.body as Record<string, string>;
  const transmission = {
    transmissionId: String(of["transmission_id"]),
    time: String(of["transmission_time"]),
    webhookId: String(of["webhook_id"]),
    body: memberText(call.request.text, "webhook_event") ?? "",
  };
  const genuine = of["auth_algo"] === "SHA256withRSA" && isSigned(transmission, String(of["transmission_sig"]));
  return { status: 200, body: { verification_status: genuine ? "SUCCESS" : "FAILURE" } };
}

/** Webhooks management v1. Source: PayPal's notifications_webhooks_v1 OpenAPI document. */
export function webhookRoutes(webhooks: Shelf<Webhook>, origin: () => string): Route[] {
  const own = (call: Call) => webhooks.get(call.id, call.merchant);
  const path = "/v1/notifications/webhooks";
  return [
    on(`POST ${path}`, "webhooks.create", (call) => create(webhooks, call, origin())),
    on(`GET ${path}`, "webhooks.list", (call) => ({
      status: 200,
      body: { webhooks: webhooks.all(call.merchant).map((one) => webhookBody(one, origin())) },
    })),
    on(`GET ${path}/:id`, "webhooks.get", (call) => ({ status: 200, body: webhookBody(own(call), origin()) })),
    on(`PATCH ${path}/:id`, "webhooks.patch", (call) => {
      patch(own(call), call.body);
      return { status: 200, body: webhookBody(own(call), origin()) };
    }),
    on(`DELETE ${path}/:id`, "webhooks.delete", (call) => {
      webhooks.remove(own(call).id);
      return { status: 204 };
    }),
    on(`GET ${path}/:id/event-types`, "webhooks.types", (call) => ({
      status: 200,
      body: { event_types: webhookBody(own(call), origin()).event_types },
    })),
    on("GET /v1/notifications/webhooks-event-types", "webhooks.known", () => ({
      status: 200,
      body: {
        event_types: eventTypes.map((name) => ({ name, description: name.toLowerCase().replaceAll(/[._-]/g, " "), status: "ENABLED" })),
      },
    })),
    on("POST /v1/notifications/verify-webhook-signature", "webhooks.verify", verify),
  ];
}
