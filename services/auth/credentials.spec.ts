import { createHash, createHmac } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { decodeProtectedHeader, generateKeyPair, SignJWT, type CryptoKey, type JWTHeaderParameters } from "jose";
import type { ServiceBroker } from "moleculer";
import { strict } from "../../config/action.ts";
import { call, type ActionMap, type ActionName } from "../../config/calls.ts";
import type { Permission, Principal } from "../../config/permissions.ts";
import { tokenAudience, tokenIssuer } from "../../mixins/claim.ts";
import { localKeyRing } from "../../mixins/vault/kms/local.ts";
import { testDatabase, type TestDatabase } from "../../test/database.ts";
import { testNode, type TestNode } from "../../test/node.ts";
import { activeSigningKey } from "./signingkeys.ts";

const password = "correct horse battery staple";
let database: TestDatabase;
let node: TestNode;
let broker: ServiceBroker;
/** The real signing key: what an attacker would need to make any of this pass. */
let signing: { kid: string; privateKey: CryptoKey };
const revoked: unknown[] = [];

beforeAll(async () => {
  database = await testDatabase();
  node = await testNode(["auth"], database);
  broker = node.broker;
  const { env } = await import("../../config/env.ts");
  signing = await activeSigningKey(await database.open("auth"), localKeyRing(env.MASTER_KEYS));
  const action = (permission: Permission) => ({ description: "Opens.", permission, params: strict({}), handler: () => "opened" });
  broker.createService({
    name: "door",
    actions: { sync: action("sync:write") as never, payment: action("payment:write") as never },
    events: { "credential.revoked": (ctx: { params: unknown }) => void revoked.push(ctx.params) },
  });
  await broker.waitForServices("door");
});
afterAll(async () => {
  await node?.stop();
  await database?.drop();
});

const as = <N extends ActionName>(claim: string, name: N, params: ActionMap[N]["params"]) =>
  call(broker, name, params, { meta: { claim } });
const open = (claim: string | undefined, door: string) =>
  broker.call<string, object>(`door.${door}`, {}, { meta: claim === undefined ? {} : { claim } });
const refused = { type: "UNAUTHENTICATED", code: 401 };

let made = 0;
async function organisation() {
  const email = `owner${++made}@example.com`;
  return { email, ...(await call(broker, "auth.organisations.create", { organisation: `Organisation ${made}`, email, password })) };
}

interface Forgery {
  claims?: Record<string, unknown>;
  header?: Partial<JWTHeaderParameters>;
  key?: CryptoKey | Uint8Array;
}
/** A token that is right but for what is said. */
const token = (tenantId: string, { claims, header, key }: Forgery = {}) =>
  new SignJWT({
    iss: tokenIssuer,
    aud: tokenAudience,
    sub: "user:x",
    tid: tenantId,
    prm: ["sync:write"],
    exp: Math.floor(Date.now() / 1000) + 60,
    ...claims,
  })
    .setProtectedHeader({ alg: "EdDSA", typ: "at+jwt", kid: signing.kid, ...header })
    .sign(key ?? signing.privateKey);

describe("a token", () => {
  test("opens the action it has the permission for and is refused where it lacks it, with the permission's name", async () => {
    const { email, userId } = await organisation();
    await database.admin.query("update auth.memberships set role = 'member' where user_id = $1", [userId]);
    const { token } = await call(broker, "auth.login", { email, password });
    await expect(open(token, "sync")).resolves.toBe("opened");
    await expect(open(token, "payment")).rejects.toMatchObject({ type: "FORBIDDEN", code: 403, data: { permission: "payment:write" } });
    await expect(open(undefined, "sync")).rejects.toMatchObject(refused);
  });

  test("is refused when expired, for another audience, of another issuer, type or key, or without what must be in it", async () => {
    const { tenantId } = await organisation();
    await expect(open(await token(tenantId), "sync")).resolves.toBe("opened");
    const now = Math.floor(Date.now() / 1000);
    const stranger = await generateKeyPair("EdDSA");
    const { keys } = await call(broker, "auth.keys.public", {});
    const publicHalf = Buffer.from(keys.find((key) => key.kid === signing.kid)!.x!, "base64url");
    const forgeries: Record<string, Forgery> = {
      expired: { claims: { exp: now - 10 } },
      "for later": { claims: { nbf: now + 60 } },
      "other audience": { claims: { aud: "somebody-else" } },
      "other issuer": { claims: { iss: "https://issuer.example.com" } },
      "issuer of services": { claims: { iss: "legendo-service" } },
      "no tenant": { claims: { tid: undefined } },
      "no expiry": { claims: { exp: undefined } },
      "other type": { header: { typ: "JWT" } },
      "other key": { key: stranger.privateKey },
      "unknown key id": { header: { kid: "made-up" }, key: stranger.privateKey },
      "no key id": { header: { kid: undefined as never } },
      "public key as secret": { header: { alg: "HS256" }, key: publicHalf },
      "guessed service secret": { header: { alg: "HS256", kid: "service" }, claims: { iss: "legendo-service" }, key: Buffer.alloc(32) },
    };
    const outcomes: Record<string, unknown> = {};
    for (const [name, forgery] of Object.entries(forgeries))
      outcomes[name] = await open(await token(tenantId, forgery), "sync").catch((error: { type: string }) => error.type);
    expect(outcomes).toEqual(Object.fromEntries(Object.keys(forgeries).map((name) => [name, "UNAUTHENTICATED"])));
  });

  test("without a signature, by `alg: none` or cut off, is refused", async () => {
    const [header, body] = (await token((await organisation()).tenantId)).split(".") as [string, string];
    const none = Buffer.from(JSON.stringify({ alg: "none", typ: "at+jwt" })).toString("base64url");
    for (const forged of [`${none}.${body}.`, `${header}.${body}.`, `${header}.${body}`])
      await expect(open(forged, "sync")).rejects.toMatchObject(refused);
  });

  test("altered in any of its bytes is refused as UNAUTHENTICATED, never otherwise", async () => {
    const right = await token((await organisation()).tenantId);
    const character = fc.constantFrom(..."ABCXYZabcxyz019-_. =é\u0000");
    await fc.assert(
      fc.asyncProperty(fc.nat(right.length - 1), character, fc.boolean(), async (place, letter, insert) => {
        const altered = right.slice(0, place) + letter + right.slice(insert ? place : place + 1);
        // The last character of a base64url part has spare bits: the same bytes may be written in two ways.
        if (
          Buffer.from(altered.split(".")[2] ?? "", "base64url").equals(Buffer.from(right.split(".")[2]!, "base64url")) &&
          altered.startsWith(right.slice(0, right.lastIndexOf(".")))
        )
          return;
        await expect(open(altered, "sync")).rejects.toMatchObject(refused);
      }),
      { numRuns: 200 },
    );
  });

  test("signed before a rotation by the operator stays valid, and the new key signs within a minute", async () => {
    const { tenantId } = await organisation();
    const before = await token(tenantId);
    const { default: commands } = await import("./auth.repl.ts");
    const rotate = commands.find((command) => command.command === "auth:rotate")!;
    await rotate.action(broker);
    const { keys } = await call(broker, "auth.keys.public", {});
    expect(keys).toHaveLength(3);
    expect(keys.map((key) => key.kid)).toContain(decodeProtectedHeader(before).kid);
    await expect(open(before, "sync")).resolves.toBe("opened");
  });

  test("of an owner can't rotate signing keys", async () => {
    const { token } = await organisation();
    await expect(as(token, "auth.keys.rotate", {})).rejects.toMatchObject({ type: "FORBIDDEN" });
  });
});

describe("an API key", () => {
  const create = (claim: string, params: ActionMap["auth.apikeys.create"]["params"]) => as(claim, "auth.apikeys.create", params);
  const verify = (credential: string) => call(broker, "auth.verify", { credential });

  test("is exchanged for a claim of a minute that carries its own permissions", async () => {
    const { token, tenantId, userId } = await organisation();
    const { id, key, ...shown } = await create(token, { name: "backup", permissions: ["sync:write", "sync:write", "org:read"] });
    expect(shown).toEqual({
      name: "backup",
      permissions: ["sync:write", "org:read"],
      createdBy: userId,
      createdAt: expect.stringMatching(/^\d{4}-.*Z$/) as unknown,
      accountId: null,
      networks: null,
      replacedBy: null,
      expiresAt: null,
      lastUsedAt: null,
    });
    const { claim, expiresAt, principal } = await verify(key);
    const expected: Principal = { tenantId, subject: `key:${id}`, userId, permissions: ["sync:write", "org:read"], policyVersion: 1 };
    expect(principal).toEqual(expected);
    expect(Date.parse(expiresAt) - Date.now()).toBeLessThanOrEqual(60_000);
    await expect(open(claim, "sync")).resolves.toBe("opened");
    await expect(open(claim, "payment")).rejects.toMatchObject({ type: "FORBIDDEN" });
    expect(await as(claim, "auth.me", {})).toMatchObject({ tenantId, subject: `key:${id}`, user: { id: userId } });
  });

  test("is nowhere in the database in clear, and a plain hash of it isn't either", async () => {
    const { token } = await organisation();
    const { id, key } = await create(token, { name: "secret" });
    const secret = key.split("_")[2]!;
    const { rows } = await database.admin.query<{ secret_hash: Buffer; all: string }>(
      `select secret_hash, row_to_json(k)::text as all from auth.api_keys k where id = $1`,
      [id],
    );
    expect(rows[0]!.secret_hash).toHaveLength(32);
    expect(rows[0]!.all).not.toContain(secret);
    for (const text of [key, secret, `${id} ${secret}`]) {
      expect(rows[0]!.secret_hash).not.toEqual(createHash("sha256").update(text).digest());
      expect(rows[0]!.secret_hash).not.toEqual(createHmac("sha256", "").update(text).digest());
    }
  });

  test("can't be given what its maker lacks; what that is, is named", async () => {
    const { token } = await organisation();
    const { key } = await create(token, { name: "maker", permissions: ["keys:write", "sync:read"] });
    const { claim } = await verify(key);
    await expect(create(claim, { name: "more", permissions: ["sync:read", "payment:write", "org:write"] })).rejects.toMatchObject({
      type: "PERMISSION_NOT_HELD",
      code: 403,
      data: { permissions: ["payment:write", "org:write"] },
    });
    expect(await create(claim, { name: "same" })).toMatchObject({ permissions: ["keys:write", "sync:read"] });
    await expect(create(token, { name: "inside", permissions: ["internal"] })).rejects.toMatchObject({
      type: "VALIDATION_FAILED",
    });
  });

  test("is refused when wrong, malformed, expired or revoked", async () => {
    const { token } = await organisation();
    const { id, key } = await create(token, { name: "short" });
    const other = await create(token, { name: "other" });
    await expect(verify(`${key.slice(0, -1)}${key.endsWith("0") ? "1" : "0"}`)).rejects.toMatchObject({
      ...refused,
      message: expect.stringContaining("malformed") as unknown,
    });
    await database.admin.query(
      "update auth.api_keys set secret_hash = (select secret_hash from auth.api_keys where id = $2) where id = $1",
      [other.id, id],
    );
    await expect(verify(other.key)).rejects.toMatchObject(refused);
    await database.admin.query("update auth.api_keys set expires_at = now() - interval '1 second' where id = $1", [id]);
    await expect(verify(key)).rejects.toMatchObject(refused);
    await expect(create(token, { name: "past", expiresAt: "2020-01-01T00:00:00Z" })).rejects.toMatchObject({
      type: "VALIDATION_FAILED",
      data: { faults: [{ pointer: "/expiresAt" }] },
    });
  });

  test("gives no claim that outlives it", async () => {
    const { token } = await organisation();
    const expiresAt = new Date(Date.now() + 5000).toISOString();
    const { key } = await create(token, { name: "brief", expiresAt });
    const verified = await verify(key);
    expect(Date.parse(verified.expiresAt) - Date.parse(expiresAt)).toBeLessThanOrEqual(1000);
  });

  test("notes its use once a minute", async () => {
    const { token } = await organisation();
    const { id, key } = await create(token, { name: "busy" });
    const used = async () =>
      (await database.admin.query<{ last_used_at: Date | null }>("select last_used_at from auth.api_keys where id = $1", [id])).rows[0]!
        .last_used_at;
    await verify(key);
    const first = await used();
    expect(Date.now() - first!.getTime()).toBeLessThan(10_000);
    await verify(key);
    expect(await used()).toEqual(first);
    await database.admin.query("update auth.api_keys set last_used_at = now() - interval '61 seconds' where id = $1", [id]);
    await verify(key);
    expect((await used())!.getTime()).toBeGreaterThanOrEqual(first!.getTime());
  });

  test("revoked is refused from then on and all nodes hear of it; a repeat changes nothing", async () => {
    const { token, tenantId } = await organisation();
    const { id, key } = await create(token, { name: "leaked" });
    await verify(key);
    const first = await as(token, "auth.apikeys.revoke", { id });
    await expect(verify(key)).rejects.toMatchObject(refused);
    await sleep(50);
    expect(revoked).toContainEqual({ tenantId, subject: `key:${id}`, at: expect.any(Number) });
    expect(await as(token, "auth.apikeys.revoke", { id })).toEqual(first);
    expect((await as(token, "auth.apikeys.list", {})).data).toEqual([]);
  });

  test("is listed newest first, page by page, each once", async () => {
    const { token } = await organisation();
    const names = ["a", "b", "c", "d", "e"];
    for (const name of names) await create(token, { name });
    const seen: string[] = [];
    for (let cursor: string | null | undefined; cursor !== null;) {
      const page = await as(token, "auth.apikeys.list", { limit: 2, ...(cursor ? { cursor } : {}) });
      expect(page.data.every((key) => !("key" in key) && !JSON.stringify(key).includes("lgd_"))).toBe(true);
      seen.push(...page.data.map((key) => key.name));
      cursor = page.pagination.cursor;
    }
    expect(seen).toEqual(names.toReversed());
  });

  test("of one organisation can't be seen, revoked or paged through by another", async () => {
    const [ours, theirs] = [await organisation(), await organisation()];
    const { id, key } = await create(ours.token, { name: "ours" });
    await create(ours.token, { name: "ours too" });
    const { pagination } = await as(ours.token, "auth.apikeys.list", { limit: 1 });
    expect(await as(theirs.token, "auth.apikeys.list", {})).toMatchObject({ data: [] });
    await expect(as(theirs.token, "auth.apikeys.list", { cursor: pagination.cursor! })).rejects.toMatchObject({ type: "CURSOR_INVALID" });
    await expect(as(theirs.token, "auth.apikeys.revoke", { id })).rejects.toMatchObject({ type: "API_KEY_NOT_FOUND", code: 404 });
    await expect(verify(key)).resolves.toMatchObject({ principal: { tenantId: ours.tenantId } });
  });

  test("reaches nothing without a claim", async () => {
    for (const name of ["auth.apikeys.list", "auth.me", "auth.keys.rotate"] as const)
      await expect(call(broker, name, {})).rejects.toMatchObject(refused);
  });
});
