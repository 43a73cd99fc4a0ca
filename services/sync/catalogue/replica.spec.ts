import { afterAll, beforeAll, expect, it } from "@jest/globals";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { createServer, type AddressInfo, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { migrate } from "../../../config/migrate.ts";
import { replicaUrl, serviceUrl } from "../../../config/orm.ts";
import { Database, row, type Em } from "../../../mixins/database.ts";
import { generate } from "../../../test/catalogue.ts";
import { startReplicated, type Replicated } from "../../../test/servers/streaming.ts";
import { listAssets } from "./list.ts";
import { CatalogueReader } from "./replica.ts";

const secret = process.env["CLUSTER_SECRET"]!;
const tenant = randomUUID();
const source = { tenantId: tenant, sourceId: randomUUID(), uri: "file:///replicated", from: 1, to: 300 };
let servers: Replicated;
let primary: Database;
let replica: Database;
let reader: CatalogueReader;
const said: string[] = [];
const log = { info: (line: string) => said.push(line), warn: (line: string) => said.push(line), error: () => {}, debug: () => {} };

beforeAll(async () => {
  servers = await startReplicated(async (url) => {
    await migrate(url, secret);
    const admin = new pg.Client({ connectionString: url });
    await admin.connect();
    await generate(admin, source, randomUUID());
    await admin.end();
  });
  const url = serviceUrl("sync", undefined, servers.primary, secret);
  const { host, pathname } = new URL(servers.replica);
  primary = await Database.open("sync", url, 4);
  replica = await Database.open("sync", replicaUrl(`postgresql://${host}${pathname}`, url), 4);
  reader = new CatalogueReader(primary, replica, log);
}, 120_000);
afterAll(async () => {
  await Promise.allSettled([primary?.close(), reader?.close()]);
  await servers?.stop();
});

const asAdmin = async (url: string, ...statements: string[]) => {
  const admin = new pg.Client({ connectionString: url });
  await admin.connect();
  for (const sql of statements) await admin.query(sql).catch((error) => admin.end().finally(() => Promise.reject(error as Error)));
  await admin.end();
};
const onReplica = async (em: Em) => (await row<{ yes: boolean }>(em, "select pg_is_in_recovery() as yes"))!.yes;
const nameOfSource = async (em: Em) => (await row<{ name: string | null }>(em, "select name from sync.sources"))!.name;
/** Asks until it is so: a replica that was behind or away is left alone for seconds. */
async function untilOnReplica(): Promise<void> {
  for (const end = Date.now() + 60_000; !(await reader.tenant(tenant, onReplica));) {
    if (Date.now() > end) throw new Error("The catalogue is still not read from the replica.");
    await sleep(100);
  }
}

it("The catalogue is read from a replica that keeps up, with the tenant's rules and the search there too", async () => {
  await untilOnReplica();
  const list = (tenantId: string, search: string) =>
    replica.tenant(tenantId, async (em) => {
      return (await listAssets(em, secret, tenantId, { search, sort: "path", order: "asc", state: "all", limit: 50 })).data;
    });
  expect(await list(tenant, "img 00000042")).toHaveLength(1);
  expect(await list(tenant, "customer")).toHaveLength(50);
  expect(await list(randomUUID(), "customer")).toEqual([]);
});

it("A read sees what was committed before it began, however quickly it follows", async () => {
  for (let i = 0; i < 50; i++) {
    await primary.tenant(tenant, (em) => em.execute("update sync.sources set name = ?", [`write ${i}`]));
    expect(await reader.tenant(tenant, nameOfSource)).toBe(`write ${i}`);
  }
  await untilOnReplica();
});

it("It takes place on the primary while the replica stands still, and on the replica again when that has caught up", async () => {
  await asAdmin(servers.replica, "select pg_wal_replay_pause()");
  await asAdmin(servers.primary, "update sync.sources set name = 'written'");
  const read = await reader.tenant(tenant, async (em) => ({ replicated: await onReplica(em), name: await nameOfSource(em) }));
  expect(read).toEqual({ replicated: false, name: "written" });
  expect(said.at(-1)).toMatch(/read from the primary: the replica is more than/);
  await asAdmin(servers.replica, "select pg_wal_replay_resume()");
  await untilOnReplica();
  expect(said.at(-1)).toMatch(/read from the replica/);
}, 120_000);

it("One that is in the way of what the replica has to replay is done again on the primary", async () => {
  await asAdmin(servers.replica, "alter system set max_standby_streaming_delay = 0", "select pg_reload_conf()");
  await untilOnReplica();
  const places: boolean[] = [];
  const began = Promise.withResolvers<void>();
  const reading = reader.tenant(tenant, async (em) => {
    const replicated = await onReplica(em);
    places.push(replicated);
    began.resolve();
    if (replicated) await em.execute("select pg_sleep(60)");
    return replicated;
  });
  await began.promise;
  // Versions of the row that the sleeper might still look at are removed.
  for (let done = false; !done; done = await Promise.race([reading.then(() => true), sleep(200).then(() => false)]))
    await asAdmin(servers.primary, "update sync.sources set name = 'again'", "vacuum sync.sources");
  expect(await reading).toBe(false);
  expect(places).toEqual([true, false]);
}, 120_000);

it("A replica that goes away fails no reader, and is used again when it is back; a failure of the work itself is not tried twice", async () => {
  await untilOnReplica();
  await servers.stopReplica();
  expect(await reader.tenant(tenant, onReplica)).toBe(false);
  expect(said.at(-1)).toMatch(/read from the primary/);
  // A node starts without it.
  await (await Database.open("sync", replicaUrl(servers.replica, servers.primary), 2)).close();
  await servers.startReplica();
  await untilOnReplica();
  let runs = 0;
  await expect(
    reader.tenant(tenant, () => {
      runs++;
      return Promise.reject(new Error("of the work"));
    }),
  ).rejects.toThrow("of the work");
  expect(runs).toBe(1);
}, 120_000);

it("A node lists from the replica that it is told of", async () => {
  await untilOnReplica();
  const admin = new pg.Client({ connectionString: servers.replica });
  await admin.connect();
  const connections = async () =>
    (await admin.query<{ count: number }>("select count(*)::int as count from pg_stat_activity where application_name = 'legendo sync'"))
      .rows[0]!.count;
  const bare = (url: string) => `postgresql://${new URL(url).host}${new URL(url).pathname}`;
  process.env["SYNC_REPLICA_URL"] = bare(servers.replica);
  const { testNode } = await import("../../../test/node.ts");
  const assets = async () => [(await import("../sync.assets.service.ts")).default];
  const node = await testNode(assets, { url: bare(servers.primary) });
  try {
    const before = await connections();
    const { serviceClaim } = await import("../../../mixins/claim.ts");
    const claim = await serviceClaim(secret, "test", tenant, ["assets:read"]);
    const page = await node.broker.call<{ data: unknown[] }, object>("sync.assets.list", { limit: 20 }, { meta: { claim } });
    expect(page.data).toHaveLength(20);
    expect(await connections()).toBeGreaterThan(before);
  } finally {
    await node.stop();
    await admin.end();
  }
});

it("A replica that never answers keeps nobody waiting for long", async () => {
  const taken = new Set<Socket>();
  const silent = createServer((socket) => void taken.add(socket.on("error", () => {}))).listen(0, "127.0.0.1");
  await once(silent, "listening");
  const { port } = silent.address() as AddressInfo;
  const database = await Database.open("sync", replicaUrl(`postgresql://127.0.0.1:${port}/legendo`, servers.primary), 2);
  const waiting = new CatalogueReader(primary, database, log);
  expect(await waiting.tenant(tenant, onReplica)).toBe(false);
  expect(said.at(-1)).toMatch(/the replica has not answered/);
  for (const socket of taken) socket.destroy();
  silent.close();
  await waiting.close();
});

it("Without a replica, or with a server that is none, everything is read from the primary", async () => {
  for (const none of [undefined, primary]) {
    const alone = new CatalogueReader(primary, none, log);
    expect(await alone.tenant(tenant, onReplica)).toBe(false);
  }
  expect(said.at(-1)).toMatch(/what is configured as its replica is none/);
});

it("While the primary is away the replica goes on answering", async () => {
  await untilOnReplica();
  await servers.stopPrimary();
  expect(await reader.tenant(tenant, onReplica)).toBe(true);
});
