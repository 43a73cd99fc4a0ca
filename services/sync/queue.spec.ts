import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import type { Held, Queue } from "../../mixins/actor.ts";
import { rows, type Database } from "../../mixins/database.ts";
import { claimFirst, release, tell } from "../../mixins/mailbox.ts";
import { testDatabase, type TestDatabase } from "../../test/database.ts";
import { contestParams, contestSql, jobQueue } from "./queue.ts";

let world: TestDatabase;
let db: Database;
beforeAll(async () => {
  world = await testDatabase();
  db = await world.open("sync");
});
afterAll(() => world?.drop());
beforeEach(async () => {
  await world.admin.query(`truncate sync.sync_jobs, sync.actors, sync.actor_messages, sync.turns, sync.tenant_limits`);
});

const [low, urgent] = [0, 3] as const;

/** Puts a job into the queue. */
async function queued(tenantId: string, { priority = 1, host = "" } = {}): Promise<string> {
  const id = randomUUID();
  await db.tenant(tenantId, async (em) => {
    await em.execute(
      `insert into sync.sync_jobs (id, tenant_id, input, priority, host, options) values (?, ?, 'file:///x', ?, ?, '{}')`,
      [id, tenantId, priority, host],
      "run",
    );
    await tell(em, "sync", { tenantId, kind: "job", key: id, messageId: `${id}:run`, type: "run" });
  });
  return id;
}

/** What a node with a free slot does. */
const take = (queue: Queue, node = "node") => db.system(async (em) => claimFirst(em, "sync", await queue.choose(em), node, 60_000));
const held = (claimed: { key: string; tenantId: string }, ms: number): Held => ({ ...claimed, since: Date.now() - ms });
const giveBack = (claimed: { key: string; epoch: number }) => db.system((em) => release(em, "sync", claimed.key, claimed.epoch, 0));

describe("the queue of jobs", () => {
  it("gives each tenant its turn, whoever came first and with however many jobs, and follows their priority within a tenant", async () => {
    const queue = jobQueue({ tenant: 10, host: 0 });
    const [many, few, late] = [randomUUID(), randomUUID(), randomUUID()];
    const ofMany = [await queued(many), await queued(many), await queued(many, { priority: low })];
    const ofFew = [await queued(few)];
    const taken = [await take(queue), await take(queue), await take(queue)];
    expect(taken.map((job) => job?.key)).toEqual([ofMany[0], ofFew[0], ofMany[1]]);
    const ofLate = await queued(late, { priority: urgent });
    expect((await take(queue))?.key).toBe(ofLate);
    expect((await take(queue))?.key).toBe(ofMany[2]);
    expect(await take(queue)).toBeUndefined();
  });

  it("remembers who has had the slots when all have been given back, and lets who comes anew start level with the least served", async () => {
    const queue = jobQueue({ tenant: 10, host: 0 });
    const [first, second, third] = [randomUUID(), randomUUID(), randomUUID()];
    for (const tenant of [first, second]) await queued(tenant);
    const job = (await take(queue))!;
    await db.system((em) => queue.left(em, held(job, 3_000)));
    await giveBack(job);
    const other = (await take(queue))!;
    expect(other.tenantId).not.toBe(job.tenantId);
    await db.system((em) => queue.left(em, held(other, 1_000)));
    await giveBack(other);
    // Two seconds, a turn, against one: nobody pays for more. The one that has had less goes on until it has had as much.
    const again = (await take(queue))!;
    expect(again.tenantId).toBe(other.tenantId);
    await db.system((em) => queue.left(em, held(again, 2_500)));
    await giveBack(again);
    expect((await take(queue))?.tenantId).toBe(job.tenantId);
    await queued(third);
    const newcomer = (await take(queue))!;
    await db.system((em) => queue.left(em, held(newcomer, 0)));
    const { rows } = await world.admin.query<{ used: number }>(`select used from sync.turns where tenant_id = $1`, [third]);
    expect(rows[0]!.used).toBeCloseTo(2, 0);
  });

  it("keeps to the limits of tenants and hosts when two nodes take jobs at the same moment", async () => {
    const nodes = [jobQueue({ tenant: 3, host: 2 }), jobQueue({ tenant: 3, host: 2 })];
    const [usual, small] = [randomUUID(), randomUUID()];
    await world.admin.query(`insert into sync.tenant_limits (tenant_id, jobs) values ($1, 1)`, [small]);
    for (let i = 0; i < 6; i++) {
      await queued(usual, { host: "ftp.example.com:21" });
      await queued(usual);
      await queued(small);
    }
    const taken = await Promise.all(Array.from({ length: 12 }, (_, i) => take(nodes[i % 2]!, `node ${i % 2}`)));
    const jobs = taken.filter((job) => job !== undefined);
    expect(new Set(jobs.map(({ key }) => key)).size).toBe(jobs.length);
    expect(jobs.filter(({ tenantId }) => tenantId === usual)).toHaveLength(3);
    expect(jobs.filter(({ tenantId }) => tenantId === small)).toHaveLength(1);
    const { rows } = await world.admin.query<{ n: number }>(
      `select count(*)::int as n from sync.actors a join sync.sync_jobs j on j.id = a.key::uuid where a.owner is not null and j.host <> ''`,
    );
    expect(rows[0]!.n).toBeLessThanOrEqual(2);
  });

  it("counts a job of a killed node until its lease has run out, and gives it to another then", async () => {
    const queue = jobQueue({ tenant: 1, host: 0 });
    const tenant = randomUUID();
    await queued(tenant);
    await queued(tenant);
    const lost = (await db.system(async (em) => claimFirst(em, "sync", await queue.choose(em), "killed", 300)))!;
    expect(await take(queue)).toBeUndefined();
    await sleep(350);
    const { key, epoch } = (await take(queue))!;
    expect(key === lost.key ? epoch : 0).toBe(key === lost.key ? lost.epoch + 1 : 0);
  });

  it("does not wait for a node that froze while it chose", async () => {
    const [frozen, other] = [jobQueue({ tenant: 4, host: 0 }), jobQueue({ tenant: 4, host: 0 })];
    await queued(randomUUID());
    const thaw = Promise.withResolvers<void>();
    const chosen = Promise.withResolvers<void>();
    const freezing = db.system(async (em) => {
      const [key] = await frozen.choose(em);
      chosen.resolve();
      await thaw.promise;
      return await claimFirst(em, "sync", [key!], "frozen", 60_000);
    });
    freezing.catch(() => {});
    await chosen.promise;
    expect(await take(other)).toBeDefined();
    thaw.resolve();
    await expect(freezing).rejects.toMatchObject({ type: "SERVICE_UNAVAILABLE" });
  });

  it("tells who is to make room: after a turn, for an urgent job at once, for nobody when nobody waits", async () => {
    const queue = jobQueue({ tenant: 4, host: 0 });
    const [a, b] = [randomUUID(), randomUUID()];
    await queued(a);
    const job = (await take(queue))!;
    const crowded = (ms: number) => db.system(async (em) => [...(await queue.crowded(em, [held(job, ms)]))]);
    expect(await crowded(60_000)).toEqual([]);
    await queued(b);
    await sleep(350);
    expect(await crowded(1_000)).toEqual([]);
    expect(await crowded(2_100)).toEqual([job.key]);
    await queued(b, { priority: urgent });
    expect(await crowded(100)).toEqual([]);
    expect(await crowded(500)).toEqual([job.key]);
  });

  it("of a thousand jobs beside twenty thousand ended ones chooses by the indexes", async () => {
    const tenants = Array.from({ length: 50 }, () => randomUUID());
    await world.admin.query(
      `with made as (
         insert into sync.sync_jobs (id, tenant_id, input, priority, host, options, status, created_at)
         select gen_random_uuid(), ($1::uuid[])[1 + n % 50], 'file:///x', n % 3, 'host ' || n % 7, '{}', case when n < 20000 then 'completed' else 'queued' end, now() - n * interval '1 second'
         from generate_series(0, 20999) as n returning id, tenant_id, status
       ), told as (
         insert into sync.actors (key, tenant_id, kind, pending) select id, tenant_id, 'job', case when status = 'queued' then 1 else 0 end from made
       )
       insert into sync.actor_messages (key, tenant_id, message_id, type, body, done_at)
       select id, tenant_id, id || ':run', 'run', '{}', case when status = 'completed' then now() end from made`,
      [tenants],
    );
    await world.admin.query(`analyze sync.sync_jobs, sync.actors, sync.actor_messages`);
    const queue = jobQueue({ tenant: 4, host: 0 });
    expect(await db.system((em) => queue.choose(em))).toHaveLength(350);
    for (let i = 0; i < 21; i++) expect(await take(queue)).toBeDefined();
    // Not how long a choice takes, but that it does not grow with the jobs that have ended.
    const plan = await db.system((em) =>
      rows<{ "QUERY PLAN": string }>(em, `explain ${contestSql}`, contestParams({ tenant: 4, host: 0 })),
    );
    const scans = plan.map((line) => line["QUERY PLAN"]).filter((line) => /Seq Scan on (sync_jobs|actors|actor_messages)/.test(line));
    expect(scans).toEqual([]);
  });
});
