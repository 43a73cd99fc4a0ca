import { randomUUID } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { connect, type NatsConnection } from "nats";
import { v7 as uuidv7 } from "uuid";
import { call, type ActionMap } from "../config/calls.ts";
import { subjects, type DomainEvent, type JobFacts } from "../config/events.ts";
import { serviceClaim } from "../mixins/claim.ts";
import { testDatabase, type TestDatabase } from "./database.ts";
import { until } from "./edge.ts";
import { testNode, type TestNode } from "./node.ts";

const folder = mkdtempSync(join(tmpdir(), "legendo-mails-"));
let world: TestDatabase;
let node: TestNode;
let nats: NatsConnection;
let ann: { tenantId: string; userId: string };
let eve: { tenantId: string; userId: string };

beforeAll(async () => {
  world = await testDatabase();
  Object.assign(process.env, { MAIL_FOLDER: folder, PUBLIC_URL: "https://sync.example/", MAIL_FROM: "LEGENDO <sync@sync.example>" });
  node = await testNode(["auth", "notification"], world);
  const { natsOptions } = await import("../config/nats.ts");
  const { env } = await import("../config/env.ts");
  nats = await connect(natsOptions(env, "mails spec"));
  const signUp = (name: string) =>
    call(node.broker, "auth.organisations.create", {
      organisation: name,
      email: `${name}@example.com`,
      password: "correct horse battery staple",
    });
  [ann, eve] = [await signUp("ann"), await signUp("eve")];
});
afterAll(async () => {
  await nats?.close();
  await node?.stop();
  await world?.drop();
  rmSync(folder, { recursive: true, force: true });
});

const claimOf = (tenant: string) => serviceClaim(process.env["CLUSTER_SECRET"] ?? "", "auth", tenant);
type Name = keyof ActionMap & `notification.mail.${string}`;
const ask = async <N extends Name>(name: N, params: ActionMap[N]["params"], of = ann.tenantId): Promise<ActionMap[N]["result"]> =>
  await call(node.broker, name, params, { meta: { claim: await claimOf(of) } });
const mailOf = (id: string) =>
  until(
    () => Promise.resolve(readdirSync(folder).includes(`${id}.eml`) && readFileSync(join(folder, `${id}.eml`), "utf8")),
    "the mail",
    20_000,
  );

const reset = (key: string, to = "ann@example.com") => ({
  to,
  template: "password-reset",
  data: { link: "/reset?token=abc", expiresAt: "12:30 UTC" },
  key,
});

describe("the mails of a running node", () => {
  it("are taken by an action of services, once per key, and lead to this cluster", async () => {
    const { id } = await ask("notification.mail.send", reset("k1"));
    expect(await ask("notification.mail.send", reset("k1"))).toEqual({ id });
    const mail = await mailOf(id);
    expect(mail).toContain("To: ann@example.com");
    expect(mail).toContain("https://sync.example/reset");
    // Beside those that ask new people to confirm their addresses.
    const resets = readdirSync(folder).filter((name) => readFileSync(join(folder, name), "utf8").includes("https://sync.example/reset"));
    expect(resets).toEqual([`${id}.eml`]);
    await expect(ask("notification.mail.send", reset("k1", "eve@example.com"))).rejects.toMatchObject({ type: "IDEMPOTENCY_KEY_REUSED" });
    const theirs = await ask("notification.mail.send", reset("k1", "eve@example.com"), eve.tenantId);
    expect(theirs.id).not.toBe(id);
    expect(await mailOf(theirs.id)).toContain("To: eve@example.com");
    const listed = await ask("notification.mail.list", {}, eve.tenantId);
    expect(listed.filter(({ template }) => template === "password-reset").map(({ to }) => to)).toEqual(["eve@example.com"]);
    expect(listed.every(({ to }) => to === "eve@example.com")).toBe(true);
  });

  it("are refused with every fault named, and to whoever is no service", async () => {
    const bad = { ...reset("k2"), data: { link: "http://evil.example" } };
    await expect(ask("notification.mail.send", bad)).rejects.toMatchObject({
      type: "VALIDATION_FAILED",
      data: { faults: [{ pointer: "/data/expiresAt", detail: "is required" }, { pointer: "/data/link" }] },
    });
    await expect(ask("notification.mail.send", { ...reset("k2"), template: "spam", to: "nobody" })).rejects.toMatchObject({
      type: "VALIDATION_FAILED",
    });
    const claim = await serviceClaim(process.env["CLUSTER_SECRET"] ?? "", "api", ann.tenantId, ["notification:write", "org:write"]);
    await expect(call(node.broker, "notification.mail.send", reset("k3"), { meta: { claim } })).rejects.toMatchObject({
      type: "FORBIDDEN",
    });
  });
});

describe("mails about jobs", () => {
  const facts = (more: Partial<JobFacts>): JobFacts => ({
    jobId: randomUUID(),
    kind: "sync",
    status: "failed",
    progress: 42,
    items: { total: 9, stored: 3, unchanged: 4, deduplicated: 0, moved: 0, failed: 2, gone: 0 },
    bytes: { total: 0, done: 0 },
    rate: null,
    secondsLeft: null,
    ...more,
  });
  const jobMail = (userId: string, on: NonNullable<JobFacts["mail"]>["on"]) => ({ mail: { userId, on } });

  /** Publishes as the sync service's relay does. */
  async function publish(type: "sync.job.failed" | "sync.job.completed" | "sync.job.parked", data: JobFacts, of = ann.tenantId) {
    const event: DomainEvent = {
      id: uuidv7(),
      tenantId: of,
      type,
      stream: `job:${data.jobId}`,
      version: 1,
      at: new Date().toISOString(),
      data,
    };
    await nats.jetstream().publish(subjects(node.broker.namespace).event(of, type), JSON.stringify(event), { msgID: event.id });
  }
  const listed = async (of = ann.tenantId) =>
    (await ask("notification.mail.list", {}, of)).filter(({ template }) => template.startsWith("job-"));

  it("go to the member who made the job and asked for them, and to nobody else", async () => {
    const error = { type: "SOURCE_DENIED", message: "The server said:\n<no>" };
    await publish("sync.job.failed", facts({}));
    await publish("sync.job.failed", facts(jobMail(ann.userId, ["completed", "approval"])));
    // Of another organisation: never a member of this one.
    await publish("sync.job.failed", facts(jobMail(eve.userId, ["failed"])));
    await publish("sync.job.failed", facts({ ...jobMail(ann.userId, ["failed"]), error }));
    await publish("sync.job.completed", facts(jobMail(ann.userId, ["completed"])));
    await publish(
      "sync.job.parked",
      facts({ ...jobMail(ann.userId, ["approval"]), approval: [{ reason: "DELETES", message: "It removes 5 of 6." }] }),
    );
    const mails = await until(
      async () => {
        const found = await listed();
        return found.length >= 3 && found.every(({ status }) => status === "sent") && found;
      },
      "three mails",
      20_000,
    );
    await sleep(300);
    expect(await listed()).toHaveLength(3);
    expect(mails.map(({ template }) => template).sort()).toEqual(["job-approval", "job-completed", "job-failed"]);
    expect(new Set(mails.map(({ to }) => to))).toEqual(new Set(["ann@example.com"]));
    const failed = await mailOf(mails.find(({ template }) => template === "job-failed")!.id);
    expect(failed).toContain("Subject: Job failed: SOURCE_DENIED");
    expect(failed).toContain("The server said: <no>");
    expect(failed).toContain("The server said: &lt;no&gt;");
    expect(await listed(eve.tenantId)).toEqual([]);
  });
});
