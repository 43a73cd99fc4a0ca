import { randomUUID } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { call, type ActionMap, type ActionName } from "../../config/calls.ts";
import type { Principal } from "../../config/permissions.ts";
import type { Database } from "../../mixins/database.ts";
import { testDatabase, type TestDatabase } from "../../test/database.ts";
import { testNode, type TestNode } from "../../test/node.ts";
import { startDue } from "./scheduler.ts";
import { changeSchedule, createSchedule, scheduleById, type Plan } from "./schedules.ts";
import { announce } from "./state.ts";

const silent = { info() {}, warn() {}, error() {}, debug() {} };
const tenant = randomUUID();
const other = randomUUID();

describe("the scheduler, by a clock of its own", () => {
  let world: TestDatabase;
  let db: Database;
  let sourceId: string;
  beforeAll(async () => {
    world = await testDatabase();
    db = await world.open("sync");
    const { rows } = await world.admin.query<{ id: string }>(
      `insert into sync.sources (tenant_id, kind, uri, name) values ($1, 'file', 'file:///x', 'mine') returning id`,
      [tenant],
    );
    sourceId = rows[0]!.id;
  });
  afterAll(() => world?.drop());

  const principal: Principal = { tenantId: tenant, subject: "user:x", userId: null, permissions: [] };
  const at = (time: string) => new Date(`2026-05-04T${time}Z`);
  const make = (time: string, plan: Partial<Plan> = {}) =>
    db.tenant(tenant, (em) =>
      createSchedule(
        em,
        principal,
        {
          name: randomUUID(),
          sourceId,
          cron: "0 * * * *",
          timeZone: "UTC",
          catchUp: "once",
          mode: "incremental",
          priority: "high",
          options: { analyse: false },
          enabled: true,
          ...plan,
        },
        at(time),
      ),
    );
  const look = (time: string) => startDue(db, silent, at(time));
  const view = (id: string) => db.tenant(tenant, (em) => scheduleById(em, id));
  const jobs = async (id: string) =>
    (
      await world.admin.query<{ id: string; status: string; tenant_id: string; mode: string; priority: number; options: object }>(
        `select id, status, tenant_id, mode, priority, options from sync.sync_jobs where schedule_id = $1 order by created_at`,
        [id],
      )
    ).rows;
  const end = (id: string) => db.tenant(tenant, (em) => announce(em, { id, tenantId: tenant }, "completed"));

  it("starts a run when it is due, with what the schedule says, and tells when the next one is", async () => {
    const { id, next } = await make("10:00:00", { cron: "15,45 * * * *", mode: "full" });
    expect(next).toEqual(["10:15", "10:45", "11:15", "11:45", "12:15"].map((time) => at(`${time}:00`).toISOString()));
    expect(await look("10:14:59")).toBe(at("10:15:00").getTime());
    expect(await jobs(id)).toEqual([]);
    await look("10:15:00.200");
    const [job] = await jobs(id);
    expect(job).toMatchObject({ status: "queued", tenant_id: tenant, mode: "full", priority: 2, options: { analyse: false } });
    expect(await view(id)).toMatchObject({ lastJobId: job!.id, lastAt: at("10:15:00.200").toISOString(), skipped: 0 });
    expect((await view(id)).next[0]).toBe(at("10:45:00").toISOString());
    await look("10:20:00");
    expect(await jobs(id)).toHaveLength(1);
    const { rows } = await world.admin.query<{ actor: string }>(`select actor from sync.events where stream = $1`, [`job:${job!.id}`]);
    expect(rows).toEqual([{ actor: `schedule:${id}` }]);
  });

  it("leaves out a run while the one before goes on, counts it, and starts the next when that has ended", async () => {
    const { id } = await make("12:00:00");
    await look("13:00:00");
    await look("14:00:00");
    await look("15:00:00");
    expect(await view(id)).toMatchObject({ skipped: 2 });
    const [first] = await jobs(id);
    await end(first!.id);
    await look("16:00:00");
    expect(await jobs(id)).toHaveLength(2);
    const after = await view(id);
    expect([after.skipped, after.next[0]]).toEqual([2, at("17:00:00").toISOString()]);
  });

  it("makes up for missed runs by one, or by none if so told; being a little late is not missing", async () => {
    const [once, skip, late] = [
      await make("01:00:00"),
      await make("01:00:00", { catchUp: "skip" }),
      await make("01:00:00", { catchUp: "skip", cron: "30 6 * * *" }),
    ];
    await look("06:30:30");
    expect([await jobs(once.id), await jobs(skip.id), await jobs(late.id)].map(({ length }) => length)).toEqual([1, 0, 1]);
    expect(await view(once.id)).toMatchObject({ skipped: 0 });
    expect((await view(skip.id)).next[0]).toBe(at("07:00:00").toISOString());
  });

  it("starts each run once, whoever looks at the same moment", async () => {
    const made = await Promise.all(Array.from({ length: 12 }, () => make("08:00:00")));
    await Promise.all(Array.from({ length: 4 }, () => look("09:00:00")));
    for (const { id } of made) expect(await jobs(id)).toHaveLength(1);
  });

  it("does nothing while a schedule is not enabled, and does not make up for that time", async () => {
    const { id, next } = await make("08:00:00", { enabled: false });
    expect(next).toEqual([]);
    await look("18:00:00");
    const enabled = await db.tenant(tenant, (em) => changeSchedule(em, tenant, id, { enabled: true }, at("18:30:00")));
    expect(enabled.next[0]).toBe(at("19:00:00").toISOString());
    await look("18:59:59");
    expect(await jobs(id)).toEqual([]);
    const moved = await db.tenant(tenant, (em) => changeSchedule(em, tenant, id, { timeZone: "Asia/Kolkata" }, at("18:30:00")));
    expect(moved.next[0]).toBe(at("19:30:00").toISOString());
  });

  it("puts off a run that can't be queued, counts it, and starts the others", async () => {
    const { rows } = await world.admin.query<{ id: string }>(
      `insert into sync.sources (tenant_id, kind, uri, name) values ($1, 'file', 'file:///lost', 'lost') returning id`,
      [tenant],
    );
    const lost = await make("20:00:00", { sourceId: rows[0]!.id });
    const fine = await make("20:00:00");
    await world.admin.query(`update sync.sources set name = null where id = $1`, [rows[0]!.id]);
    await look("21:00:00");
    expect(await jobs(fine.id)).toHaveLength(1);
    expect(await view(lost.id)).toMatchObject({ skipped: 1, lastJobId: null });
    expect((await view(lost.id)).next[0]).toBe(at("22:00:00").toISOString());
  });
});

describe("schedules over the broker", () => {
  let world: TestDatabase;
  let node: TestNode;
  let root: string;
  let claims: Record<string, string>;
  const sources: Record<string, string> = {};
  const as = <N extends ActionName>(tenantId: string, name: N, params: ActionMap[N]["params"], meta: object = {}) =>
    call(node.broker, name, params, { meta: { claim: claims[tenantId], ...meta } });

  beforeAll(async () => {
    root = mkdtempSync(join(tmpdir(), "legendo-schedules-"));
    writeFileSync(join(root, "a.txt"), "alpha");
    world = await testDatabase();
    node = await testNode(["sync"], world);
    const { env } = await import("../../config/env.ts");
    const { serviceClaim } = await import("../../mixins/claim.ts");
    for (const tenantId of [tenant, other]) {
      claims = {
        ...claims,
        [tenantId]: await serviceClaim(env.CLUSTER_SECRET, "spec", tenantId, ["sync:read", "sync:write", "assets:read"]),
      };
      const { id } = await as(tenantId, "sync.sources.create", { name: "folder", input: pathToFileURL(root).href });
      sources[tenantId] = id;
    }
  });
  afterAll(async () => {
    await node?.stop();
    await world?.drop();
    rmSync(root, { recursive: true, force: true });
  });

  it("run by themselves on the nodes that work, one run at a time", async () => {
    const { id } = await as(tenant, "sync.schedules.create", { name: "each second", sourceId: sources[tenant]!, cron: "* * * * * *" });
    const completed = async () => (await as(tenant, "sync.jobs.list", { scheduleId: id })).data.filter((job) => job.status === "completed");
    for (let tries = 0; (await completed()).length < 2; tries++) {
      if (tries > 200) throw new Error("the schedule did not run twice within ten seconds");
      await sleep(50);
    }
    await as(tenant, "sync.schedules.update", { id, enabled: false });
    expect((await as(tenant, "sync.assets.list", {})).data.map(({ path }) => path)).toEqual(["a.txt"]);
    expect(await as(tenant, "sync.schedules.get", { id })).toMatchObject({ timeZone: "UTC", catchUp: "once", next: [], enabled: false });
  });

  it("run when they are told to, once per idempotency key, and not twice at the same time", async () => {
    const plan = { name: "yearly", sourceId: sources[tenant]!, cron: "0 0 1 1 *", enabled: false };
    const { id } = await as(tenant, "sync.schedules.create", plan);
    const first = await as(tenant, "sync.schedules.run", { id }, { idempotencyKey: "once" });
    expect(first.lastJobId).toEqual(expect.any(String));
    expect((await as(tenant, "sync.schedules.run", { id }, { idempotencyKey: "once" })).lastJobId).toBe(first.lastJobId);
    await world.admin.query(`update sync.sync_jobs set status = 'paused' where id = $1`, [first.lastJobId]);
    await expect(as(tenant, "sync.schedules.run", { id })).rejects.toMatchObject({ type: "JOB_STATE_CONFLICT" });
  });

  it("are refused with every fault at once, and under a name that is taken", async () => {
    const wrong = {
      name: "wrong",
      sourceId: randomUUID(),
      cron: "0 25 * * *",
      timeZone: "Europe/Atlantis",
      options: { filters: { minSize: 5, maxSize: 1 } },
    };
    const refusal = await as(tenant, "sync.schedules.create", wrong).then(
      () => [],
      (error: { data: { faults: { pointer: string }[] } }) => error.data.faults.map(({ pointer }) => pointer),
    );
    expect(refusal.sort()).toEqual(["/cron", "/options/filters/minSize", "/sourceId", "/timeZone"]);
    const plan = { name: "daily", sourceId: sources[tenant]!, cron: "0 3 * * *", timeZone: "Europe/Berlin" };
    const { id } = await as(tenant, "sync.schedules.create", plan);
    await expect(as(tenant, "sync.schedules.create", plan)).rejects.toMatchObject({ type: "CONFLICT" });
    await expect(as(tenant, "sync.schedules.update", { id, cron: "hourly" })).rejects.toMatchObject({ type: "VALIDATION_FAILED" });
    expect(await as(tenant, "sync.schedules.update", { id, name: "nightly" })).toMatchObject({ ...plan, name: "nightly" });
    await expect(as(tenant, "sync.sources.remove", { id: sources[tenant]! })).rejects.toMatchObject({ type: "CONFLICT" });
  });

  it("are seen, changed, run and removed by their own organisation only", async () => {
    const plan = { name: "private", sourceId: sources[tenant]!, cron: "0 3 * * *" };
    const { id } = await as(tenant, "sync.schedules.create", plan);
    expect((await as(other, "sync.schedules.list", {})).data).toEqual([]);
    const foreign = { type: "SCHEDULE_NOT_FOUND" };
    await expect(as(other, "sync.schedules.get", { id })).rejects.toMatchObject(foreign);
    await expect(as(other, "sync.schedules.update", { id, enabled: false })).rejects.toMatchObject(foreign);
    await expect(as(other, "sync.schedules.run", { id })).rejects.toMatchObject(foreign);
    await expect(as(other, "sync.schedules.remove", { id })).rejects.toMatchObject(foreign);
    await expect(as(other, "sync.schedules.create", { ...plan, name: "theirs" })).rejects.toMatchObject({
      data: { faults: [{ pointer: "/sourceId" }] },
    });
    // The same name is free for them.
    await as(other, "sync.schedules.create", { ...plan, sourceId: sources[other]! });
    const page = await as(tenant, "sync.schedules.list", { limit: 2 });
    const rest = await as(tenant, "sync.schedules.list", { limit: 200, cursor: page.pagination.cursor! });
    const names = [...page.data, ...rest.data].map(({ name }) => name);
    expect(names).toEqual(["each second", "nightly", "private", "yearly"]);
    await as(tenant, "sync.schedules.remove", { id });
    await expect(as(tenant, "sync.schedules.get", { id })).rejects.toMatchObject(foreign);
  });
});
