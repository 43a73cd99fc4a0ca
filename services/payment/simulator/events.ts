import { randomUUID } from "node:crypto";
import type { Clock } from "./clock.ts";
import { Complaints } from "./complaints.ts";
import type { Delivery } from "./delivery.ts";
import { type Reply } from "./replies.ts";
import { type Call, on, type Route } from "./routes.ts";
import { Shelf } from "./shelf.ts";
import { Weather } from "./weather.ts";
import type { Webhook } from "./webhooks.ts";

/** What happened, as it is posted, byte for byte. */
interface Event {
  id: string;
  merchant: string;
  type: string;
  createdAt: number;
  body: string;
}

/** PayPal keeps them for some weeks. */
const mostEvents = 10_000;

const half = () => randomUUID().replaceAll("-", "").toUpperCase().slice(0, 17);

/** The events of all merchants: told to their webhooks as they happen, listed and told again on demand. */
export class Events {
  readonly webhooks = new Shelf<Webhook>("webhook_id");
  readonly weather = new Weather();
  readonly #events = new Shelf<Event>("event_id");
  readonly #clock: Clock;
  readonly #delivery: Delivery;
  readonly #origin: () => string;

  constructor(clock: Clock, delivery: Delivery, origin: () => string) {
    this.#clock = clock;
    this.#delivery = delivery;
    this.#origin = origin;
  }

  /** Tells every webhook of the merchant that asked for this event. Does not wait for their answers. */
  emit(merchant: string, type: string, resourceType: string, resource: object, version = "2.0"): void {
    const event = this.#events.put(this.#make(merchant, type, resourceType, resource, version));
    if (this.#events.size > mostEvents) this.#events.removeOldest();
    for (const hook of this.webhooks.all(merchant)) {
      const isWanted = hook.event_types.some(({ name }) => name === "*" || name === type);
      if (isWanted) this.weather.pass(merchant, type, (afterMs) => this.#delivery.post(hook, event.body, afterMs));
    }
  }

  #make(merchant: string, type: string, resourceType: string, resource: object, version: string): Event {
    const id = `WH-${half()}-${half()}`;
    const createdAt = this.#clock.now();
    const self = `${this.#origin()}/v1/notifications/webhooks-events/${id}`;
    const body = JSON.stringify({
      id,
      event_version: "1.0",
      create_time: new Date(createdAt).toISOString(),
      resource_type: resourceType,
      resource_version: version,
      event_type: type,
      summary: `${type.toLowerCase().replaceAll(/[._-]/g, " ")}.`,
      resource,
      links: [
        { href: self, rel: "self", method: "GET" },
        { href: `${self}/resend`, rel: "resend", method: "POST" },
      ],
    });
    return { id, merchant, type, createdAt, body };
  }

  /** Newest first, at most `page_size` (10), between two times, of one type or about one thing. */
  #list({ merchant, query }: Call): Reply {
    const from = Date.parse(query.get("start_time") ?? "") || 0;
    const to = Date.parse(query.get("end_time") ?? "") || Infinity;
    const [type, about] = [query.get("event_type"), query.get("transaction_id")];
    const found = this.#events
      .all(merchant)
      .filter((event) => event.createdAt >= from && event.createdAt <= to && (!type || event.type === type))
      .filter(({ body }) => !about || (JSON.parse(body) as { resource: { id?: string } }).resource.id === about)
      .reverse();
    const events = found.slice(0, Number(query.get("page_size") ?? 10)).map(({ body }) => JSON.parse(body) as object);
    return { status: 200, body: { events, count: events.length, links: [] } };
  }

  #resend({ merchant, id, body }: Call): Reply {
    const event = this.#events.get(id, merchant);
    const wanted = body["webhook_ids"] as string[] | undefined;
    for (const hook of this.webhooks.all(merchant)) if (!wanted || wanted.includes(hook.id)) void this.#delivery.post(hook, event.body);
    return { status: 202, body: JSON.parse(event.body) as object };
  }

  /** Sends an event that never happened. As at PayPal it is signed for the webhook "WEBHOOK_ID", so that it never verifies. */
  #simulate({ merchant, body }: Call): Reply {
    const { webhook_id, url, event_type } = body as Partial<Record<string, string>>;
    const complaints = new Complaints();
    complaints.text(event_type, "/event_type", 128, true);
    if (!webhook_id && !url) complaints.add("MISSING_REQUIRED_PARAMETER", "/webhook_id");
    complaints.finish();
    const target = webhook_id ? this.webhooks.get(webhook_id, merchant).url : url!;
    const event = this.#make(merchant, event_type!, "simulated", { id: "simulated" }, "2.0");
    void this.#delivery.post({ url: target, id: "WEBHOOK_ID" }, event.body);
    return { status: 202, body: JSON.parse(event.body) as object };
  }

  routes(): Route[] {
    const path = "/v1/notifications/webhooks-events";
    return [
      on(`GET ${path}`, "events.list", (call) => this.#list(call)),
      on(`GET ${path}/:id`, "events.get", ({ id, merchant }) => ({
        status: 200,
        body: JSON.parse(this.#events.get(id, merchant).body) as object,
      })),
      on(`POST ${path}/:id/resend`, "events.resend", (call) => this.#resend(call)),
      on("POST /v1/notifications/simulate-event", "events.simulate", (call) => this.#simulate(call)),
    ];
  }
}
