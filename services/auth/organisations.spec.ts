import { mkdtempSync, rmSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { decodeJwt } from "jose";
import type { ServiceBroker } from "moleculer";
import { call, type ActionMap, type ActionName } from "../../config/calls.ts";
import { testDatabase, type TestDatabase } from "../../test/database.ts";
import { until } from "../../test/edge.ts";
import { testNode, type TestNode } from "../../test/node.ts";

const password = "correct horse battery staple";
let mails: string;
let database: TestDatabase;
let node: TestNode;
let broker: ServiceBroker;

beforeAll(async () => {
  mails = mkdtempSync(join(tmpdir(), "legendo-invitations-"));
  Object.assign(process.env, { MAIL_FOLDER: mails });
  database = await testDatabase();
  node = await testNode(["auth", "notification"], database);
  broker = node.broker;
});
afterAll(async () => {
  await node?.stop();
  await database?.drop();
  rmSync(mails, { recursive: true, force: true });
});

const as = <N extends ActionName>(claim: string, name: N, params: ActionMap[N]["params"]) =>
  call(broker, name, params, { meta: { claim } });

let made = 0;
const newAddress = () => `person${++made}@example.com`;
async function organisation() {
  const email = newAddress();
  return { email, ...(await call(broker, "auth.organisations.create", { organisation: `Organisation ${made}`, email, password })) };
}

/** The token of the newest mail to an address that is not among those seen. */
const seen = new Set<string>();
const tokenMailedTo = (email: string) =>
  until(
    async () => {
      for (const file of (await readdir(mails)).filter((name) => name.endsWith(".eml") && !seen.has(name))) {
        const text = (await readFile(join(mails, file), "utf8")).replaceAll("=\r\n", "").replaceAll("=3D", "=");
        if (!text.includes(`To: ${email}`) && !text.includes(`To: <${email}>`)) continue;
        seen.add(file);
        return /#token=(lgi_[\w-]{43})/.exec(text)?.[1];
      }
      return undefined;
    },
    `a mail to ${email}`,
    20_000,
  );
/** Somebody who was invited and has joined, signed in there. */
async function member(token: string, role: string) {
  const email = newAddress();
  await as(token, "auth.invitations.create", { email, role });
  const joined = await call(broker, "auth.invitations.accept", { token: await tokenMailedTo(email), password });
  return { email, ...joined, token: (await call(broker, "auth.login", { email, password, tenantId: joined.tenantId })).token };
}
const ended = (claim: string) =>
  until(
    () =>
      as(claim, "auth.me", {}).then(
        () => false,
        () => true,
      ),
    "the end of the access",
  );

describe("an invitation", () => {
  test("makes a member of who has its link, once, with the invited address and role; of its token only a hash is kept", async () => {
    const { token, tenantId, email: owner } = await organisation();
    const email = newAddress();
    const invited = await as(token, "auth.invitations.create", { email: email.toUpperCase(), role: "viewer" });
    expect(invited).toMatchObject({ email, role: "viewer", sentAt: expect.any(String) as unknown });
    expect(invited).not.toHaveProperty("token");
    const link = await tokenMailedTo(email);
    const { rows } = await database.admin.query<{ all: string }>("select row_to_json(i)::text as all from auth.invitations i");
    expect(rows.some(({ all }) => all.includes(link) || all.includes(link.slice(4)))).toBe(false);
    const offer = await call(broker, "auth.invitations.show", { token: link });
    expect(offer).toMatchObject({ tenantId, email, role: "viewer", account: false });
    const joined = await call(broker, "auth.invitations.accept", { token: link, password, firstName: "Vera" });
    expect(joined).toEqual({ tenantId, userId: expect.any(String) as unknown });
    await expect(call(broker, "auth.invitations.accept", { token: link, password })).rejects.toMatchObject({ type: "LINK_INVALID" });
    const { data } = await as(token, "auth.members.list", {});
    expect(data.map(({ email, role, firstName }) => ({ email, role, firstName }))).toEqual([
      { email: owner, role: "owner", firstName: null },
      { email, role: "viewer", firstName: "Vera" },
    ]);
    expect((await as(token, "auth.invitations.list", {})).data).toEqual([]);
    await expect(as(token, "auth.invitations.create", { email, role: "viewer" })).rejects.toMatchObject({ type: "CONFLICT" });
  });

  test("is accepted by a person of another organisation with their password or signed in, and by nobody else", async () => {
    const [ours, theirs, third] = [await organisation(), await organisation(), await organisation()];
    await as(ours.token, "auth.invitations.create", { email: theirs.email, role: "member" });
    const link = await tokenMailedTo(theirs.email);
    expect(await call(broker, "auth.invitations.show", { token: link })).toMatchObject({ account: true });
    await expect(call(broker, "auth.invitations.accept", { token: link, password: "another password" })).rejects.toMatchObject({
      type: "UNAUTHENTICATED",
    });
    await expect(as(third.token, "auth.invitations.join", { token: link })).rejects.toMatchObject({ type: "FORBIDDEN" });
    await as(theirs.token, "auth.invitations.join", { token: link });
    expect((await as(theirs.token, "auth.organisations.list", {})).map(({ tenantId, role }) => [tenantId, role])).toEqual([
      [theirs.tenantId, "owner"],
      [ours.tenantId, "member"],
    ]);
  });

  test("that was sent again, revoked, or is too old lets nobody in", async () => {
    const { token, tenantId } = await organisation();
    const email = newAddress();
    const { id } = await as(token, "auth.invitations.create", { email, role: "viewer" });
    const first = await tokenMailedTo(email);
    await expect(as(token, "auth.invitations.create", { email, role: "viewer" })).rejects.toMatchObject({ type: "CONFLICT" });
    await as(token, "auth.invitations.resend", { id });
    const second = await tokenMailedTo(email);
    const refused = { type: "LINK_INVALID", code: 422 };
    await expect(call(broker, "auth.invitations.accept", { token: first, password })).rejects.toMatchObject(refused);
    await database.admin.query("update auth.invitations set expires_at = now() - interval '1 second' where id = $1", [id]);
    await expect(call(broker, "auth.invitations.accept", { token: second, password })).rejects.toMatchObject(refused);
    const again = await as(token, "auth.invitations.create", { email, role: "viewer" });
    const third = await tokenMailedTo(email);
    await as(token, "auth.invitations.revoke", { id: again.id });
    await expect(call(broker, "auth.invitations.accept", { token: third, password })).rejects.toMatchObject(refused);
    expect((await as(token, "auth.members.list", {})).data).toHaveLength(1);
    expect((await database.admin.query("select 1 from auth.memberships where tenant_id = $1", [tenantId])).rowCount).toBe(1);
  });

  test("can't be given a role that has more than the inviter, and concerns no other organisation", async () => {
    const [ours, theirs] = [await organisation(), await organisation()];
    const admin = await member(ours.token, "admin");
    const email = newAddress();
    await expect(as(admin.token, "auth.invitations.create", { email, role: "owner" })).rejects.toMatchObject({
      type: "PERMISSION_NOT_HELD",
      data: { permissions: ["org:write"] },
    });
    const { id } = await as(admin.token, "auth.invitations.create", { email, role: "admin" });
    for (const name of ["auth.invitations.resend", "auth.invitations.revoke"] as const)
      await expect(as(theirs.token, name, { id })).rejects.toMatchObject({ type: "INVITATION_NOT_FOUND" });
    await expect(as(ours.token, "auth.invitations.create", { email: newAddress(), role: "made-up" })).rejects.toMatchObject({
      type: "ROLE_NOT_FOUND",
    });
  });

  test("of the same token accepted twenty times at once makes one member", async () => {
    const { token } = await organisation();
    const person = await organisation();
    await as(token, "auth.invitations.create", { email: person.email, role: "viewer" });
    const link = await tokenMailedTo(person.email);
    const outcomes = await Promise.allSettled(Array.from({ length: 20 }, () => as(person.token, "auth.invitations.join", { token: link })));
    expect(outcomes.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
    expect((await as(token, "auth.members.list", {})).data).toHaveLength(2);
  });
});

describe("a member", () => {
  test("has another role within a second, and no access once removed, whatever token they hold", async () => {
    const { token } = await organisation();
    const person = await member(token, "viewer");
    await expect(as(person.token, "auth.apikeys.list", {})).rejects.toMatchObject({ type: "FORBIDDEN" });
    expect(await as(token, "auth.members.update", { userId: person.userId, role: "operator" })).toMatchObject({ role: "operator" });
    await until(
      () =>
        as(person.token, "auth.apikeys.list", {}).then(
          () => true,
          () => false,
        ),
      "the new role",
    );
    await as(token, "auth.members.remove", { userId: person.userId });
    await ended(person.token);
    await expect(call(broker, "auth.login", { email: person.email, password })).rejects.toMatchObject({ type: "FORBIDDEN" });
  });

  test("who leaves one organisation stays in the other", async () => {
    const [ours, theirs] = [await organisation(), await organisation()];
    await as(ours.token, "auth.invitations.create", { email: theirs.email, role: "member" });
    await as(theirs.token, "auth.invitations.join", { token: await tokenMailedTo(theirs.email) });
    const there = (await as(theirs.token, "auth.organisations.switch", { tenantId: ours.tenantId })).token;
    expect(decodeJwt(there)).toMatchObject({ tid: ours.tenantId });
    expect(await as(there, "auth.me", {})).toMatchObject({ tenantId: ours.tenantId, user: { role: "member" } });
    await as(there, "auth.members.leave", {});
    await ended(there);
    const back = await call(broker, "auth.login", { email: theirs.email, password });
    expect(back.tenantId).toBe(theirs.tenantId);
    await expect(as(back.token, "auth.organisations.switch", { tenantId: ours.tenantId })).rejects.toMatchObject({ type: "FORBIDDEN" });
  });

  test("who is the last owner can neither leave nor be demoted, also not by two at the same moment; handing over frees them", async () => {
    const { token, userId } = await organisation();
    const last = { type: "LAST_OWNER", code: 409 };
    await expect(as(token, "auth.members.leave", {})).rejects.toMatchObject(last);
    await expect(as(token, "auth.members.update", { userId, role: "admin" })).rejects.toMatchObject(last);
    const second = await member(token, "owner");
    const outcomes = await Promise.allSettled([as(token, "auth.members.leave", {}), as(second.token, "auth.members.leave", {})]);
    expect(outcomes.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
    const [left] = outcomes;
    const owner = left.status === "fulfilled" ? second.token : token;
    const heir = await member(owner, "viewer");
    expect(await as(owner, "auth.members.transfer", { userId: heir.userId })).toMatchObject({ role: "owner" });
    await as(owner, "auth.members.leave", {});
    const { data } = await as(heir.token, "auth.members.list", {});
    expect(data.map(({ email, role }) => [email, role])).toEqual([[heir.email, "owner"]]);
  });

  test("can't touch whose role has more than their own, nor members of another organisation", async () => {
    const [ours, theirs] = [await organisation(), await organisation()];
    const admin = await member(ours.token, "admin");
    for (const [name, params] of [
      ["auth.members.update", { userId: ours.userId, role: "viewer" }],
      ["auth.members.remove", { userId: ours.userId }],
      ["auth.members.update", { userId: admin.userId, role: "owner" }],
    ] as const)
      await expect(call(broker, name, params, { meta: { claim: admin.token } })).rejects.toMatchObject({ type: "PERMISSION_NOT_HELD" });
    await expect(as(admin.token, "auth.members.transfer", { userId: admin.userId })).rejects.toMatchObject({ type: "FORBIDDEN" });
    for (const [name, params] of [
      ["auth.members.update", { userId: admin.userId, role: "viewer" }],
      ["auth.members.remove", { userId: admin.userId }],
      ["auth.members.transfer", { userId: admin.userId }],
    ] as const)
      await expect(call(broker, name, params, { meta: { claim: theirs.token } })).rejects.toMatchObject({ type: "MEMBER_NOT_FOUND" });
  });

  test("is listed page by page, each once; the organisation gets another name", async () => {
    const { token, email } = await organisation();
    const emails = [email];
    for (let i = 0; i < 3; i++) emails.push((await member(token, "viewer")).email);
    const listed: string[] = [];
    for (let cursor: string | null | undefined; cursor !== null;) {
      const page = await as(token, "auth.members.list", { limit: 2, ...(cursor ? { cursor } : {}) });
      listed.push(...page.data.map((member) => member.email));
      cursor = page.pagination.cursor;
    }
    expect(listed).toEqual(emails.toSorted());
    await as(token, "auth.organisations.rename", { name: "Renamed" });
    expect(await as(token, "auth.me", {})).toMatchObject({ organisation: "Renamed" });
  });
});
