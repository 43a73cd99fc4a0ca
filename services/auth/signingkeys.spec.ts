import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, beforeEach, expect, test } from "@jest/globals";
import { decodeProtectedHeader } from "jose";
import type { Principal } from "../../config/permissions.ts";
import { ClaimVerifier } from "../../mixins/claim.ts";
import { Revocations } from "../../mixins/revocations.ts";
import type { Database } from "../../mixins/database.ts";
import { localKeyRing } from "../../mixins/vault/kms/local.ts";
import { testDatabase, type TestDatabase } from "../../test/database.ts";
import { Issuer } from "./issuer.ts";
import { activeSigningKey, publicKeys, rotateSigningKey } from "./signingkeys.ts";

const ring = localKeyRing(`one:${randomBytes(32).toString("base64")}`);
const somebody: Principal = {
  tenantId: "11111111-1111-4111-8111-111111111111",
  subject: "user:22222222-2222-4222-8222-222222222222",
  userId: "22222222-2222-4222-8222-222222222222",
  permissions: ["org:read"],
};
let database: TestDatabase;
let nodes: Database[];

beforeAll(async () => {
  database = await testDatabase();
  nodes = await Promise.all([database.open("auth"), database.open("auth"), database.open("auth")]);
});
afterAll(() => database.drop());
beforeEach(() => database.admin.query("delete from auth.signing_keys"));

const states = async () =>
  (await database.admin.query<{ state: string }>("select state from auth.signing_keys order by state")).rows.map((key) => key.state);

test("nodes that start at once make one active key and one next key", async () => {
  const found = await Promise.all([...nodes, ...nodes].map((db) => activeSigningKey(db, ring)));
  expect(new Set(found.map((key) => key.kid)).size).toBe(1);
  expect(await states()).toEqual(["active", "next"]);
});

test("the database refuses a second active key", async () => {
  await activeSigningKey(nodes[0]!, ring);
  await expect(database.admin.query("update auth.signing_keys set state = 'active'")).rejects.toThrow("signing_keys_one_active");
});

test("rotation hands signing to a key that verifiers knew before, and tokens of the old one stay valid", async () => {
  const db = nodes[0]!;
  const before = await new Issuer(db, ring).issue(somebody, 60);
  const known = await publicKeys(db);
  const verifier = new ClaimVerifier(
    "x".repeat(32),
    () => Promise.resolve(known),
    new Revocations(() => Promise.resolve({ at: 1, revocations: [] })),
  );
  const { active, retired } = await rotateSigningKey(db, ring);
  const after = await new Issuer(db, ring).issue(somebody, 60);
  expect([decodeProtectedHeader(before.token).kid, decodeProtectedHeader(after.token).kid]).toEqual([retired, active]);
  await expect(verifier.verify(before.token)).resolves.toEqual(somebody);
  await expect(verifier.verify(after.token)).resolves.toEqual(somebody);
  expect(await states()).toEqual(["active", "next", "retired"]);
});

test("rotations at the same time each hand on one key", async () => {
  await activeSigningKey(nodes[0]!, ring);
  const turns = await Promise.all(nodes.map((db) => rotateSigningKey(db, ring)));
  expect(new Set(turns.map((turn) => turn.active)).size).toBe(nodes.length);
  expect(await states()).toEqual(["active", "next", "retired", "retired", "retired"]);
});

test("what is published and stored holds no private key in clear", async () => {
  const { kid } = await activeSigningKey(nodes[0]!, ring);
  const published = await publicKeys(nodes[0]!);
  expect(published.map((key) => Object.keys(key).sort())).toEqual(Array(2).fill(["alg", "crv", "kid", "kty", "use", "x"]));
  const other = localKeyRing(`one:${randomBytes(32).toString("base64")}`);
  await expect(activeSigningKey(nodes[0]!, other)).rejects.toMatchObject({ type: "VAULT_KEY_UNUSABLE" });
  expect(published.some((key) => key.kid === kid)).toBe(true);
});

test("a tenant's transaction sees no signing key", async () => {
  await activeSigningKey(nodes[0]!, ring);
  const seen = await nodes[0]!.tenant(somebody.tenantId, (em) => em.execute<object[]>("select kid from auth.signing_keys"));
  expect(seen).toEqual([]);
});
