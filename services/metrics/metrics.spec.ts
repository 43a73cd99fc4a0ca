import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { ServiceBroker } from "moleculer";
import { OtlpExporter } from "../../config/otlp.ts";
import { env } from "../../config/env.ts";
import { natsOptions } from "../../config/nats.ts";
import { errors } from "../../config/errors.ts";
import { callsMiddleware } from "../../mixins/calls.middleware.ts";
import { pageAddress, type Collector } from "../../mixins/prometheus.mixin.ts";
import type { Host } from "../../config/service.ts";
import metrics from "./metrics.service.ts";

interface Export {
  resourceSpans: {
    scopeSpans: { spans: { traceId: string; spanId: string; parentSpanId?: string; name: string; status: { code: number } }[] }[];
  }[];
}

const namespace = `metrics-${randomBytes(4).toString("hex")}`;
const exported: string[] = [];
const collector = createServer((request, response) => {
  void (async () => {
    let text = "";
    for await (const chunk of request) text += String(chunk);
    exported.push(text);
    response.end("{}");
  })();
});
const nodes: ServiceBroker[] = [];
let page: string;

const node = (nodeID: string) => {
  const { port } = collector.address() as AddressInfo;
  const broker = new ServiceBroker({
    namespace,
    nodeID,
    logger: false,
    transporter: { type: "NATS", options: natsOptions(env, nodeID) },
    metrics: { enabled: true, reporter: [] },
    middlewares: [callsMiddleware()],
    tracing: {
      enabled: true,
      exporter: [new OtlpExporter(`http://127.0.0.1:${port}/v1/traces`)] as never,
      tags: { action: { params: false, meta: false, response: false } },
    },
  });
  nodes.push(broker);
  return broker;
};

beforeAll(async () => {
  collector.listen(0, "127.0.0.1");
  await once(collector, "listening");
  const watcher = node("watcher");
  const served = watcher.createService({ ...metrics, settings: { port: { port: 0, host: "127.0.0.1" } } });
  const worker = node("worker");
  worker.createService({
    name: "kitchen.stove",
    actions: {
      boil: (ctx) => ctx.call("kitchen.stove.heat", ctx.params),
      heat: () => "hot",
      burn() {
        throw errors.conflict("It burns with secret-in-the-message.");
      },
    },
  });
  await Promise.all([watcher.start(), worker.start()]);
  await watcher.waitForServices("kitchen.stove", 5000, 20);
  page = pageAddress(served as Host<Collector>);
  for (let i = 0; i < 3; i++) await watcher.call("kitchen.stove.boil", { password: "secret-in-the-params" });
  await watcher.call("kitchen.stove.burn", { password: "secret-in-the-params" }).catch(() => {});
});
afterAll(async () => {
  await Promise.all(nodes.map((broker) => broker.stop()));
  collector.closeAllConnections();
  collector.close();
});

async function scrape(has: string): Promise<string> {
  for (let i = 0; ; i++) {
    const response = await fetch(page);
    const text = await response.text();
    expect(response.headers.get("content-type")).toContain("text/plain");
    if (text.includes(has) || i > 150) return text;
    await sleep(20);
  }
}

describe("the metrics page", () => {
  it("counts calls and times by action, service and node", async () => {
    const text = await scrape("moleculer_req_errors_total{");
    const labels = 'action="kitchen.stove.boil",service="kitchen.stove",nodeID="worker"';
    expect(text).toContain(`moleculer_req_total{${labels}} 3`);
    expect(text).toContain(`moleculer_req_duration_ms_count{${labels}} 3`);
    expect(text).toContain('moleculer_req_total{action="kitchen.stove.heat",service="kitchen.stove",nodeID="worker"} 3');
    expect(text).toMatch(/moleculer_req_errors_total\{action="kitchen.stove.burn",.*errorCode="409",.*errorType="CONFLICT"\} 1/);
  });

  it("shows nodes and processes, and is served on the configured address alone", async () => {
    const text = await scrape("moleculer_nodes_total 2");
    expect(text).toContain("moleculer_nodes_total 2");
    expect(text).toContain("process_cpu_seconds_total");
    expect(new URL(page).hostname).toBe("127.0.0.1");
  });

  it("shows no params and no messages", async () => {
    expect(await scrape("moleculer_req_errors_total{")).not.toContain("secret-in");
  });
});

describe("traces by OTLP", () => {
  it("join a call and the call it makes, mark the failed one, and carry no params", async () => {
    for (let i = 0; i < 150 && exported.join().split("kitchen.stove.boil").length < 4; i++) await sleep(20);
    const text = exported.join("\n");
    expect(text).not.toContain("secret-in");
    const spans = exported
      .flatMap((body) => (JSON.parse(body) as Export).resourceSpans)
      .flatMap(({ scopeSpans }) => scopeSpans)
      .flatMap((scope) => scope.spans);
    const boil = spans.find(({ name }) => name === "action 'kitchen.stove.boil'")!;
    const heat = spans.find(({ parentSpanId }) => parentSpanId === boil.spanId)!;
    expect(boil.traceId).toMatch(/^[0-9a-f]{32}$/);
    expect(heat).toMatchObject({ name: "action 'kitchen.stove.heat'", traceId: boil.traceId, status: { code: 0 } });
    expect(spans.find(({ name }) => name.includes("burn"))).toMatchObject({ status: { code: 2 } });
  });
});
