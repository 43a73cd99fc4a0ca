import { mkdtempSync, rmSync } from "node:fs";
import { randomBytes } from "node:crypto";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { ServiceBroker } from "moleculer";
import type { Running } from "../scripts/servers/process.ts";
import { startProcess } from "./processes.ts";

const namespace = `test-${randomBytes(6).toString("hex")}`;
let folder: string;
let broker: ServiceBroker;
const nodes = new Map<string, Running>();

async function startNode(name: string): Promise<void> {
  const node = startProcess(name, folder, "test/echo.ts", { LEGENDO_NAMESPACE: namespace, SERVICES: "all" });
  nodes.set(name, node);
  await new Promise<void>((resolve, reject) => {
    node.child.once("message", () => resolve());
    void node.ended.then((how) => reject(new Error(`${name} ${how}, see ${node.log}`)));
  });
}

const echo = <T>(action: string, options: object = {}) => broker.call<T, object>(`echo.${action}`, { text: "x" }, options);
const seen = () => broker.registry.getServiceList({ onlyAvailable: true }).filter((service) => service.name === "echo").length;
async function until(nodesWanted: number): Promise<void> {
  for (let tries = 0; seen() !== nodesWanted && tries < 200; tries++) await sleep(25);
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "legendo-broker-"));
  process.env["LEGENDO_NAMESPACE"] = namespace;
  const { default: options } = await import("../moleculer.config.ts");
  broker = new ServiceBroker({ ...options, nodeID: "caller" });
  await broker.start();
  await Promise.all([startNode("one"), startNode("two")]);
  await until(2);
});
afterAll(async () => {
  await broker?.stop();
  await Promise.all([...nodes.values()].map((node) => node.stop(3000)));
  rmSync(folder, { recursive: true, force: true });
});

describe("a cluster over NATS", () => {
  it("carries a failure's code, type and data across nodes, and of an unforeseen error only that it happened", async () => {
    await expect(echo("refused")).rejects.toMatchObject({
      code: 404,
      type: "JOB_NOT_FOUND",
      data: { id: "7" },
      message: "There is no such job.",
    });
    const broken: Error & { code?: number; type?: string } = await echo<never>("broken").catch((error: Error) => error);
    expect(broken).toMatchObject({ code: 500, type: "INTERNAL_ERROR" });
    expect(JSON.stringify({ ...broken, message: broken.message, stack: broken.stack })).not.toContain("secret@example.com");
  });

  it("names every fault of bad params, and not the values", async () => {
    await expect(broker.call("echo.safe", { text: 5, other: "hunter2" })).rejects.toMatchObject({
      type: "VALIDATION_FAILED",
      data: {
        faults: expect.arrayContaining([
          { pointer: "/text", detail: "must be string" },
          { pointer: "/other", detail: "is not known here" },
        ]),
      },
    });
  });

  it("repeats a failed call of an idempotent action only", async () => {
    const count = async () => (await echo<number>("calls", { nodeID: "one" })) + (await echo<number>("calls", { nodeID: "two" }));
    const before = await count();
    await expect(echo("once")).rejects.toMatchObject({ type: "SERVICE_UNAVAILABLE" });
    expect(await count()).toBe(before + 1);
    await expect(echo("again")).rejects.toMatchObject({ type: "SERVICE_UNAVAILABLE" });
    expect(await count()).toBe(before + 5);
  });

  it("does not tell a node's options, and with them the password of NATS, to other nodes", async () => {
    await expect(broker.call("$node.options", {}, { nodeID: "one" })).rejects.toMatchObject({ code: 404 });
    const health = await broker.call("$node.health", {}, { nodeID: "one" });
    expect(health).toHaveProperty("os");
  });

  it("counts time-outs in its circuit breaker", async () => {
    for (let call = 0; call < 30; call++) await echo("slow", { timeout: 30 }).catch(() => {});
    const refused: Error[] = [];
    for (let call = 0; call < 4; call++) await echo("slow", { timeout: 30 }).catch((error: Error) => refused.push(error));
    // With every circuit open, no node is left to call.
    expect(refused.map((error) => (error as { type?: string }).type)).toContain("SERVICE_NOT_AVAILABLE");
    expect(await echo("safe")).toEqual(expect.any(String));
  });

  it("answers within a second when the called node was killed a moment before", async () => {
    expect(new Set(await Promise.all(Array.from({ length: 10 }, () => echo<string>("safe"))))).toEqual(new Set(["one", "two"]));
    process.kill(nodes.get("one")!.pid, "SIGKILL");
    const started = Date.now();
    const answers = await Promise.all(Array.from({ length: 20 }, () => echo<string>("safe")));
    expect(new Set(answers)).toEqual(new Set(["two"]));
    expect(Date.now() - started).toBeLessThan(1000);
  });
});
