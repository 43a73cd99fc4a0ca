import { randomUUID } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import { rows, type Database } from "../../../mixins/database.ts";
import { localKeyRing } from "../../../mixins/vault/kms/local.ts";
import { rewrapTable } from "../../../mixins/vault/rewrap.ts";
import { testDatabase, type TestDatabase } from "../../../test/database.ts";
import { until } from "../../../test/edge.ts";
import { makeCertificates, type Certificates } from "../../../test/servers/certificates.ts";
import { Mailbox, reply } from "../../../test/servers/mailbox.ts";
import type { Schedule } from "../schedule.ts";
import { claimMails, listMails, resendMail, storeMail } from "./mails.ts";
import { mailDispatcher, prepareMail } from "./post.ts";
import { sealedMails } from "./sealed.ts";
import { smtpDoor } from "./smtp.ts";

const ring = (name: string) => `${name}:${Buffer.alloc(32, name).toString("base64")}`;
const keys = localKeyRing(ring("one"));
const folder = mkdtempSync(join(tmpdir(), "legendo-post-"));
const secretPath = "/reset?token=Zm9yIG5vYm9keSBlbHNl";

let world: TestDatabase;
let db: Database;
let certificates: Certificates;
let mailbox: Mailbox;
let running: (() => Promise<void>)[];
let logged: string[];
let tenant: string;

beforeAll(async () => {
  world = await testDatabase();
  db = await world.open("notification");
  certificates = makeCertificates(folder);
});
afterAll(async () => {
  await world.drop();
  rmSync(folder, { recursive: true, force: true });
});
beforeEach(async () => {
  tenant = randomUUID();
  running = [];
  logged = [];
  mailbox = await new Mailbox(certificates).start();
});
afterEach(async () => {
  for (const stop of running) await stop();
  await mailbox.stop();
  await world.admin.query("delete from notification.mails");
});

const data = { link: secretPath, expiresAt: "12:30 UTC" };
async function post(to = "ann@example.org", of = tenant): Promise<string> {
  const mail = await prepareMail(keys, of, { to, template: "password-reset", data });
  await db.tenant(of, (em) => storeMail(em, mail));
  return mail.id;
}
const note = (line: unknown) => void logged.push(String(line));
const log = { debug: note, info: note, warn: note, error: note };

/** A node: four attempts with 30 ms between them unless said otherwise. */
async function node(schedule: Schedule = (attempts) => (attempts < 4 ? 30 : null), of = keys) {
  const door = smtpDoor({ url: mailbox.url(), from: "sync@sync.example", ca: certificates.ca, timeoutMs: 5_000 });
  const listenUrl = world.adminUrl;
  const dispatcher = mailDispatcher({ database: db, listenUrl, keys: of, door, schedule, publicUrl: "https://sync.example", log });
  await dispatcher.start();
  running.push(async () => {
    await dispatcher.stop();
    door.close();
  });
}
const seen = async (id: string, of = tenant) => (await db.tenant(of, (em) => listMails(em, undefined))).find((mail) => mail.id === id);
const ended = (id: string) =>
  until(
    async () => {
      const mail = await seen(id);
      return mail && mail.status !== "pending" && mail;
    },
    "the mail's end",
    15_000,
  );
const eventsOf = (id: string) =>
  db.tenant(tenant, (em) => rows(em, `select type, data from notification.events where stream = ? order by version`, [`mail:${id}`]));

describe("mails", () => {
  it("leave when they are stored, with links to this cluster, and leave an event", async () => {
    await node();
    const id = await post();
    expect(await ended(id)).toMatchObject({ status: "sent", attempts: 1, lastCode: null, lastError: null });
    const [mail] = mailbox.received;
    expect(mail).toMatchObject({ to: ["ann@example.org"], encrypted: true, user: "relay" });
    expect(mail!.readable).toContain(`https://sync.example${secretPath}`);
    expect(mail!.raw).toContain(`Message-ID: <${id}@sync.example>`);
    expect(await eventsOf(id)).toEqual([{ type: "notification.mail.sent", data: { mailId: id, template: "password-reset", attempts: 1 } }]);
  });

  it("are sealed while they wait, forgotten when they were sent, and their links stand in no log and no event", async () => {
    const whole = async () =>
      JSON.stringify(
        (await world.admin.query(`select m::text, encode(sealed_data, 'escape') as bytes from notification.mails m`)).rows.concat(
          (await world.admin.query(`select e::text from notification.events e`)).rows,
        ),
      );
    const id = await post();
    expect(await whole()).toContain(id);
    expect(await whole()).not.toContain("Zm9yIG5v");
    mailbox.refuse = (_to, times) => {
      if (times === 1) throw reply(452, "4.2.2 mailbox full");
    };
    await node();
    await ended(id);
    const { rows: left } = await world.admin.query(`select wrapped_key, sealed_data from notification.mails`);
    expect(left).toEqual([{ wrapped_key: null, sealed_data: null }]);
    expect(await whole()).not.toContain("Zm9yIG5v");
    expect(logged.join()).toContain("refused with 452");
    expect(logged.join()).not.toMatch(/Zm9yIG5v|ann@/);
  });

  it("are tried again after a 452, under the same id, and arrive once", async () => {
    mailbox.refuse = (_to, times) => {
      if (times < 3) throw reply(452, "4.2.2 mailbox full");
    };
    await node();
    const id = await post();
    expect(await ended(id)).toMatchObject({ status: "sent", attempts: 3 });
    expect(mailbox.received).toHaveLength(1);
  });

  it("end at once as dead letters after a 550, and can be sent again by an operator", async () => {
    mailbox.refuse = () => {
      throw reply(550, "5.1.1 no such mailbox");
    };
    await node();
    const id = await post("nobody@example.org");
    expect(await ended(id)).toMatchObject({
      status: "undelivered",
      attempts: 1,
      lastCode: 550,
      lastError: expect.stringContaining("5.1.1"),
    });
    expect(await eventsOf(id)).toEqual([
      { type: "notification.mail.undelivered", data: { mailId: id, template: "password-reset", attempts: 1, code: 550 } },
    ]);
    mailbox.refuse = () => {};
    expect(await db.tenant(randomUUID(), (em) => resendMail(em, id, 60_000))).toBeUndefined();
    expect(await db.tenant(tenant, (em) => resendMail(em, id, 60_000))).toMatchObject({ status: "pending", attempts: 0 });
    expect(await ended(id)).toMatchObject({ status: "sent" });
    expect(await db.tenant(tenant, (em) => resendMail(em, id, 60_000))).toBeUndefined();
  });

  it("end as dead letters after the last attempt, and when their link would not work any more", async () => {
    mailbox.refuse = () => {
      throw reply(451, "4.3.0 try later");
    };
    await node();
    const tired = await post();
    expect(await ended(tired)).toMatchObject({ status: "undelivered", attempts: 4, lastCode: 451 });
    await running.pop()!();
    await node(() => 31 * 60_000);
    const late = await post();
    expect(await ended(late)).toMatchObject({ status: "undelivered", attempts: 1 });
  });

  it("of one organisation are seen by no other", async () => {
    const other = randomUUID();
    const id = await post();
    await post("bob@example.org", other);
    await node();
    await ended(id);
    await until(() => Promise.resolve(mailbox.received.length === 2), "both mails", 15_000);
    expect((await db.tenant(other, (em) => listMails(em, undefined))).map(({ to }) => to)).toEqual(["bob@example.org"]);
    expect(await seen(id, other)).toBeUndefined();
  });

  it("claimed by a node that was killed are sent by another when the claim has run out", async () => {
    const id = await post();
    const [claimed] = await db.system((em) => claimMails(em, 10, 700));
    expect(claimed).toMatchObject({ id, attempts: 1 });
    expect(await db.system((em) => claimMails(em, 10, 700))).toEqual([]);
    await node();
    expect(await ended(id)).toMatchObject({ status: "sent", attempts: 2 });
  });

  it("about accounts leave before those about jobs", async () => {
    const facts = { jobId: randomUUID(), kind: "sync", link: "/x", stored: "1", unchanged: "0", failed: "0" };
    const job = await prepareMail(keys, tenant, { to: "ann@example.org", template: "job-completed", data: facts });
    await db.tenant(tenant, (em) => storeMail(em, job));
    const reset = await post();
    expect((await db.system((em) => claimMails(em, 1, 1))).map(({ id }) => id)).toEqual([reset]);
  });

  it("that wait are wrapped by another master key and leave by it", async () => {
    const id = await post();
    const both = localKeyRing(`${ring("two")},${ring("one")}`);
    expect(await rewrapTable(db, both, sealedMails)).toMatchObject({ rewrapped: 1, failed: [], next: null });
    await node(undefined, localKeyRing(ring("two")));
    expect(await ended(id)).toMatchObject({ status: "sent" });
  });
});
