import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { failure, type Reply } from "./replies.ts";

/** Headers that prove a delivery; PayPal's real signature is to be given here. */
export type Sign = (delivery: { transmissionId: string; time: string; webhookId: string; body: string }) => Record<string, string>;

interface Webhook {
  id: string;
  merchant: string;
  url: string;
  event_types: { name: string }[];
}

const eventId = () =>
  `WH-${randomUUID().replaceAll("-", "").toUpperCase().slice(0, 17)}-${randomUUID().replaceAll("-", "").toUpperCase().slice(0, 17)}`;
/** Waits before each try; real PayPal tries up to 25 times over three days. */
const waits = [0, 200, 1_000];

/** The webhook addresses of merchants, and the posting to them. */
export class Webhooks {
  readonly #webhooks: Webhook[] = [];
  readonly #stopped = new AbortController();
  readonly #sign: Sign;

  constructor(sign: Sign) {
    this.#sign = sign;
  }

  register(body: { url?: unknown; event_types?: unknown }, merchant: string): Reply {
    if (typeof body.url !== "string" || !URL.canParse(body.url))
      return failure(400, { issue: "INVALID_PARAMETER_SYNTAX", field: "/url", location: "body" });
    if (!Array.isArray(body.event_types) || body.event_types.length === 0)
      return failure(400, { issue: "MISSING_REQUIRED_PARAMETER", field: "/event_types", location: "body" });
    if (this.#webhooks.some((hook) => hook.url === body.url && hook.merchant === merchant))
      return failure(400, { issue: "WEBHOOK_URL_ALREADY_EXISTS", field: "/url", location: "body" });
    const hook: Webhook = { id: eventId().slice(3, 20), merchant, url: body.url, event_types: body.event_types as { name: string }[] };
    this.#webhooks.push(hook);
    return { status: 201, body: { id: hook.id, url: hook.url, event_types: hook.event_types, links: [] } };
  }

  /** Tells every webhook of the merchant that asked for this event. Does not wait for their answers. */
  emit(merchant: string, eventType: string, resourceType: string, resource: object): void {
    const time = new Date().toISOString();
    const body = JSON.stringify({
      id: eventId(),
      event_version: "1.0",
      create_time: time,
      resource_type: resourceType,
      resource_version: "2.0",
      event_type: eventType,
      resource,
    });
    for (const hook of this.#webhooks) {
      const wanted = hook.event_types.some(({ name }) => name === "*" || name === eventType);
      if (hook.merchant === merchant && wanted) void this.#deliver(hook, body);
    }
  }

  stop(): void {
    this.#stopped.abort();
  }

  /** Any 2xx ends it; what still fails after the last try is dropped, as PayPal does after three days. */
  async #deliver(hook: Webhook, body: string): Promise<void> {
    const transmissionId = randomUUID();
    const time = new Date().toISOString();
    const headers = {
      "content-type": "application/json",
      "paypal-transmission-id": transmissionId,
      "paypal-transmission-time": time,
      ...this.#sign({ transmissionId, time, webhookId: hook.id, body }),
    };
    for (const wait of waits) {
      try {
        await delay(wait, undefined, { signal: this.#stopped.signal, ref: false });
        const reply = await fetch(hook.url, {
          method: "POST",
          headers,
          body,
          signal: AbortSignal.any([this.#stopped.signal, AbortSignal.timeout(5_000)]),
        });
        await reply.body?.cancel();
        if (reply.ok) return;
      } catch {
        if (this.#stopped.signal.aborted) return;
      }
    }
  }
}
