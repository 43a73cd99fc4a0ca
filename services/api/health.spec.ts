import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { testDatabase, type TestDatabase } from "../../test/database.ts";
import { until } from "../../test/edge.ts";
import { faultyWayTo, type FaultyWay } from "../../test/faults.ts";
import { testNode, type TestNode } from "../../test/node.ts";

let database: TestDatabase;
let way: FaultyWay;
let node: TestNode;
let url: string;
beforeAll(async () => {
  database = await testDatabase();
  const proxied = new URL(database.url);
  way = await faultyWayTo(proxied.hostname, Number(proxied.port));
  proxied.host = `${way.host}:${way.port}`;
  // Every request that fails would be in the log.
  Object.assign(process.env, { PORT: "0", LOG_LEVEL: "fatal" });
  node = await testNode(["api", "auth", "sync", "ai", "payment", "notification"], { ...database, url: proxied.href });
  ({ address: url } = node.broker.getLocalService("api") as unknown as { address: string });
});
afterAll(async () => {
  if (way) way.faults = {};
  await node?.stop();
  await way?.close();
  await database?.drop();
});

const services = ["auth", "sync", "ai", "payment", "notification"];
const ready = async () => {
  const response = await fetch(`${url}/readyz`);
  const { checks } = (await response.json()) as { checks: Record<string, { status: string; nodes?: number; detail?: string }> };
  return { status: response.status, checks };
};
const turns = (status: number) => until(async () => (await ready()).status === status, `/readyz to say ${status}`, 60_000);
const jobs = async (claim: string) => await fetch(`${url}/api/v1/sync/jobs`, { headers: { authorization: `Bearer ${claim}` } });

describe("while PostgreSQL is away", () => {
  it("requests that need it get 503 and are told when to come again, /readyz says which services miss it, and all is well when it is back", async () => {
    const { env } = await import("../../config/env.ts");
    const { serviceClaim } = await import("../../mixins/claim.ts");
    const claims = await Promise.all(
      [randomUUID(), randomUUID()].map((tenant) => serviceClaim(env.CLUSTER_SECRET, "spec", tenant, ["sync:read"])),
    );
    await turns(200);
    for (const claim of claims) expect((await jobs(claim)).status).toBe(200);

    way.faults = { resetAfter: 0 };
    await turns(503);
    const { checks } = await ready();
    expect(checks["nats"]).toEqual({ status: "ok" });
    for (const name of services) expect(checks[name]).toEqual({ status: "down", nodes: 1, detail: "it does not reach its database" });
    for (const claim of claims) {
      const response = await jobs(claim);
      expect([response.status, response.headers.get("retry-after")]).toEqual([503, "5"]);
      expect(await response.json()).toMatchObject({ code: "SERVICE_UNAVAILABLE" });
    }
    expect((await fetch(`${url}/livez`)).status).toBe(200);

    way.faults = {};
    await turns(200);
    for (const claim of claims) await until(async () => (await jobs(claim)).status === 200, "an answer", 60_000);
  }, 150_000);
});
