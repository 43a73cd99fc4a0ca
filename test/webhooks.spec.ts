import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { connect, type NatsConnection } from "nats";
import { Webhook } from "standardwebhooks";
import { v7 as uuidv7 } from "uuid";
import { call, type ActionMap } from "../config/calls.ts";
import { subjects, type DomainEvent } from "../config/events.ts";
import type { Permission } from "../config/permissions.ts";
import { serviceClaim } from "../mixins/claim.ts";
import { Receiver } from "../services/notification/receiver.ts";
import { testDatabase, type TestDatabase } from "./database.ts";
import { testNode, type TestNode } from "./node.ts";

let world: TestDatabase;
let receiver: Receiver;
let node: TestNode;
let nats: NatsConnection;
const tenant = randomUUID();

beforeAll(async () => {
  world = await testDatabase();
  receiver = await new Receiver().start();
  process.env["WEBHOOK_PRIVATE_HOSTS"] = receiver.place;
  node = await testNode(["notification"], world);
  const { natsOptions } = await import("../config/nats.ts");
  const { env } = await import("../config/env.ts");
  nats = await connect(natsOptions(env, "webhooks spec"));
});
afterAll(async () => {
  await nats?.close();
  await node?.stop();
  await receiver?.stop();
  await world?.drop();
});

type Name = keyof ActionMap & `notification.${string}`;
async function ask<N extends Name>(
  name: N,
  params: ActionMap[N]["params"],
  of = tenant,
  may?: Permission[],
): Promise<ActionMap[N]["result"]> {
  const claim = await serviceClaim(process.env["CLUSTER_SECRET"] ?? "", "api", of, may ?? ["notification:read", "notification:write"]);
  return await call(node.broker, name, params, { meta: { claim } });
}

/** Publishes an event as the relay of the service that owns it does. */
async function publish(of: string): Promise<DomainEvent> {
  const event: DomainEvent = {
    id: uuidv7(),
    tenantId: of,
    type: "organisation.created",
    stream: `organisation:${of}`,
    version: 1,
    at: new Date().toISOString(),
    data: { name: "Acme" },
  };
  const subject = subjects(node.broker.namespace).event(of, event.type);
  await nats.jetstream().publish(subject, JSON.stringify(event), { msgID: event.id });
  return event;
}

describe("webhooks of a running node", () => {
  it("are made by an action, carry an event from the stream signed, and list how it ended", async () => {
    const made = await ask("notification.webhooks.create", { url: receiver.url, events: ["*"] });
    expect(made).toMatchObject({ url: receiver.url, events: ["*"], enabled: true, secret: expect.stringMatching(/^whsec_[\w+/]{43}=$/) });
    const event = await publish(tenant);
    for (let i = 0; i < 200 && receiver.received.length === 0; i++) await sleep(20);
    const { body, headers } = receiver.received[0]!;
    expect(new Webhook(made.secret).verify(body, headers as Record<string, string>)).toEqual({
      type: "organisation.created",
      timestamp: event.at,
      data: { name: "Acme" },
    });
    const page = { limit: 1 };
    const deliveries = () => ask("notification.webhooks.deliveries", { id: made.id, ...page });
    for (let i = 0; i < 100 && (await deliveries()).data[0]?.status !== "delivered"; i++) await sleep(20);
    expect((await deliveries()).data).toMatchObject([{ eventId: event.id, status: "delivered", attempts: 1, lastStatus: 204 }]);
    // What the delivery itself made known is not delivered to "*": nothing loops.
    await sleep(300);
    expect(receiver.received).toHaveLength(1);
  });

  it("are listed in pages without their secrets, and never to another organisation", async () => {
    await ask("notification.webhooks.create", { url: receiver.url, events: ["payment.captured"] });
    const first = await ask("notification.webhooks.list", { limit: 1 });
    const second = await ask("notification.webhooks.list", { limit: 1, cursor: first.pagination.cursor! });
    expect([...first.data, ...second.data].map(({ events }) => events)).toEqual([["payment.captured"], ["*"]]);
    expect(second.pagination).toEqual({ cursor: null, hasNext: false, hasPrev: true });
    expect(JSON.stringify([first, second])).not.toContain("whsec_");
    const other = randomUUID();
    expect((await ask("notification.webhooks.list", {}, other)).data).toEqual([]);
    const id = first.data[0]!.id;
    await expect(ask("notification.webhooks.remove", { id }, other)).rejects.toMatchObject({ code: 404 });
    await expect(ask("notification.webhooks.list", { limit: 1, cursor: first.pagination.cursor! }, other)).rejects.toMatchObject({
      type: "CURSOR_INVALID",
    });
    expect(await ask("notification.webhooks.remove", { id })).toEqual({ id });
  });

  it("are refused with every fault named, and without the permission", async () => {
    const bad = { url: "http://me@10.0.0.1/", events: ["*"] as ["*"] };
    await expect(ask("notification.webhooks.create", bad)).rejects.toMatchObject({
      type: "VALIDATION_FAILED",
      data: {
        faults: [
          { pointer: "/url", detail: "must be https, not http" },
          { pointer: "/url", detail: "must not carry a user name or password" },
          { pointer: "/url", detail: "must lead to a public address; 10.0.0.1 is none" },
        ],
      },
    });
    await expect(ask("notification.webhooks.create", { url: receiver.url, events: ["no.such"] as never })).rejects.toMatchObject({
      type: "VALIDATION_FAILED",
      data: { faults: [{ pointer: "/events/0" }] },
    });
    await expect(ask("notification.webhooks.create", bad, tenant, ["notification:read"])).rejects.toMatchObject({ type: "FORBIDDEN" });
  });
});
