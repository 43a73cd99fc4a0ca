import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { testDatabase, type TestDatabase } from "../test/database.ts";
import { Listener } from "./listener.ts";

let world: TestDatabase;
beforeAll(async () => {
  world = await testDatabase();
});
afterAll(() => world.drop());

describe("a listener", () => {
  it("hears its channel, says once more that something may have come after each connect, and connects anew when cut off", async () => {
    let heard = 0;
    const listener = new Listener(world.adminUrl, "suite", () => heard++);
    const hears = async (count: number) => {
      for (let i = 0; i < 100 && heard < count; i++) await sleep(10);
      expect(heard).toBe(count);
    };
    await listener.ensure();
    await hears(1);
    await world.admin.query("notify suite; notify another");
    await hears(2);
    await world.admin.query(`select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'legendo listen suite'`);
    await sleep(100);
    await world.admin.query("notify suite");
    await listener.ensure();
    await hears(3);
    await world.admin.query("notify suite");
    await hears(4);
    await listener.stop();
    await listener.ensure();
    await world.admin.query("notify suite");
    await sleep(50);
    expect(heard).toBe(4);
  });

  it("does not throw when there is no server", async () => {
    const listener = new Listener("postgresql://127.0.0.1:1/none", "suite", () => {});
    await expect(listener.ensure()).resolves.toBeUndefined();
    await listener.stop();
  });
});
