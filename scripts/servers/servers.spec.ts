import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Redis } from "ioredis";
import { connect } from "nats";
import pg from "pg";
import { identity } from "./process.ts";
import { startServers, type Servers } from "./servers.ts";

let box: string;
let started: Servers[];

beforeEach(() => {
  // mkdtemp makes a folder that only its owner may enter: PostgreSQL's user has to get through it.
  box = mkdtempSync(join(tmpdir(), "legendo-servers-"));
  started = [];
});

afterEach(async () => {
  for (const servers of started) await servers.stop();
  rmSync(box, { recursive: true, force: true });
});

async function start(folder = "data", configured: NodeJS.ProcessEnv = {}): Promise<Servers> {
  const servers = await startServers({ dataDir: join(box, folder), report: () => undefined, configured });
  started.push(servers);
  return servers;
}

const stop = async (servers: Servers) => {
  started.splice(started.indexOf(servers), 1);
  await servers.stop();
};

async function sql(servers: Servers, statement: string): Promise<unknown[]> {
  const client = new pg.Client(servers.postgres);
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(statement)).rows;
  } finally {
    await client.end();
  }
}

test("a second start finds rows, keys, streams and ports of the first", async () => {
  const first = await start();
  await sql(first, "create table note (text text)");
  await sql(first, "insert into note values ('kept')");
  const redis = new Redis(first.redis);
  await redis.set("note", "kept");
  redis.disconnect();
  const { username, password, host } = new URL(first.nats);
  const nats = await connect({ servers: host, user: username, pass: password });
  await (await nats.jetstreamManager()).streams.add({ name: "NOTES", subjects: ["notes"] });
  await nats.jetstream().publish("notes", "kept");
  await nats.close();
  await stop(first);

  const second = await start();
  expect([second.postgres, second.redis, second.nats]).toEqual([first.postgres, first.redis, first.nats]);
  expect(await sql(second, "select text from note")).toEqual([{ text: "kept" }]);
  const again = new Redis(second.redis);
  expect(await again.get("note")).toBe("kept");
  again.disconnect();
  const natsAgain = await connect({ servers: host, user: username, pass: password });
  expect((await (await natsAgain.jetstreamManager()).streams.info("NOTES")).state.messages).toBe(1);
  await natsAgain.close();
});

test("no server answers without its password", async () => {
  const servers = await start();
  const bare = (url: string) => url.replace(/\/\/[^@]*@/, "//");
  const wrong = new URL(servers.postgres);
  wrong.password = "wrong";
  await expect(new pg.Client(wrong.href).connect()).rejects.toThrow(/password authentication failed/);
  const redis = new Redis(bare(servers.redis), { lazyConnect: true, retryStrategy: null });
  redis.on("error", () => undefined);
  await expect(redis.ping()).rejects.toThrow(/NOAUTH/);
  redis.disconnect();
  await expect(connect({ servers: new URL(servers.nats).host, reconnect: false })).rejects.toThrow(/Authorization/i);
});

test("two data folders run side by side; the second start in one of them is refused while the first runs", async () => {
  const [one, other] = await Promise.all([start("one"), start("other")]);
  expect(one.postgres).not.toBe(other.postgres);
  await sql(one, "create table mine ()");
  expect(await sql(other, "select to_regclass('mine') as found")).toEqual([{ found: null }]);
  await expect(start("one")).rejects.toThrow(new RegExp(`one is in use by process ${process.pid}`));
});

test("what a killed start left running is stopped by the next one", async () => {
  const script = `import { startServers } from ${JSON.stringify(join(import.meta.dirname, "servers.ts"))};
    await startServers({ dataDir: ${JSON.stringify(join(box, "data"))}, report: () => undefined, configured: {} });
    process.kill(process.pid, "SIGKILL");`;
  const killed = spawn(process.execPath, ["--input-type=module", "-e", script], { stdio: "inherit" });
  await once(killed, "exit");
  const pids = ["postgres", "redis", "nats"].map((name) =>
    Number(readFileSync(join(box, "data", "run", `${name}.pid`), "utf8").split(" ")[0]),
  );
  const before = pids.map(identity);
  expect(before.every(Boolean)).toBe(true);

  const servers = await start();
  expect(pids.filter((pid, index) => identity(pid) === before[index])).toEqual([]);
  expect(await sql(servers, "select 1 as one")).toEqual([{ one: 1 }]);
});

test("a configured URL is used as it is and nothing is started for it", async () => {
  const urls = { DATABASE_URL: "postgresql://db.example/legendo", REDIS_URL: "redis://cache.example", NATS_URL: "nats://bus.example" };
  const servers = await start("data", urls);
  expect([servers.postgres, servers.redis, servers.nats]).toEqual(Object.values(urls));
  expect(existsSync(join(box, "data", "run"))).toBe(false);
});
