import { createHash, randomBytes, randomUUID } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { errors } from "../../config/errors.ts";
import { bulk, rows, type Database, type Em } from "../../mixins/database.ts";
import { contentId, makeDataKey, sealSmall, type KeyManager, type TenantKeys } from "../../mixins/vault/keys.ts";
import { awsKms } from "../../mixins/vault/kms/aws.ts";
import { localKeyRing } from "../../mixins/vault/kms/local.ts";
import { SMALL_CHUNK } from "../../mixins/vault/seal.ts";
import { openStore, type Store } from "../../mixins/vault/store.ts";
import { readWhole } from "../../mixins/vault/ticket.ts";
import { testDatabase, type TestDatabase } from "../../test/database.ts";
import { startKms } from "../../test/kms/aws.ts";
import { knownContent } from "./catalogue.ts";
import { startPack, type PackRecord } from "../../mixins/vault/pack.ts";
import { rekeyTenant, rewrapTenantKeys, tenantsWithOldKeys, type Rekeying } from "./rekey.ts";
import { listKeys, rotateTenantKey, shredTenant } from "./rotate.ts";
import { credentialsPurpose, sourcePurpose } from "./sealedplaces.ts";
import { holdTenantKey, TenantKeyring } from "./tenantkey.ts";
import { contentTickets } from "./tickets.ts";

const masterKey = (id: string) => `${id}:${createHash("sha256").update(id).digest("base64")}`;
const folder = mkdtempSync(join(tmpdir(), "legendo-rekey-"));
let postgres: TestDatabase;
let database: Database;
let store: Store;
const manager = localKeyRing(masterKey("one"));
/** A node that always looks. */
let keyring: TenantKeyring;

beforeAll(async () => {
  postgres = await testDatabase();
  database = await postgres.open("sync");
  store = await openStore({ url: pathToFileURL(folder).href, fsync: false });
  keyring = new TenantKeyring(database, manager, 0);
});
afterAll(async () => {
  await store?.close();
  await postgres?.drop();
  rmSync(folder, { recursive: true, force: true });
});

const sha256 = (bytes: Buffer) => createHash("sha256").update(bytes).digest();
const unusable = { type: "VAULT_KEY_UNUSABLE", retryable: false };

/** What a job does with a batch: seal it, and record it in one transaction. */
async function recordPack(em: Em, tenantId: string, pack: PackRecord): Promise<void> {
  await holdTenantKey(em, pack.tenantKeyId);
  await bulk(
    em,
    `insert into sync.packs (id, tenant_id, storage_key, chunk_size, plain_size, sealed_size, tenant_key_id, wrapped_key)
     values ($1::uuid, $2::uuid, $3, $4, $5, $6, $7::uuid, $8)`,
    [pack.id, tenantId, pack.storageKey, pack.chunkSize, pack.plainSize, pack.sealedSize, pack.tenantKeyId, pack.wrappedDataKey],
  );
}

async function seal(keys: TenantKeys, bytes: Buffer): Promise<PackRecord> {
  const pack = await startPack(store, keys, SMALL_CHUNK);
  await pack.add(bytes);
  return await pack.commit();
}

/** Stores some bytes as a content of their own. @returns its id, hexadecimal */
async function put(keys: TenantKeys, bytes: Buffer): Promise<string> {
  const id = contentId(keys, sha256(bytes));
  const pack = await seal(keys, bytes);
  await database.tenant(keys.tenantId, async (em) => {
    await recordPack(em, keys.tenantId, pack);
    await bulk(
      em,
      `insert into sync.blobs (tenant_id, content_id, part, pack_id, position, size, stored_size) values ($1::uuid, $2, 0, $3::uuid, 0, $4, $4)`,
      [keys.tenantId, `\\x${id}`, pack.id, bytes.length],
    );
  });
  return id;
}

const read = async (tenantId: string, id: string, keys: KeyManager = manager) => {
  const ticket = (await database.tenant(tenantId, (em) => contentTickets(em, tenantId, [id]))).get(id)!;
  return await readWhole(ticket, { keys, store }, 1e6);
};

const rotate = (tenantId: string) => rotateTenantKey(database, manager, tenantId, "spec", () => Promise.resolve("queued"));
const rekeying = (tenantId: string, more: Partial<Rekeying> = {}): Rekeying => ({
  database,
  keyring,
  commit: (work) => database.tenant(tenantId, work),
  settleMs: 0,
  ...more,
});
const rekey = (tenantId: string, more: Partial<Rekeying> = {}) => rekeyTenant(rekeying(tenantId, more), tenantId, null);
const keysOf = (tenantId: string) => database.tenant(tenantId, (em) => listKeys(em, tenantId));
const rowsOf = (tenantId: string, table: string) => database.tenant(tenantId, (em) => rows(em, `select * from sync.${table} order by id`));
const events = (tenantId: string) =>
  database.tenant(tenantId, (em) => rows<{ type: string; data: object }>(em, `select type, data from sync.events order by position`));
/** Every object in storage, with its bytes' hash. */
const objects = () =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => `${entry.name} ${sha256(readFileSync(join(entry.parentPath, entry.name))).toString("hex")}`)
    .sort();

describe("A rotated tenant key", () => {
  it("leaves everything readable, before, while and after all is brought under the new one, and contents keep their ids", async () => {
    const [tenant, other] = [randomUUID(), randomUUID()];
    const old = await keyring.of(tenant);
    const first = Buffer.from("sealed by the first key");
    const ids = [await put(old, first), await put(old, randomBytes(100_000))];
    const theirs = await put(await keyring.of(other), first);
    const untouched = [await rowsOf(other, "packs"), await rowsOf(other, "tenant_keys")];

    const { keyId, retired, queued } = await rotate(tenant);
    expect([retired, queued]).toEqual([old.keyId, "queued"]);
    const fresh = await keyring.of(tenant);
    expect(fresh.keyId).toBe(keyId);
    expect(contentId(fresh, sha256(first))).toBe(ids[0]);
    expect((await knownContent(database, tenant)([ids[0]!])).has(ids[0]!)).toBe(true);
    ids.push(await put(fresh, Buffer.from("sealed by the second key")));
    const before = await Promise.all(ids.map((id) => read(tenant, id)));
    const stored = objects();

    expect(await rekey(tenant)).toEqual({ packs: 2, secrets: 0, unusable: [], destroyed: [] });
    expect(await Promise.all(ids.map((id) => read(tenant, id)))).toEqual(before);
    expect(objects()).toEqual(stored);
    expect(await keysOf(tenant)).toMatchObject([
      { id: keyId, state: "current", packs: 3, masterKeyId: "one", retiredAt: null },
      { id: old.keyId, state: "retired", packs: 0 },
    ]);
    expect([await rowsOf(other, "packs"), await rowsOf(other, "tenant_keys")]).toEqual(untouched);
    expect((await read(other, theirs)).equals(first)).toBe(true);
    expect((await events(tenant)).filter(({ type }) => type === "vault.key.rotated")).toEqual([
      { type: "vault.key.rotated", data: { keyId } },
    ]);
  });

  it("is destroyed once nothing is under it and its time of grace is over; the next rotations keep all readable", async () => {
    const tenant = randomUUID();
    const old = await keyring.of(tenant);
    const id = await put(old, Buffer.from("lives long"));
    for (let rotation = 0; rotation < 3; rotation++) {
      await rotate(tenant);
      expect((await rekey(tenant, { graceMs: 0 }))!.destroyed).toHaveLength(1);
      expect(contentId(await keyring.of(tenant), sha256(Buffer.from("lives long")))).toBe(id);
      expect((await read(tenant, id)).toString()).toBe("lives long");
    }
    expect((await keysOf(tenant)).map(({ state }) => state)).toEqual(["current", "destroyed", "destroyed", "destroyed"]);
    const { rows: stored } = await postgres.admin.query<object>(`select wrapped_key, sealed_identity from sync.tenant_keys where id = $1`, [
      old.keyId,
    ]);
    expect(stored).toEqual([{ wrapped_key: Buffer.alloc(0), sealed_identity: null }]);
    await expect(keyring.of(tenant, old.keyId)).rejects.toMatchObject(unusable);
  });

  it("takes sources and places of jobs along, and leaves what no key opens", async () => {
    const tenant = randomUUID();
    const old = await keyring.of(tenant);
    const ids = { source: randomUUID(), job: randomUUID(), lost: randomUUID() };
    const spec = Buffer.from('{"kind":"sftp"}');
    await database.tenant(tenant, async (em) => {
      const source = `insert into sync.sources (id, tenant_id, kind, uri, sealed_spec) values ($1::uuid, $2::uuid, 'sftp', $3, $4)`;
      await bulk(em, source, [ids.source, tenant, "sftp://a", sealSmall(old, sourcePurpose(ids.source), spec)]);
      await bulk(em, source, [ids.lost, tenant, "sftp://b", randomBytes(60)]);
      const job = `insert into sync.sync_jobs (id, tenant_id, input, options, sealed_credentials) values ($1::uuid, $2::uuid, 'x', '{}', $3)`;
      await bulk(em, job, [ids.job, tenant, sealSmall(old, credentialsPurpose(ids.job), spec)]);
    });
    const opened = async (table: string, column: string, id: string, purpose: string) => {
      const [found] = await database.tenant(tenant, (em) =>
        rows<{ sealed: Buffer }>(em, `select ${column} as sealed from sync.${table} where id = ?`, [id]),
      );
      return (await keyring.openSecret(tenant, purpose, found!.sealed)).toString();
    };
    const both = () =>
      Promise.all([
        opened("sources", "sealed_spec", ids.source, sourcePurpose(ids.source)),
        opened("sync_jobs", "sealed_credentials", ids.job, credentialsPurpose(ids.job)),
      ]);
    await rotate(tenant);
    expect(await both()).toEqual([spec.toString(), spec.toString()]);
    expect(await rekey(tenant, { graceMs: 0 })).toEqual({ packs: 0, secrets: 2, unusable: [], destroyed: [old.keyId] });
    expect(await both()).toEqual([spec.toString(), spec.toString()]);
    expect(await rekey(tenant)).toMatchObject({ secrets: 0 });
  });

  it("is rotated once when two ask at the same moment", async () => {
    const tenant = randomUUID();
    await keyring.of(tenant);
    const outcomes = await Promise.allSettled([rotate(tenant), rotate(tenant)]);
    const states = (await keysOf(tenant)).map(({ state }) => state);
    expect(states.filter((state) => state === "current")).toHaveLength(1);
    expect(outcomes.filter(({ status }) => status === "fulfilled").length).toBe(states.length - 1);
    for (const outcome of outcomes) if (outcome.status === "rejected") expect(outcome.reason).toMatchObject({ type: "CONFLICT" });
  });

  it("can't be rotated before there is one", async () => {
    await expect(rotate(randomUUID())).rejects.toMatchObject({ type: "CONFLICT" });
  });
});

describe("Nodes that look only now and then", () => {
  it("go on sealing by the old key until every one of them knows the new one, so nobody meets a key he does not know", async () => {
    const tenant = randomUUID();
    const nodes = [new TenantKeyring(database, manager, 600), new TenantKeyring(database, manager, 600)] as const;
    const old = await nodes[0].of(tenant);
    await postgres.admin.query(`update sync.tenant_keys set created_at = now() - interval '1 day' where tenant_id = $1`, [tenant]);
    const late = new TenantKeyring(database, manager, 600);
    await late.of(tenant);
    const { keyId } = await rotate(tenant);
    const used = new Set<string>();
    for (const until = Date.now() + 1_500; Date.now() < until; await sleep(50)) {
      for (const sealing of [...nodes, late]) {
        const keys = await sealing.of(tenant);
        used.add(keys.keyId);
        const sealed = sealSmall(keys, "note", Buffer.from("x"));
        for (const opening of [...nodes, late]) expect((await opening.openSecret(tenant, "note", sealed)).toString()).toBe("x");
      }
    }
    expect([...used]).toEqual([old.keyId, keyId]);
  });

  it("are waited for before anything is brought under the new key", async () => {
    const tenant = randomUUID();
    await put(await keyring.of(tenant), Buffer.from("waits"));
    await rotate(tenant);
    const began = Date.now();
    let asked = 0;
    expect(await rekey(tenant, { settleMs: 60_000, leave: () => Promise.resolve(++asked > 1) })).toBeUndefined();
    expect(await rekey(tenant, { settleMs: 400 })).toMatchObject({ packs: 1 });
    expect(Date.now() - began).toBeGreaterThan(390);
  });
});

describe("Bringing a vault under its new key", () => {
  /** Packs of nothing: the catalogue alone. */
  async function manyPacks(keys: TenantKeys, count: number) {
    const packs = Array.from({ length: count }, () => {
      const id = randomUUID();
      return { id, wrapped: makeDataKey(keys, id).wrapped.toString("hex") };
    });
    await database.tenant(keys.tenantId, (em) =>
      bulk(
        em,
        `insert into sync.packs (id, tenant_id, storage_key, chunk_size, plain_size, sealed_size, tenant_key_id, wrapped_key)
         select id, $1::uuid, id::text, 65536, 0, 0, $2::uuid, decode(wrapped, 'hex') from json_to_recordset($3::json) as p(id uuid, wrapped text)`,
        [keys.tenantId, keys.keyId, JSON.stringify(packs)],
      ),
    );
    return packs;
  }

  it("goes on where it was cut off, also when another rotation came between", async () => {
    const tenant = randomUUID();
    await manyPacks(await keyring.of(tenant), 1_200);
    const id = await put(await keyring.of(tenant), Buffer.from("real"));
    await rotate(tenant);
    let steps = 0;
    const dying = rekeyTenant(rekeying(tenant), tenant, null, () => {
      if (++steps === 2) throw new Error("the node dies");
      return Promise.resolve();
    });
    await expect(dying).rejects.toThrow("the node dies");
    expect((await keysOf(tenant)).map(({ packs }) => packs)).toEqual([500, 701]);
    await rotate(tenant);
    const told: number[] = [];
    const done = await rekeyTenant(rekeying(tenant, { graceMs: 0 }), tenant, { packs: 500, secrets: 0, unusable: [] }, (_em, { packs }) => {
      told.push(packs);
      return Promise.resolve();
    });
    expect(told).toEqual([1_000, 1_500, 1_701]);
    expect(done).toMatchObject({ packs: 1_701, unusable: [], destroyed: [expect.any(String), expect.any(String)] });
    expect((await keysOf(tenant)).map(({ packs, state }) => [packs, state])).toEqual([
      [1_201, "current"],
      [0, "destroyed"],
      [0, "destroyed"],
    ]);
    expect((await read(tenant, id)).toString()).toBe("real");
  });

  it("names packs whose key is damaged, does all others, and keeps the old key for them", async () => {
    const tenant = randomUUID();
    const old = await keyring.of(tenant);
    const [bad] = await manyPacks(old, 3);
    await postgres.admin.query(`update sync.packs set wrapped_key = 'nonsense' where id = $1`, [bad!.id]);
    await rotate(tenant);
    expect(await rekey(tenant, { graceMs: 0 })).toEqual({ packs: 2, secrets: 0, unusable: [bad!.id], destroyed: [] });
    expect(await keysOf(tenant)).toMatchObject([{ packs: 2 }, { state: "retired", packs: 1 }]);
  });

  it("never destroys a key that somebody records a pack by at this moment, and takes that pack along the next time", async () => {
    const tenant = randomUUID();
    const old = await keyring.of(tenant);
    const pack = await seal(old, Buffer.from("late"));
    await rotate(tenant);
    let release = () => {};
    let recorded = () => {};
    const begun = new Promise<void>((resolve) => (recorded = resolve));
    const recording = database.tenant(tenant, async (em) => {
      await recordPack(em, tenant, pack);
      recorded();
      await new Promise<void>((resolve) => (release = resolve));
    });
    await Promise.race([begun, recording]);
    const done = rekey(tenant, { graceMs: 0 });
    await sleep(300);
    release();
    await recording;
    expect((await done)!.destroyed).toEqual([]);
    expect(await database.system(tenantsWithOldKeys)).not.toContain(tenant);
    await postgres.admin.query(`update sync.tenant_keys set retired_at = now() - interval '9 days' where id = $1`, [old.keyId]);
    expect(await database.system(tenantsWithOldKeys)).toContain(tenant);
    expect(await rekey(tenant)).toMatchObject({ packs: 1, destroyed: [old.keyId] });
    await expect(
      database.tenant(tenant, async (em) => recordPack(em, tenant, await seal(old, Buffer.from("too late")))),
    ).rejects.toMatchObject(unusable);
  });
});

describe("A new master key", () => {
  it("wraps all tenants' keys anew, while they are used, and from one key manager to another; then the old one may go", async () => {
    const kms = await startKms();
    try {
      const tenants = Array.from({ length: 130 }, () => randomUUID());
      for (const tenant of tenants) await keyring.of(tenant);
      await rotate(tenants[0]!);
      const id = await put(await keyring.of(tenants[0]!), Buffer.from("still here"));
      const distant = awsKms({ key: kms.addKey(), endpoint: kms.endpoint, credentials: kms.credentials });
      const moving: KeyManager = {
        current: distant.current,
        wrap: (...of) => distant.wrap(...of),
        unwrap: (...of) => manager.unwrap(...of),
      };

      // The key manager goes away after some: what is done stays done.
      let wraps = 0;
      const failing: KeyManager = {
        ...moving,
        wrap: (...of) => (++wraps > 110 ? Promise.reject(errors.vaultUnreachable("away")) : moving.wrap(...of)),
      };
      await expect(rewrapTenantKeys(database, failing)).rejects.toMatchObject({ type: "VAULT_UNREACHABLE" });
      const count = async () =>
        (
          await postgres.admin.query<{ n: number }>(`select count(*)::int as n from sync.tenant_keys where master_key_id = $1`, [
            distant.current,
          ])
        ).rows[0]!.n;
      expect(await count()).toBe(110);
      for (let after: string | null = ""; after !== null;) {
        const done = await rewrapTenantKeys(database, moving, after ? { after } : {});
        expect(done.failed).toEqual([]);
        after = done.next;
      }
      const moved = new TenantKeyring(database, distant, 0);
      for (const tenant of tenants) await moved.all(tenant);
      expect((await read(tenants[0]!, id, distant)).toString()).toBe("still here");
      // Under the one that wraps by now there is nothing left to do, unless all is asked for.
      expect(await rewrapTenantKeys(database, { ...distant })).toEqual({ rewrapped: 0, failed: [], next: null });

      const third = localKeyRing(masterKey("three"));
      const back: KeyManager = { current: third.current, wrap: (...of) => third.wrap(...of), unwrap: (...of) => distant.unwrap(...of) };
      for (let after: string | null = ""; after !== null;) after = (await rewrapTenantKeys(database, back, after ? { after } : {})).next;
      await new TenantKeyring(database, third, 0).all(tenants[7]!);
      const home = localKeyRing(`${masterKey("one")},${masterKey("three")}`);
      for (let after: string | null = ""; after !== null;) after = (await rewrapTenantKeys(database, home, after ? { after } : {})).next;
      await keyring.of(tenants[7]!);
    } finally {
      await kms.close();
    }
  });

  it("leaves what it can't open, and says of what", async () => {
    const tenant = randomUUID();
    const lost = new TenantKeyring(database, localKeyRing(masterKey("lost")), 0);
    const { keyId } = await lost.of(tenant);
    const ring = localKeyRing(`${masterKey("two")},${masterKey("one")}`);
    const { failed } = await rewrapTenantKeys(database, ring);
    expect(failed).toEqual([{ id: keyId, masterKeyId: "lost", message: expect.stringContaining('"lost"') }]);
    await lost.of(tenant);
    for (let after: string | null = ""; after !== null;)
      after = (await rewrapTenantKeys(database, localKeyRing(`${masterKey("one")},${masterKey("two")}`), after ? { after } : {})).next;
  });
});

describe("A shredded vault", () => {
  it("can't be read or added to by anybody any more, and says so; other organisations notice nothing", async () => {
    const [tenant, other] = [randomUUID(), randomUUID()];
    const keys = await keyring.of(tenant);
    const id = await put(keys, Buffer.from("secret"));
    await rotate(tenant);
    const theirs = await put(await keyring.of(other), Buffer.from("theirs"));

    expect(await shredTenant(database, tenant, "operator")).toEqual({ keys: 2 });
    const shredded = { ...unusable, message: expect.stringContaining("shredded") };
    await expect(keyring.of(tenant)).rejects.toMatchObject(shredded);
    await expect(keyring.all(tenant)).rejects.toMatchObject(shredded);
    await expect(read(tenant, id)).rejects.toMatchObject(shredded);
    await expect(rotate(tenant)).rejects.toMatchObject(shredded);
    await expect(rekey(tenant)).rejects.toMatchObject(shredded);
    // A job that has its key in hand from before.
    const pack = await seal(keys, Buffer.from("more"));
    await expect(database.tenant(tenant, (em) => recordPack(em, tenant, pack))).rejects.toMatchObject(shredded);

    expect((await keysOf(tenant)).map(({ state }) => state)).toEqual(["destroyed", "destroyed"]);
    const kept = await postgres.admin.query<object>(`select wrapped_key, sealed_identity from sync.tenant_keys where tenant_id = $1`, [
      tenant,
    ]);
    expect(kept.rows).toEqual(Array(2).fill({ wrapped_key: Buffer.alloc(0), sealed_identity: null }));
    expect((await events(tenant)).at(-1)).toEqual({ type: "vault.shredded", data: { keys: 2 } });
    expect(await shredTenant(database, tenant, "operator")).toEqual({ keys: 0 });
    expect((await read(other, theirs)).toString()).toBe("theirs");
  });

  it("is forgotten by other nodes when they look again", async () => {
    const tenant = randomUUID();
    const node = new TenantKeyring(database, manager, 400);
    await node.of(tenant);
    await shredTenant(database, tenant, "operator");
    await node.of(tenant);
    await sleep(450);
    await expect(node.of(tenant)).rejects.toMatchObject(unusable);
  });

  it("never gets a key again, also not from a node that was about to make the first one", async () => {
    const tenant = randomUUID();
    const slow: KeyManager = {
      ...manager,
      async wrap(...of) {
        await keyring.of(tenant);
        await shredTenant(database, tenant, "operator");
        return await manager.wrap(...of);
      },
    };
    await expect(new TenantKeyring(database, slow, 0).of(tenant)).rejects.toMatchObject(unusable);
    expect((await keysOf(tenant)).map(({ state }) => state)).toEqual(["destroyed"]);
  });

  it("needs a vault", async () => {
    await expect(shredTenant(database, randomUUID(), "operator")).rejects.toMatchObject({ type: "NOT_FOUND" });
  });
});

describe("A tenant's first key", () => {
  it("is one and the same for nodes that need it at the same time", async () => {
    const tenant = randomUUID();
    const nodes = Array.from({ length: 6 }, () => new TenantKeyring(database, manager));
    const ids = await Promise.all(nodes.map(async (node) => (await node.of(tenant)).keyId));
    expect(new Set(ids).size).toBe(1);
  });

  it("opens for its own tenant alone", async () => {
    const [tenant, other] = [randomUUID(), randomUUID()];
    const { keyId } = await keyring.of(tenant);
    await keyring.of(other);
    await expect(keyring.of(other, keyId)).rejects.toMatchObject(unusable);
  });
});
