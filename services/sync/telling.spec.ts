import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { errors } from "../../config/errors.ts";
import type { Lease } from "../../mixins/actor.ts";
import type { Database, Em } from "../../mixins/database.ts";
import { testDatabase, type TestDatabase } from "../../test/database.ts";
import { createJob } from "./creating.ts";
import { announce } from "./state.ts";
import { tellOrKeep, tellUntold, whileTelling } from "./telling.ts";

let world: TestDatabase;
let db: Database;
beforeAll(async () => {
  world = await testDatabase();
  db = await world.open("sync");
});
afterAll(() => world?.drop());

interface Ref {
  id: string;
  tenantId: string;
}
async function job(): Promise<Ref> {
  const tenantId = randomUUID();
  const author = { tenantId, userId: null, subject: "service:spec" };
  const { id } = await db.tenant(tenantId, (em) => createJob(em, author, undefined, { kind: "sync", input: "file:///x" }));
  return { id, tenantId };
}
/** A batch that is done and whose assets nobody has heard of. */
const untold = ({ id, tenantId }: Ref, number: number, assetIds: string[]) =>
  world.admin.query(
    `insert into sync.batches (job_id, number, tenant_id, items, item_count, bytes, done_at, untold) values ($1, $2, $3, '[]', 0, 0, now(), $4)`,
    [id, number, tenantId, assetIds],
  );
const ids = (count: number) => Array.from({ length: count }, () => randomUUID());
const events = async ({ tenantId }: Ref) =>
  (
    await world.admin.query<{ type: string; data: { analyse: boolean; assetIds: string[] } }>(
      `select type, data from sync.events where tenant_id = $1 and type <> 'sync.job.created' order by position`,
      [tenantId],
    )
  ).rows;
const told = async (of: Ref) => (await events(of)).filter(({ type }) => type === "asset.stored").map(({ data }) => data);

/** A transaction that has told and does not commit. */
async function heldTelling(job: Ref): Promise<{ rollBack: () => Promise<void> }> {
  let leave = () => {};
  const left = new Promise<void>((resolve) => (leave = resolve));
  let telling = () => {};
  const begun = new Promise<void>((resolve) => (telling = resolve));
  const held = db.tenant(job.tenantId, async (em) => {
    await tellUntold(em, job);
    telling();
    await left;
    throw new Error("killed before its commit");
  });
  await Promise.race([begun, held]);
  return {
    async rollBack() {
      leave();
      await expect(held).rejects.toThrow("killed before its commit");
    },
  };
}

describe("What a job has stored", () => {
  it("is told batch by batch when it is to be analysed", async () => {
    const mine = await job();
    const [one, two] = [ids(3), ids(2)];
    for (const batch of [one, two])
      expect(await db.tenant(mine.tenantId, (em) => tellOrKeep(em, { ...mine, analyse: true }, batch))).toEqual([]);
    expect(await told(mine)).toMatchObject([
      { jobId: mine.id, analyse: true, assetIds: one },
      { jobId: mine.id, analyse: true, assetIds: two },
    ]);
  });

  it("waits with its batch when it is not", async () => {
    const mine = await job();
    const batch = ids(3);
    expect(await db.tenant(mine.tenantId, (em) => tellOrKeep(em, { ...mine, analyse: false }, batch))).toEqual(batch);
    expect(await told(mine)).toEqual([]);
  });

  const leaseOf = ({ id, tenantId }: Ref) =>
    ({ key: id, tenantId, commit: (work: (em: Em) => Promise<unknown>) => db.tenant(tenantId, work) }) as unknown as Lease;

  it("is told while the job goes on, though it records nothing more", async () => {
    const mine = await job();
    const batch = ids(3);
    await untold(mine, 1, batch);
    await whileTelling(leaseOf(mine), { ...mine, analyse: false }, async () => {
      while (!(await told(mine)).length) await sleep(50);
    });
    expect(await told(mine)).toMatchObject([{ analyse: false, assetIds: batch }]);
  });

  it.each([
    ["when all batches are done, before what else the job has to do", undefined, 1],
    ["when the job makes room for others", errors.yielded("others wait"), 1],
    ["not by a run that lost its lease", errors.fenced("another node has it"), 0],
  ])("is told %s", async (_when, fault, times) => {
    const mine = await job();
    await untold(mine, 1, ids(2));
    const run = whileTelling(leaseOf(mine), { ...mine, analyse: false }, () => (fault ? Promise.reject(fault) : Promise.resolve("done")));
    if (fault) await expect(run).rejects.toBe(fault);
    else expect(await run).toBe("done");
    expect(await told(mine)).toHaveLength(times);
  });

  it.each(["completed", "failed", "cancelled", "paused"] as const)("has been told of when others hear that the job is %s", async (step) => {
    const [mine, theirs] = [await job(), await job()];
    const [one, two] = [ids(2), ids(1)];
    await untold(mine, 1, one);
    await untold(mine, 2, two);
    await untold(theirs, 1, ids(1));
    await db.tenant(mine.tenantId, (em) => announce(em, mine, step));
    expect((await events(mine)).map(({ type }) => type)).toEqual(["asset.stored", `sync.job.${step}`]);
    expect(await told(mine)).toMatchObject([{ analyse: false, assetIds: [...one, ...two] }]);
    expect(await told(theirs)).toEqual([]);
    await db.tenant(mine.tenantId, (em) => tellUntold(em, mine));
    expect(await told(mine)).toHaveLength(1);
  });

  it("is told once by two that tell at the same moment, and still told when the one that told it is rolled back", async () => {
    const mine = await job();
    const batch = ids(4);
    await untold(mine, 1, batch);
    const held = await heldTelling(mine);
    await db.tenant(mine.tenantId, (em) => tellUntold(em, mine));
    await held.rollBack();
    expect(await told(mine)).toEqual([]);
    await Promise.all([1, 2, 3].map(() => db.tenant(mine.tenantId, (em) => tellUntold(em, mine))));
    expect(await told(mine)).toMatchObject([{ assetIds: batch }]);
  });

  it("is told when the job is cancelled although somebody who is cut off holds on to it", async () => {
    const mine = await job();
    const batch = ids(2);
    await untold(mine, 1, batch);
    const held = await heldTelling(mine);
    const cancelling = db.tenant(mine.tenantId, (em) => announce(em, mine, "cancelled"));
    await held.rollBack();
    await cancelling;
    expect((await events(mine)).map(({ type }) => type)).toEqual(["asset.stored", "sync.job.cancelled"]);
  });

  it("is told in events of a bounded size", async () => {
    const mine = await job();
    const all = Array.from({ length: 9 }, () => ids(512));
    for (const [i, batch] of all.entries()) await untold(mine, i + 1, batch);
    await db.tenant(mine.tenantId, (em) => tellUntold(em, mine));
    const found = await told(mine);
    expect(found.map(({ assetIds }) => assetIds.length)).toEqual([4_096, 512]);
    expect(found.flatMap(({ assetIds }) => assetIds)).toEqual(all.flat());
  });
});
