import { randomUUID } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import type { ServiceBroker } from "moleculer";
import { call, type ActionMap, type ActionName } from "../../../config/calls.ts";
import { testDatabase, type TestDatabase } from "../../../test/database.ts";
import { until } from "../../../test/edge.ts";
import { testNode, type TestNode } from "../../../test/node.ts";
import { makeApiKey } from "../apikey.ts";

const password = "correct horse battery staple";
let mails: string;
let database: TestDatabase;
let node: TestNode;
let broker: ServiceBroker;
let address: string;

beforeAll(async () => {
  mails = mkdtempSync(join(tmpdir(), "legendo-keys-"));
  Object.assign(process.env, { MAIL_FOLDER: mails, TRUSTED_PROXIES: "127.0.0.1, 10.9.0.0/16" });
  database = await testDatabase();
  node = await testNode(["api", "auth", "sync", "notification"], database);
  broker = node.broker;
  ({ address } = broker.getLocalService("api") as unknown as { address: string });
});
afterAll(async () => {
  await node?.stop();
  await database?.drop();
  rmSync(mails, { recursive: true, force: true });
});

const as = <N extends ActionName>(claim: string, name: N, params: ActionMap[N]["params"]) =>
  call(broker, name, params, { meta: { claim } });
let made = 0;
async function organisation() {
  const email = `keys${++made}@example.com`;
  return { email, ...(await call(broker, "auth.organisations.create", { organisation: `Keys ${made}`, email, password })) };
}
/** What the edge answers to a key, from an address behind a trusted proxy. */
async function status(key: string, from?: string, path = "/api/v1/sync/jobs"): Promise<number> {
  const response = await fetch(`${address}${path}`, {
    headers: { "X-API-Key": key, ...(from !== undefined && { "X-Forwarded-For": from }) },
  });
  await response.arrayBuffer();
  return response.status;
}
const becomes = (key: string, expected: number) => until(async () => (await status(key)) === expected, `status ${expected}`);

describe("a service account", () => {
  test("calls by keys of its own, which can do no more than its role, and less at once when that does", async () => {
    const { token } = await organisation();
    const account = await as(token, "auth.accounts.create", { name: "nightly", role: "operator" });
    const { id, key } = await as(token, "auth.apikeys.create", { name: "nightly", accountId: account.id });
    const { claim, principal } = await call(broker, "auth.verify", { credential: key });
    expect(principal).toMatchObject({ subject: `key:${id}`, userId: account.id });
    expect(principal.permissions).toContain("sync:write");
    expect(principal.permissions).not.toContain("payment:read");
    expect(await status(key)).toBe(200);
    await as(token, "auth.accounts.update", { id: account.id, role: "billing" });
    await becomes(key, 403);
    await as(token, "auth.accounts.update", { id: account.id, role: "operator" });
    await becomes(key, 200);
    await as(token, "auth.accounts.update", { id: account.id, disabled: true });
    await until(async () => [401, 403].includes(await status(key)), "the refusal of a disabled account");
    await expect(call(broker, "auth.verify", { credential: key })).rejects.toMatchObject({ type: "UNAUTHENTICATED" });
    await expect(as(claim, "sync.jobs.list", {})).rejects.toMatchObject({ code: 403 });
    await as(token, "auth.accounts.update", { id: account.id, disabled: false });
    await becomes(key, 200);
    expect(await as(token, "auth.accounts.list", {})).toMatchObject([{ name: "nightly", role: "operator", keys: 1 }]);
    await as(token, "auth.accounts.remove", { id: account.id });
    await until(async () => [401, 403].includes(await status(key)), "the refusal of a removed account");
  });

  test("of one organisation is nothing to another, and can't be given more than its maker has", async () => {
    const [ours, theirs] = [await organisation(), await organisation()];
    const { id } = await as(ours.token, "auth.accounts.create", { name: "ours", role: "viewer" });
    await expect(as(theirs.token, "auth.accounts.update", { id, disabled: true })).rejects.toMatchObject({ code: 404 });
    await expect(as(theirs.token, "auth.accounts.remove", { id })).rejects.toMatchObject({ code: 404 });
    await expect(as(theirs.token, "auth.apikeys.create", { name: "x", accountId: id })).rejects.toMatchObject({ code: 404 });
    expect(await as(theirs.token, "auth.accounts.list", {})).toEqual([]);
    const { key } = await as(ours.token, "auth.apikeys.create", { name: "hr", permissions: ["accounts:write", "org:read"] });
    const { claim } = await call(broker, "auth.verify", { credential: key });
    await expect(as(claim, "auth.accounts.create", { name: "more", role: "admin" })).rejects.toMatchObject({ type: "PERMISSION_NOT_HELD" });
    await expect(as(ours.token, "auth.accounts.create", { name: "ours", role: "viewer" })).rejects.toMatchObject({ type: "CONFLICT" });
  });
});

describe("a key with networks", () => {
  test("works from there alone, by the client's address, which only trusted proxies can say", async () => {
    const { token } = await organisation();
    const networks = ["192.0.2.77/24", "::ffff:198.51.100.7", "2001:db8:1::/48"];
    const { key, ...shown } = await as(token, "auth.apikeys.create", { name: "office", networks });
    expect(shown.networks).toEqual(["192.0.2.0/24", "198.51.100.7/32", "2001:db8:1::/48"]);
    const outcomes: Record<string, number> = {};
    for (const from of [
      "192.0.2.1",
      "::ffff:192.0.2.1",
      "198.51.100.7",
      "2001:db8:1::5",
      "192.0.2.1, 10.9.1.1",
      "192.0.3.1",
      "198.51.100.8",
      "2001:db8:2::1",
      // Further left than what a trusted proxy wrote, anybody may have written it.
      "192.0.2.1, 203.0.113.9",
      "192.0.2.1, unknown",
    ])
      outcomes[from] = await status(key, from);
    expect(Object.values(outcomes)).toEqual([200, 200, 200, 200, 200, 403, 403, 403, 403, 403]);
    expect(await status(key)).toBe(403);
    await expect(
      as(token, "auth.apikeys.create", { name: "odd", networks: ["10.0.0.0/33", "10.1", "192.0.2.0/24"] }),
    ).rejects.toMatchObject({
      type: "VALIDATION_FAILED",
      data: { faults: [{ pointer: "/networks/0" }, { pointer: "/networks/1" }] },
    });
  });
});

describe("a key that is rotated", () => {
  test("and its successor both work during the overlap; then the old one does not", async () => {
    const { token } = await organisation();
    const old = await as(token, "auth.apikeys.create", { name: "backup", permissions: ["sync:read"], networks: ["127.0.0.1"] });
    const fresh = await as(token, "auth.apikeys.rotate", { id: old.id, overlapHours: 2 });
    expect(fresh).toMatchObject({ name: "backup", permissions: ["sync:read"], networks: ["127.0.0.1/32"], expiresAt: null });
    expect(fresh.replaces).toMatchObject({ id: old.id, replacedBy: fresh.id });
    expect(Date.parse(fresh.replaces.expiresAt!) - Date.now()).toBeGreaterThan(3_600_000);
    expect([await status(old.key), await status(fresh.key)]).toEqual([200, 200]);
    await expect(as(token, "auth.apikeys.rotate", { id: old.id })).rejects.toMatchObject({ type: "CONFLICT" });
    const last = await as(token, "auth.apikeys.rotate", { id: fresh.id, overlapHours: 0 });
    await becomes(fresh.key, 401);
    expect(await status(last.key)).toBe(200);
  });

  test("can be so by its organisation alone, and by nobody who lacks what it may", async () => {
    const [ours, theirs] = [await organisation(), await organisation()];
    const { id } = await as(ours.token, "auth.apikeys.create", { name: "ours" });
    await expect(as(theirs.token, "auth.apikeys.rotate", { id })).rejects.toMatchObject({ type: "API_KEY_NOT_FOUND" });
    const { key } = await as(ours.token, "auth.apikeys.create", { name: "small", permissions: ["keys:write"] });
    const { claim } = await call(broker, "auth.verify", { credential: key });
    await expect(as(claim, "auth.apikeys.rotate", { id })).rejects.toMatchObject({ type: "PERMISSION_NOT_HELD" });
  });
});

describe("a key that has leaked", () => {
  const report = async (key: string) => {
    const response = await fetch(`${address}/api/v1/keys/leaked`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ key }),
    });
    return { status: response.status, body: await response.json() };
  };

  test("is revoked by whoever has found it, everywhere within a second, is written down, and its owners are told", async () => {
    const { token, tenantId, email } = await organisation();
    const { id, key } = await as(token, "auth.apikeys.create", { name: "found on the web" });
    expect(await status(key)).toBe(200);
    expect(await report(key)).toEqual({ status: 202, body: { data: { received: true } } });
    await becomes(key, 401);
    const written = async () => {
      const { rows } = await database.admin.query<{ object: string }>(
        "select object from auth.audit where tenant_id = $1 and action = 'apikey.leaked'",
        [tenantId],
      );
      return rows[0]?.object;
    };
    expect(await until(written, "the record", 20_000)).toBe(`apikey:${id}`);
    const told = await until(
      async () => {
        for (const file of (await readdir(mails)).filter((name) => name.endsWith(".eml"))) {
          const text = await readFile(join(mails, file), "utf8");
          if (text.includes(email) && text.includes("found on the web")) return text;
        }
        return undefined;
      },
      "the mail to the owner",
      20_000,
    );
    expect(told).not.toContain(key.split("_")[2]!);
  });

  test("gets the same answer as one that is none, and nobody can revoke a key by its id alone", async () => {
    const { token } = await organisation();
    const { id, key } = await as(token, "auth.apikeys.create", { name: "safe" });
    const guess = makeApiKey(id).key;
    const answers = [await report("rubbish"), await report(makeApiKey(randomUUID()).key), await report(guess), await report(`${key}x`)];
    for (const answer of answers) expect(answer).toEqual({ status: 202, body: { data: { received: true } } });
    const other = await as(token, "auth.apikeys.create", { name: "leaked" });
    await report(other.key);
    await becomes(other.key, 401);
    // By now the guesses have been dealt with as well.
    expect(await status(key)).toBe(200);
  });
});
