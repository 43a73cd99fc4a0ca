import { randomBytes } from "node:crypto";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, it } from "@jest/globals";
import type { Running } from "../scripts/servers/process.ts";
import { startProcess } from "./processes.ts";
import { testVault, type TestVault } from "./vault.ts";

const folder = mkdtempSync(join(tmpdir(), "legendo-upkeep-"));
let vault: TestVault;
const nodes = new Map<string, Running>();
// One thread and slow disks: so that there is something left to be killed.
const start = (name: string) =>
  nodes.set(name, startProcess(name, folder, "scripts/node.ts", { SERVICES: "sync", SYNC_THREADS: "1", VAULT_FSYNC: "true" }));
beforeAll(async () => {
  vault = await testVault({}, { idle: true });
  for (const name of ["upkeep-1", "upkeep-2"]) start(name);
});
afterAll(async () => {
  await Promise.all([...nodes.values()].map((node) => node.stop(5_000)));
  await vault?.close();
  rmSync(folder, { recursive: true, force: true });
});

/** Does upkeep and kills the node that does it, so many times. */
async function hunted(tenant: string, kind: "verify" | "repair" | "collect", kills: number) {
  const { id } = await vault.as(tenant, `sync.vault.${kind}`, {});
  let killed = 0;
  const owner = async () =>
    (
      await vault.query<{ owner: string }>(`select owner from sync.actors where key = $1 and owner is not null and lease_until > now()`, [
        id,
      ])
    )[0]?.owner;
  const ended = async () => !/queued|planning|running/.test((await vault.as(tenant, "sync.jobs.get", { id })).status);
  for (let last: string | undefined; killed < kills && !(await ended()); await sleep(10)) {
    const prey = await owner();
    // A killed owner keeps its lease for a while.
    if (!prey || prey === last) continue;
    await sleep(Math.random() * 250);
    if (await ended()) break;
    process.kill(nodes.get(prey)!.pid, "SIGKILL");
    await nodes.get(prey)!.ended;
    start(prey);
    last = prey;
    killed++;
  }
  return { killed, job: await vault.ended(tenant, id, 120) };
}

it("upkeep whose node is killed, and killed again, ends as if nothing had happened", async () => {
  const tenant = crypto.randomUUID();
  const files: Record<string, Buffer> = {};
  const write = (path: string, bytes: Buffer) => {
    files[path] = bytes;
    vault.write(tenant, path, bytes);
  };
  for (let i = 0; i < 400; i++) write(`many/${i}`, randomBytes(500_000 + i));
  write("large/a", randomBytes(40 * 2 ** 20));
  expect(await vault.sync(tenant)).toMatchObject({ status: "completed" });
  const before = await vault.packs(tenant);

  for (const { id } of before.filter((_, i) => i % 4 === 0)) rmSync(vault.object(tenant, id));
  const damaged = before.filter((_, i) => i % 4 === 0).length;
  // A job may be over before its node is hit: what only reads is done again until enough were.
  const verified = { killed: 0 };
  for (let tries = 0; tries < 5 && verified.killed < 3; tries++) {
    const { killed, job } = await hunted(tenant, "verify", 2);
    expect(job).toMatchObject({ status: "completed_with_errors", result: { packs: before.length, damaged } });
    verified.killed += killed;
  }
  const repaired = await hunted(tenant, "repair", 2);
  expect(repaired.job).toMatchObject({ status: "completed", result: { lost: 0 } });

  for (let i = 0; i < 400; i++) if (i % 5) write(`many/${i}`, Buffer.from(`small ${i}`));
  await vault.sync(tenant);
  await vault.query(
    `delete from sync.asset_versions v using sync.assets a where a.id = v.asset_id and a.tenant_id = $1 and v.version < a.version`,
    [tenant],
  );
  const collected = await hunted(tenant, "collect", 2);
  expect(collected.job).toMatchObject({ status: "completed" });
  await vault.query(`update sync.packs set doomed_at = doomed_at - interval '2 hours' where tenant_id = $1`, [tenant]);
  const removed = await hunted(tenant, "collect", 1);
  expect(removed.job).toMatchObject({ status: "completed" });
  expect(verified.killed + repaired.killed + collected.killed + removed.killed).toBeGreaterThan(3);

  for (const { id, path } of await vault.assets(tenant))
    expect({ path, same: (await vault.read(tenant, id)).equals(files[path]!) }).toEqual({ path, same: true });
  const last = await vault.upkeep(tenant, "verify");
  expect(last).toMatchObject({ status: "completed", result: { damaged: 0 } });
  // What a killed node had written and not recorded is nobody's, and swept up once it is a day old; nothing else is left.
  const stored = readdirSync(join(vault.folder, tenant), { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const named = new Set(
    (await vault.query<{ id: string }>(`select id from sync.packs where tenant_id = $1`, [tenant])).map(({ id }) => id),
  );
  expect([...named].filter((id) => !stored.some(({ name }) => name === id))).toEqual([]);
  expect(stored.filter(({ name }) => !named.has(name)).length).toBeLessThanOrEqual(4 * 7);
}, 240_000);
