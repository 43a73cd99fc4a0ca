import { randomUUID } from "node:crypto";
import type { Till } from "../services/payment/till.ts";
import type { PayPalEvent } from "../services/payment/webhooks/event.ts";
import { customIdOf, readCustom } from "../services/payment/webhooks/resource.ts";

/** What a till's simulator has told since it began, newest first, as the inbox hands it to the handlers; `tenantId` is empty where the event does not name one. */
export async function eventsToldTo(till: Till): Promise<PayPalEvent[]> {
  const { connection } = await till.paypal(randomUUID());
  const path = "/v1/notifications/webhooks-events?page_size=300";
  const listed = await connection.send({ method: "GET", path }, (body) => body as { events: Record<string, unknown>[] });
  if (listed.outcome !== "ok") throw new Error(JSON.stringify(listed));
  return listed.value.events.map((event) => {
    const resource = event["resource"] as Record<string, unknown>;
    return {
      id: String(event["id"]),
      tenantId: readCustom(customIdOf(resource) ?? "")?.tenantId ?? "",
      type: String(event["event_type"]),
      resourceType: String(event["resource_type"]),
      resource,
      createdAt: new Date(String(event["create_time"])),
    };
  });
}
