import { randomUUID } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, it, jest } from "@jest/globals";
import { call, type ActionMap, type ActionName } from "../../config/calls.ts";
import { testDatabase, type TestDatabase } from "../../test/database.ts";
import { testNode, type TestNode } from "../../test/node.ts";

const [tenant, other] = [randomUUID(), randomUUID()];
let world: TestDatabase;
let node: TestNode;
let root: string;
let claimOf: (tenantId: string) => Promise<string>;
const as = async <N extends ActionName>(tenantId: string, name: N, params: ActionMap[N]["params"]) =>
  call(node.broker, name, params, { meta: { claim: await claimOf(tenantId) } });

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), "legendo-allowance-"));
  writeFileSync(join(root, "a.txt"), "alpha");
  world = await testDatabase();
  node = await testNode(["sync"], world);
  const { env } = await import("../../config/env.ts");
  const { serviceClaim } = await import("../../mixins/claim.ts");
  claimOf = (tenantId) => serviceClaim(env.CLUSTER_SECRET, "spec", tenantId, ["sync:read", "sync:write", "internal"]);
});
afterAll(async () => {
  await node?.stop();
  await world?.drop();
  rmSync(root, { recursive: true, force: true });
});

describe("what an organisation may have", () => {
  it("is set by operators: with no slot its jobs wait while another's run, and they can be cancelled meanwhile", async () => {
    expect(await as(tenant, "sync.queue.limit", { jobs: 0, weight: 3 })).toEqual({
      jobs: 0,
      weight: 3,
      running: 0,
      waiting: 0,
      longestWaitSeconds: null,
    });
    const input = pathToFileURL(root).href;
    const [held, unwanted] = [await as(tenant, "sync.jobs.create", { input }), await as(tenant, "sync.jobs.create", { input })];
    const ended = async (tenantId: string, id: string) => {
      for (let tries = 0; tries < 200; tries++, await sleep(50)) {
        const { status, completedAt } = await as(tenantId, "sync.jobs.get", { id });
        if (completedAt) return status;
      }
      throw new Error("the job did not end");
    };
    const free = await as(other, "sync.jobs.create", { input });
    expect(await ended(other, free.id)).toBe("completed");
    await as(tenant, "sync.jobs.cancel", { id: unwanted.id });
    expect(await ended(tenant, unwanted.id)).toBe("cancelled");
    expect(await as(tenant, "sync.queue.get", {})).toMatchObject({ running: 0, waiting: 1, jobs: 0 });
    expect(await as(other, "sync.queue.get", {})).toMatchObject({ waiting: 0, jobs: 4, weight: 1 });
    await as(tenant, "sync.queue.limit", { jobs: null });
    expect(await ended(tenant, held.id)).toBe("completed");
    expect(await as(tenant, "sync.queue.get", {})).toMatchObject({ jobs: 4, weight: 3, waiting: 0 });
  });

  it("is shown and set at the operator's prompt", async () => {
    const { default: commands } = await import("./queue.repl.ts");
    const table = jest.spyOn(console, "table").mockImplementation(() => {});
    try {
      const [show, limit] = commands as { action: (broker: object, args: object) => Promise<void> }[];
      await limit!.action(node.broker, { tenant: other, options: { jobs: 7, weight: "usual" } });
      await show!.action(node.broker, { tenant: other, options: {} });
      expect(table.mock.calls.map(([shown]) => shown as object)).toMatchObject([
        { jobs: 7, weight: 1 },
        { jobs: 7, weight: 1 },
      ]);
    } finally {
      table.mockRestore();
    }
  });
});
