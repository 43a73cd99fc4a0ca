import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import type { Database } from "../../mixins/database.ts";
import { testDatabase, type TestDatabase } from "../../test/database.ts";
import { createJob } from "./creating.ts";
import { jobById, type JobView } from "./job.ts";
import { announce, type Step } from "./state.ts";

let world: TestDatabase;
let db: Database;
beforeAll(async () => {
  world = await testDatabase();
  db = await world.open("sync");
});
afterAll(() => world?.drop());

const tenantId = randomUUID();
const make = (needs: JobView[] = [], tenant = tenantId): Promise<JobView> =>
  db.tenant(tenant, (em) =>
    createJob(em, { tenantId: tenant, userId: null, subject: "service:spec" }, undefined, {
      kind: "sync",
      input: "file:///x",
      needs: needs.map(({ id }) => id),
    }),
  );
const end = ({ id }: JobView, step: Step) => db.tenant(tenantId, (em) => announce(em, { id, tenantId }, step));
const view = ({ id }: JobView) => db.tenant(tenantId, (em) => jobById(em, id));
const states = async (...jobs: JobView[]) => (await Promise.all(jobs.map(view))).map(({ status }) => status);
const letters = async ({ id }: JobView) =>
  (await world.admin.query<{ type: string }>(`select type from sync.actor_messages where key = $1`, [id])).rows.map(({ type }) => type);

describe("a job that needs others", () => {
  it("waits, and gets its first letter in the transaction that completes the last of them", async () => {
    const [first, second] = [await make(), await make()];
    const job = await make([first, second]);
    expect(job.status).toBe("waiting");
    expect(await letters(job)).toEqual([]);
    await end(first, "completed");
    expect(await states(job)).toEqual(["waiting"]);
    await end(second, "completed_with_errors");
    expect(await states(job)).toEqual(["queued"]);
    expect(await letters(job)).toEqual(["run"]);
    const { rows } = await world.admin.query<{ type: string }>(`select type from sync.events where stream = $1 order by version`, [
      `job:${job.id}`,
    ]);
    expect(rows.map(({ type }) => type)).toEqual(["sync.job.created", "sync.job.queued"]);
  });

  it("does not wait for what has completed already", async () => {
    const need = await make();
    await end(need, "completed");
    expect(await make([need])).toMatchObject({ status: "queued" });
  });

  it("is cancelled when one of them fails or is cancelled, and with it all that need it", async () => {
    const [good, bad] = [await make(), await make()];
    const child = await make([good, bad]);
    const grandchild = await make([child]);
    const [beside, below] = [await make([good]), await make([grandchild, good])];
    await end(bad, "failed");
    expect(await states(child, grandchild, beside, below)).toEqual(["cancelled", "cancelled", "waiting", "cancelled"]);
    expect((await view(child)).error).toEqual({
      type: "NEED_FAILED",
      message: `Job ${bad.id}, which has to complete first, ended as failed.`,
    });
    expect((await view(below)).error?.message).toContain(grandchild.id);
    await end(good, "completed");
    expect(await states(child, beside, below)).toEqual(["cancelled", "queued", "cancelled"]);
  });

  it("is let go once when all its needs end at the same moment, in whatever order", async () => {
    for (let round = 0; round < 10; round++) {
      const needs = await Promise.all(Array.from({ length: 4 }, () => make()));
      const jobs = await Promise.all([make(needs), make(needs.toReversed()), make(needs)]);
      const chained = await make(jobs);
      await Promise.all(needs.map((need) => end(need, "completed")));
      expect(await states(...jobs, chained)).toEqual(["queued", "queued", "queued", "waiting"]);
      for (const job of jobs) expect(await letters(job)).toEqual(["run"]);
    }
  });

  it("is not forgotten when its need completes while it is being made", async () => {
    const need = await make();
    const made = db.tenant(tenantId, async (em) => {
      const job = await createJob(em, { tenantId, userId: null, subject: "service:spec" }, undefined, {
        kind: "sync",
        input: "file:///x",
        needs: [need.id],
      });
      await sleep(200);
      return job;
    });
    await sleep(50);
    await end(need, "completed");
    expect(await states(await made)).toEqual(["queued"]);
  });

  it("can't need another organisation's job, nor one that did not complete", async () => {
    const other = randomUUID();
    const [theirs, dead] = [await make([], other), await make()];
    await end(dead, "cancelled");
    await expect(make([theirs])).rejects.toMatchObject({ type: "JOB_NOT_FOUND", data: { ids: [theirs.id] } });
    await expect(make([dead])).rejects.toMatchObject({ type: "JOB_STATE_CONFLICT" });
  });
});
