import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { connect } from "nats";
import { v7 as uuidv7 } from "uuid";
import { call } from "../../../config/calls.ts";
import type { Act } from "../../../config/acts.ts";
import { subjects } from "../../../config/events.ts";
import { platform, type Permission } from "../../../config/permissions.ts";
import type { Host } from "../../../config/service.ts";
import { recordAct } from "../../../mixins/act.ts";
import type { Database } from "../../../mixins/database.ts";
import type { WithJobs } from "../../../mixins/jobs.mixin.ts";
import { testDatabase, type TestDatabase } from "../../../test/database.ts";
import { until } from "../../../test/edge.ts";
import { testNode, type TestNode } from "../../../test/node.ts";

const ours = "11111111-1111-4111-8111-111111111111";
const theirs = "22222222-2222-4222-8222-222222222222";
let world: TestDatabase;
let node: TestNode;
let folder: string;
let db: Database;
let claimOf: (tenantId: string, may: Permission[]) => Promise<string>;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "legendo-audit-"));
  Object.assign(process.env, { AUDIT_CHECKPOINTS_URL: pathToFileURL(folder).href, AUDIT_CHECKPOINT_ROWS: "1000000" });
  world = await testDatabase();
  node = await testNode(["auth", "notification"], world);
  db = await world.open("notification");
  const { env } = await import("../../../config/env.ts");
  const { serviceClaim } = await import("../../../mixins/claim.ts");
  claimOf = (tenantId, may) => serviceClaim(env.CLUSTER_SECRET, "spec", tenantId, may);
});
afterAll(async () => {
  await node?.stop();
  await world?.drop();
  rmSync(folder, { recursive: true, force: true });
});

const as = async (tenantId: string, may: Permission[]) => ({ meta: { claim: await claimOf(tenantId, may) } });
const list = async (tenantId: string, filter: object = {}) =>
  await call(node.broker, "auth.audit.list", filter, await as(tenantId, ["audit:read"]));
const records = async (tenantId: string, count: number, filter: object = {}) =>
  await until(
    async () => {
      const { data } = await list(tenantId, { limit: 1000, ...filter });
      return data.length >= count && data;
    },
    `${count} records`,
    30_000,
  );

const addWebhook = async (tenantId: string) =>
  await call(
    node.broker,
    "notification.webhooks.create",
    { url: "https://example.com/hook", events: ["payment.captured"] },
    {
      meta: { claim: await claimOf(tenantId, ["notification:write"]), client: { address: "203.0.113.7" } },
    },
  );

const recordOf = (tenantId: string, action: string): Act => ({
  id: uuidv7(),
  at: new Date().toISOString(),
  tenantId,
  actor: null,
  userId: null,
  action,
  object: null,
  outcome: "allowed",
  code: null,
  call: null,
  requestId: null,
  node: null,
  details: null,
  address: null,
  userAgent: null,
});
const toNats = async () => {
  const { natsOptions } = await import("../../../config/nats.ts");
  const { env } = await import("../../../config/env.ts");
  return await connect(natsOptions(env, "spec"));
};
const record = (tenantId: string, action: `${string}.${string}`, count = 1) =>
  db.tenant(tenantId, async (em) => {
    for (let i = 0; i < count; i++) await recordAct(em, "notification", { action, tenantId, outcome: "allowed" });
  });
const kept = async () =>
  (await world.admin.query<{ count: number }>("select count(*)::int as count from notification.acts")).rows[0]!.count;

test("an act of any service stands in its organisation's log, which others do not see, and the service keeps it no longer", async () => {
  const { id } = await addWebhook(ours);
  const [made] = await records(ours, 1, { action: "webhook.created" });
  expect(made).toMatchObject({
    actor: "service:spec",
    object: `webhook:${id}`,
    outcome: "allowed",
    service: "notification",
    address: "203.0.113.7",
  });
  expect((await list(theirs)).data).toEqual([]);
  await expect(call(node.broker, "auth.audit.list", {}, await as(ours, ["keys:read"]))).rejects.toMatchObject({ code: 403 });
  await records(ours, 1, { action: "access.refused", outcome: "refused" });
  await until(async () => (await kept()) === 0, "the confirmation", 30_000);
});

test("lists are narrowed and paged, newest first, by cursors that fit no other list", async () => {
  await record(ours, "page.turned", 5);
  await record(theirs, "page.turned", 2);
  await records(ours, 5, { action: "page.turned" });
  await records(theirs, 2, { action: "page.turned" });
  const first = await list(ours, { action: "page.turned", limit: 3 });
  const second = await list(ours, { action: "page.turned", limit: 3, cursor: first.pagination.cursor! });
  const positions = [...first.data, ...second.data].map(({ position }) => position);
  expect(positions).toEqual([...positions].sort((a, b) => b - a));
  expect([positions.length, second.pagination.hasNext, second.pagination.hasPrev]).toEqual([5, false, true]);
  await expect(list(ours, { action: "other.act", cursor: first.pagination.cursor! })).rejects.toMatchObject({ type: "CURSOR_INVALID" });
  await expect(list(theirs, { action: "page.turned", cursor: first.pagination.cursor! })).rejects.toMatchObject({ type: "CURSOR_INVALID" });
  const { at } = second.data[0]!;
  expect((await list(ours, { action: "page.turned", from: at })).data.length).toBeGreaterThanOrEqual(4);
  expect((await list(ours, { to: "2020-01-01T00:00:00Z" })).data).toEqual([]);
  expect((await list(ours, { actor: "service:notification", action: "page.turned" })).data).toHaveLength(5);
  expect((await list(ours, { actor: "user:nobody" })).data).toEqual([]);
});

test("what belongs to no organisation is in the platform's log", async () => {
  await record(platform, "stranger.knocked");
  expect(await records(platform, 1, { action: "stranger.knocked" })).toMatchObject([{ actor: "service:notification" }]);
  expect((await list(ours, { action: "stranger.knocked" })).data).toEqual([]);
});

test("an act that comes again stands there once, and what is no act stops nothing", async () => {
  const nats = await toNats();
  try {
    const act = recordOf(ours, "twice.come");
    const subject = `${node.broker.namespace}.act.sync`;
    for (const [msgID, text] of [
      ["a", JSON.stringify(act)],
      ["b", "{"],
      ["c", JSON.stringify({ ...act, id: "nonsense" })],
      ["d", JSON.stringify({ ...act, password: "secret" })],
      ["e", JSON.stringify(act)],
      ["f", JSON.stringify({ ...act, id: uuidv7(), action: "after.that" })],
    ] as const)
      await nats.jetstream().publish(subject, text, { msgID });
    await records(ours, 1, { action: "after.that" });
    expect((await list(ours, { action: "twice.come" })).data).toHaveLength(1);
  } finally {
    await nats.close();
  }
});

test("one organisation's log does not wait for another's whose chain is held", async () => {
  await world.admin.query("begin");
  try {
    await world.admin.query("select 1 from auth.audit_chains where tenant_id = $1 for update", [ours]);
    await record(ours, "was.held", 3);
    await record(theirs, "goes.on", 3);
    await records(theirs, 3, { action: "goes.on" });
    expect((await list(ours, { action: "was.held" })).data).toEqual([]);
  } finally {
    await world.admin.query("rollback");
  }
  await records(ours, 3, { action: "was.held" });
});

test("acts that JetStream has lost are sent again by the service that did them", async () => {
  const { acts } = (node.broker.getLocalService("notification") as unknown as Host<WithJobs>).jobs;
  const id = uuidv7();
  // As a power cut leaves it: the relay has published and forgotten it, the stream has it no more.
  await db.tenant(ours, (em) =>
    em.execute(
      `insert into notification.acts (id, tenant_id, act) values (?, ?, ?::jsonb)`,
      [id, ours, JSON.stringify({ ...recordOf(ours, "was.lost"), id })],
      "run",
    ),
  );
  expect(await acts.resend(3_600_000)).toBe(0);
  expect(await acts.resend(0)).toBe(1);
  expect(await records(ours, 1, { action: "was.lost" })).toMatchObject([{ id }]);
  await until(async () => (await kept()) === 0, "the confirmation", 30_000);
});

test("checkpoints leave the database for a folder and for NATS; with both the whole log is verified, and a place that was emptied is named", async () => {
  const { verifyCluster } = await import("../../../scripts/auditing.ts");
  const checkpoint = async () => await call(node.broker, "auth.audit.checkpoint", {}, await as(platform, ["internal"]));
  expect(await checkpoint()).toMatchObject({ published: 1 });
  await record(ours, "one.more");
  await records(ours, 1, { action: "one.more" });
  expect(await checkpoint()).toEqual({ covered: 1, published: 1 });
  expect(await checkpoint()).toEqual({ covered: 0, published: 0 });
  const place = join(folder, node.broker.namespace.replaceAll("_", "-"));
  expect(readdirSync(place).sort()).toEqual(["0000000001", "0000000002"]);
  const verify = () => verifyCluster(world.admin, { stream: true }, () => {});
  const { checkpoints, log } = await verify();
  expect({ checkpoints, faults: log.faults }).toEqual({ checkpoints: { count: 2, faults: [] }, faults: [] });
  expect(log.records).toBeGreaterThan(10);

  rmSync(join(place, "0000000002"));
  expect((await verify()).checkpoints.faults).toMatchObject([{ number: 2, text: "is not there" }]);
  // The tail, with all that the database knows of it: NATS still has the checkpoint.
  await world.admin.query(
    `set session_replication_role = replica;
     delete from auth.audit where tenant_id = '${ours}' and action = 'one.more';
     update auth.audit_chains c set (position, hash) = (select position, hash from auth.audit a where a.tenant_id = c.tenant_id order by position desc limit 1)
     where tenant_id = '${ours}';
     set session_replication_role = default`,
  );
  const { faults } = (await verify()).log;
  expect(faults).toHaveLength(1);
  expect(faults[0]).toMatchObject({ tenantId: ours, kind: "truncated" });
  expect(faults[0]!.text).toContain("checkpoint 2 shows");
  // Nobody who only speaks to NATS can take it out there.
  const nats = await toNats();
  try {
    const jsm = await nats.jetstreamManager();
    await expect(jsm.streams.purge(subjects(node.broker.namespace).checkpointStream)).rejects.toThrow();
  } finally {
    await nats.close();
  }
});
