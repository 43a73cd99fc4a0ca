import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { call, type ActionMap, type ActionName } from "../../config/calls.ts";
import { permissions } from "../../config/permissions.ts";
import type { Vault } from "../../mixins/vault/ticket.ts";
import { testDatabase, type TestDatabase } from "../../test/database.ts";
import { testNode, type TestNode } from "../../test/node.ts";
import type { JobView } from "./job.ts";

const tenant = "aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa";
const other = "bbbbbbbb-bbbb-4bbb-8bbb-bbbbbbbbbbbb";
let database: TestDatabase;
let node: TestNode;
let vault: Vault;
let folder: string;
let claims: Record<string, string>;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "legendo-keys-"));
  Object.assign(process.env, { SYNC_FILE_ROOTS: folder, VAULT_URL: pathToFileURL(join(folder, "vault")).href });
  database = await testDatabase();
  node = await testNode(["sync"], database);
  const { env } = await import("../../config/env.ts");
  const { serviceClaim } = await import("../../mixins/claim.ts");
  const { openVault } = await import("../../mixins/vault/environment.ts");
  vault = await openVault(env);
  const claimOf = (tenantId: string) => serviceClaim(env.CLUSTER_SECRET, "spec", tenantId, [...permissions]);
  claims = { [tenant]: await claimOf(tenant), [other]: await claimOf(other) };
});
afterAll(async () => {
  await vault?.store.close();
  await node?.stop();
  await database?.drop();
  rmSync(folder, { recursive: true, force: true });
});

const as = <N extends ActionName>(tenantId: string, name: N, params: ActionMap[N]["params"]) =>
  call(node.broker, name, params, { meta: { claim: claims[tenantId] } });

async function ended(tenantId: string, id: string): Promise<JobView> {
  for (const limit = Date.now() + 30_000; Date.now() < limit; await sleep(50)) {
    const job = await as(tenantId, "sync.jobs.get", { id });
    if (["completed", "completed_with_errors", "failed", "cancelled"].includes(job.status)) return job;
  }
  throw new Error("the job did not end in time");
}

const inbox = () => pathToFileURL(join(folder, "inbox")).href;
const sync = async (tenantId: string, mode: "incremental" | "full" = "incremental") =>
  ended(tenantId, (await as(tenantId, "sync.jobs.create", { input: inbox(), mode })).id);

async function contents(tenantId: string): Promise<Record<string, string>> {
  const { readWhole } = await import("../../mixins/vault/ticket.ts");
  const { data } = await as(tenantId, "sync.assets.list", { limit: 100 });
  const read = data.map(async ({ id, path }) => {
    const { ticket } = await as(tenantId, "sync.assets.ticket", { id });
    return [path, (await readWhole(ticket, vault, 1e6)).toString()] as const;
  });
  return Object.fromEntries(await Promise.all(read));
}

describe("The keys of a vault", () => {
  it("are rotated by an action and a job, with everything readable and nothing stored twice", async () => {
    mkdirSync(join(folder, "inbox"));
    const files = Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`${i}.txt`, `file ${i}`]));
    for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, "inbox", name), text);
    await sync(tenant);
    await sync(other);
    const [before] = (await as(tenant, "sync.keys.list", {})).keys;
    const theirs = await as(other, "sync.keys.list", {});

    const { keyId, retired, job } = await as(tenant, "sync.keys.rotate", {});
    expect({ retired, kind: job.kind }).toEqual({ retired: before!.id, kind: "rekey" });
    expect(await contents(tenant)).toEqual(files);
    // Nodes would wait until each of them has looked.
    await database.admin.query(`update sync.tenant_keys set retired_at = now() - interval '1 hour' where id = $1`, [retired]);
    expect(await ended(tenant, job.id)).toMatchObject({
      status: "completed",
      progress: 100,
      result: { packs: before!.packs, unusable: [], destroyed: [] },
    });
    expect((await as(tenant, "sync.keys.list", {})).keys).toMatchObject([
      { id: keyId, state: "current", packs: before!.packs },
      { id: retired, state: "retired", packs: 0 },
    ]);
    expect(await contents(tenant)).toEqual(files);
    expect(await sync(tenant, "full")).toMatchObject({ status: "completed", items: { stored: 0, failed: 0 } });
    expect(await as(other, "sync.keys.list", {})).toEqual(theirs);
    expect((await as(tenant, "sync.keys.wrapped", {})).keys.map((key) => key.keyId)).toEqual([keyId, retired]);
  });

  it("are shredded when the organisation is named twice; reading and jobs then fail and say why", async () => {
    await expect(as(tenant, "sync.keys.shred", { tenantId: tenant, again: other })).rejects.toMatchObject({
      type: "VALIDATION_FAILED",
      data: { faults: [{ pointer: "/again" }] },
    });
    await expect(as(tenant, "sync.keys.shred", { tenantId: other, again: other })).rejects.toMatchObject({ type: "VALIDATION_FAILED" });
    expect(await as(tenant, "sync.keys.shred", { tenantId: tenant, again: tenant })).toEqual({ keys: 2 });
    const shredded = { type: "VAULT_KEY_UNUSABLE", message: expect.stringContaining("shredded") };
    await expect(contents(tenant)).rejects.toMatchObject(shredded);
    // This node has looked a moment ago and still takes the job; nothing is recorded of it.
    writeFileSync(join(folder, "inbox", "new.txt"), "new");
    const outcome = await sync(tenant).then(
      ({ status, error }) => ({ status, error }),
      (error: { type: string; message: string }) => ({ status: "failed", error: { type: error.type, message: error.message } }),
    );
    expect(outcome).toMatchObject({ status: "failed", error: shredded });
    expect(Object.keys(await contents(other))).toHaveLength(40);
  });

  it("of all organisations are wrapped anew by the current master key on an operator's word", async () => {
    await expect(as(tenant, "sync.keys.rewrap", {})).resolves.toEqual({ rewrapped: 0, failed: [], next: null });
    const { rewrapped } = await as(tenant, "sync.keys.rewrap", { all: true });
    expect(rewrapped).toBe(1);
    expect(Object.keys(await contents(other))).toHaveLength(40);
  });
});
