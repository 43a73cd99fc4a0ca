import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import type { Database } from "../../mixins/database.ts";
import { testDatabase, type TestDatabase } from "../../test/database.ts";
import { createJob } from "./creating.ts";
import { announce } from "./state.ts";
import { tellingOf, tellUntold } from "./telling.ts";

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

describe("What a job has stored", () => {
  it("is told batch by batch when it is to be analysed", async () => {
    const mine = await job();
    const tell = tellingOf({ ...mine, sourceId: randomUUID(), analyse: true });
    const [one, two] = [ids(3), ids(2)];
    for (const batch of [one, two]) expect(await db.tenant(mine.tenantId, (em) => tell(em, batch))).toEqual([]);
    expect(await told(mine)).toMatchObject([
      { jobId: mine.id, analyse: true, assetIds: one },
      { jobId: mine.id, analyse: true, assetIds: two },
    ]);
  });

  it("waits with its batch when it is not, and nothing is told of a batch that stored nothing", async () => {
    const mine = await job();
    const tell = tellingOf({ ...mine, sourceId: randomUUID(), analyse: false });
    const batch = ids(3);
    expect(await db.tenant(mine.tenantId, (em) => tell(em, batch))).toEqual(batch);
    expect(await db.tenant(mine.tenantId, (em) => tell(em, []))).toEqual([]);
    expect(await told(mine)).toEqual([]);
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
    let leave = () => {};
    const left = new Promise<void>((resolve) => (leave = resolve));
    let telling = () => {};
    const begun = new Promise<void>((resolve) => (telling = resolve));
    const first = db.tenant(mine.tenantId, async (em) => {
      await tellUntold(em, mine);
      telling();
      await left;
      throw new Error("killed before its commit");
    });
    await begun;
    await db.tenant(mine.tenantId, (em) => tellUntold(em, mine));
    leave();
    await expect(first).rejects.toThrow("killed before its commit");
    expect(await told(mine)).toEqual([]);
    await Promise.all([1, 2, 3].map(() => db.tenant(mine.tenantId, (em) => tellUntold(em, mine))));
    expect(await told(mine)).toMatchObject([{ assetIds: batch }]);
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
