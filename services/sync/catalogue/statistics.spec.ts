import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { randomBytes, randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { Database } from "../../../mixins/database.ts";
import { makeTenantKey, maskChecksum, openTenantKey, type TenantKeys } from "../../../mixins/vault/keys.ts";
import { localKeyRing } from "../../../mixins/vault/kms/local.ts";
import { generate } from "../../../test/catalogue.ts";
import { testDatabase, type TestDatabase } from "../../../test/database.ts";
import { Remembered } from "./remembered.ts";
import { statistics } from "./statistics.ts";
import { versionsOf } from "./versions.ts";

const tenantId = randomUUID();
const first = { tenantId, sourceId: randomUUID(), uri: "file:///first", from: 1, to: 2_000 };
const second = { tenantId, sourceId: randomUUID(), uri: "file:///second", from: 5_001, to: 5_100 };
const foreign = { tenantId: randomUUID(), sourceId: randomUUID(), uri: "file:///first", from: 10_001, to: 10_500 };

let database: TestDatabase;
let db: Database;
beforeAll(async () => {
  database = await testDatabase();
  for (const source of [first, second, foreign]) await generate(database.admin, source, randomUUID());
  db = await database.open("sync");
});
afterAll(() => database.drop());

describe("Statistics", () => {
  it("add up a tenant's own assets by source, category and media type, gone ones apart", async () => {
    const { rows } = await database.admin.query<{ assets: number; bytes: number; gone: number; videos: number }>(
      `select count(*) filter (where gone_at is null)::int as assets, (sum(size) filter (where gone_at is null))::float8 as bytes,
              count(*) filter (where gone_at is not null)::int as gone, count(*) filter (where category = 'video' and gone_at is null)::int as videos
       from sync.assets where tenant_id = $1`,
      [tenantId],
    );
    const { assets, bytes, gone, videos } = rows[0]!;
    const found = await db.tenant(tenantId, (em) => statistics(em, tenantId));
    expect(found).toMatchObject({ assets, bytes, gone: { assets: gone } });
    expect(found.bySource.map(({ source, assets }) => [source, assets])).toEqual([
      ["file:///first", assets - 100],
      ["file:///second", 100],
    ]);
    expect(found.byCategory.find(({ category }) => category === "video")).toMatchObject({ assets: videos });
    expect(found.byMediaType.reduce((sum, { bytes }) => sum + bytes, 0)).toBe(bytes);
  });
});

describe("What is remembered", () => {
  it("is worked out once for all who ask at a time, and kept per key", async () => {
    const asked: string[] = [];
    const remembered = new Remembered(async (key) => {
      asked.push(key);
      await sleep(20);
      return { at: new Date().toISOString(), key };
    });
    const answers = await Promise.all([remembered.of("a"), remembered.of("a"), remembered.of("b")]);
    expect(answers.map(({ key }) => key)).toEqual(["a", "a", "b"]);
    await remembered.of("a");
    expect(asked).toEqual(["a", "b"]);
  });

  it("is not kept when it fails", async () => {
    let fails = true;
    const remembered = new Remembered(() =>
      fails ? Promise.reject(new Error("away")) : Promise.resolve({ at: new Date().toISOString() }),
    );
    await expect(remembered.of("a")).rejects.toThrow("away");
    fails = false;
    await expect(remembered.of("a")).resolves.toBeDefined();
  });
});

describe("Versions", () => {
  const secret = "s".repeat(32);
  const keyring = localKeyRing(`k1:${randomBytes(32).toString("base64")}`);
  let keys: TenantKeys;
  beforeAll(async () => {
    keys = await openTenantKey(keyring, tenantId, await makeTenantKey(keyring, tenantId));
  });

  it("are told by pages, newest first, each with its change, place and checksum", async () => {
    const { rows } = await database.admin.query<{ id: string; content_id: Buffer }>(
      `select id, content_id from sync.assets where tenant_id = $1 and gone_at is not null limit 1`,
      [tenantId],
    );
    const { id, content_id } = rows[0]!;
    const sha256 = randomBytes(32);
    await database.admin.query("update sync.asset_versions set masked_checksum = $2 where asset_id = $1", [
      id,
      Buffer.from(maskChecksum(keys, content_id.toString("hex"), sha256), "hex"),
    ]);
    const page = (cursor?: string) => db.tenant(tenantId, (em) => versionsOf(em, secret, keys, { id, limit: 1, cursor }));
    const newest = await page();
    expect(newest).toMatchObject({ data: [{ version: 2, change: "gone", sha256: sha256.toString("hex") }], pagination: { hasNext: true } });
    const oldest = await page(newest.pagination.cursor!);
    expect(oldest).toMatchObject({
      data: [{ version: 1, change: "stored", path: newest.data[0]!.path }],
      pagination: { hasNext: false, cursor: null },
    });
    await expect(
      db.tenant(foreign.tenantId, (em) => versionsOf(em, secret, { ...keys, tenantId: foreign.tenantId }, { id, limit: 1 })),
    ).rejects.toMatchObject({
      type: "ASSET_NOT_FOUND",
    });
  });
});
