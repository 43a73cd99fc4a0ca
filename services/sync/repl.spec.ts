import { randomUUID } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, expect, it, jest } from "@jest/globals";
import type { ServiceBroker } from "moleculer";
import { call } from "../../config/calls.ts";
import { testDatabase, type TestDatabase } from "../../test/database.ts";
import { testNode, type TestNode } from "../../test/node.ts";

const folder = mkdtempSync(join(tmpdir(), "legendo-repl-"));
const tenant = randomUUID();
let database: TestDatabase;
let node: TestNode;
let job: string;

beforeAll(async () => {
  writeFileSync(join(folder, "a"), "a");
  Object.assign(process.env, { SYNC_FILE_ROOTS: folder, VAULT_URL: pathToFileURL(join(folder, "vault")).href, VAULT_FSYNC: "false" });
  database = await testDatabase();
  node = await testNode(["sync"], database);
  const { env } = await import("../../config/env.ts");
  const { serviceClaim } = await import("../../mixins/claim.ts");
  const meta = { claim: await serviceClaim(env.CLUSTER_SECRET, "spec", tenant, ["sync:read", "sync:write"]) };
  const { id: sourceId } = await call(node.broker, "sync.sources.create", { name: "kept", input: pathToFileURL(folder).href }, { meta });
  await call(node.broker, "sync.schedules.create", { name: "yearly", sourceId, cron: "0 0 1 1 *" }, { meta });
  job = (await call(node.broker, "sync.jobs.create", { sourceId, dryRun: true }, { meta })).id;
  for (let tries = 0; tries < 200; tries++) {
    if ((await call(node.broker, "sync.jobs.get", { id: job }, { meta })).approval) break;
    await sleep(50);
  }
});
afterAll(async () => {
  await node?.stop();
  await database?.drop();
  rmSync(folder, { recursive: true, force: true });
});

interface Command {
  action: (broker: ServiceBroker, args: object) => Promise<void>;
}

/** What a command of the prompt prints. */
async function printed(command: string): Promise<string> {
  const { default: commands } = await import("./sync.repl.ts");
  const found = commands.find((known) => known.command.split(" ")[0] === command)!;
  const said: unknown[] = [];
  const spies = [
    jest.spyOn(console, "table").mockImplementation((data) => void said.push(data)),
    jest.spyOn(console, "log").mockImplementation((...words) => void said.push(words)),
  ];
  try {
    await (found as Command).action(node.broker, { tenant, job, options: {} });
  } finally {
    for (const spy of spies) spy.mockRestore();
  }
  return JSON.stringify(said);
}

it("The prompt shows jobs, sources, schedules and the vault, and gets work started", async () => {
  expect(await printed("sync:jobs")).toContain(job);
  expect(await printed("sync:show")).toMatch(/"status":"awaiting_approval, \d+ %".*"waits because":"[^"]+"/);
  expect(await printed("sync:sources")).toContain('"name":"kept"');
  expect(await printed("sync:schedules")).toMatch(/"name":"yearly".*"next":"\d{4}-01-01T00:00:00/);
  expect(await printed("sync:approve")).toContain(job);
  for (let tries = 0; tries < 200 && !(await printed("sync:show")).includes("completed, 100 %"); tries++) await sleep(50);
  expect(await printed("sync:show")).toContain("completed, 100 %");
  expect(await printed("sync:failures")).toBe("[[]]");
  await expect(printed("sync:retry")).rejects.toMatchObject({ type: "JOB_STATE_CONFLICT" });
  await expect(printed("sync:cancel")).rejects.toMatchObject({ type: "JOB_STATE_CONFLICT" });
  expect(await printed("vault:stats")).toContain('"contents":1');
  expect(await printed("vault:verify")).toContain("(verify)");
  expect(await printed("vault:collect")).toContain("(collect)");
});
