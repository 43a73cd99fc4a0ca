import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { serviceUrl } from "../config/orm.ts";
import { testDatabase, type TestDatabase } from "../test/database.ts";
import { Database, row, rows } from "./database.ts";

let world: TestDatabase;
let db: Database;

beforeAll(async () => {
  world = await testDatabase();
  db = await Database.open("sync", serviceUrl("sync", undefined, world.url, process.env["CLUSTER_SECRET"]!), 2);
});
afterAll(async () => {
  await db?.close();
  await world?.drop();
});

/** A transaction whose connection PostgreSQL ends, while a statement runs or between two of them. */
const cutOff = (meanwhile: boolean) =>
  db.system(async (em) => {
    const { pid } = (await row<{ pid: number }>(em, `select pg_backend_pid() as pid`))!;
    const running = meanwhile ? rows(em, `select pg_sleep(5)`) : undefined;
    await Promise.all([running, sleep(50).then(() => world.admin.query(`select pg_terminate_backend($1)`, [pid]))]);
    await sleep(50);
    await rows(em, `select 1`);
  });

describe("a pool of two connections", () => {
  it("says that the database is away, and is whole again soon, when transactions were cut off", async () => {
    for (const meanwhile of [false, true]) {
      const outcomes = await Promise.allSettled([cutOff(meanwhile), cutOff(meanwhile)]);
      expect(outcomes).toMatchObject(Array(2).fill({ status: "rejected", reason: { type: "SERVICE_UNAVAILABLE" } }));
    }
    const answers = await Promise.all([1, 2, 3].map((n) => db.system((em) => row(em, `select ?::int as n`, [n]))));
    expect(answers).toEqual([{ n: 1 }, { n: 2 }, { n: 3 }]);
  });
});
