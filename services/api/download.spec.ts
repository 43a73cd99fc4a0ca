import { randomBytes, randomUUID } from "node:crypto";
import { readdir, readFile, readlink, rm, writeFile } from "node:fs/promises";
import { get } from "node:http";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import type { Context, ServiceSchema } from "moleculer";
import Type from "typebox";
import { caller, strict, uuid } from "../../config/action.ts";
import type { Meta } from "../../config/permissions.ts";
import { errors } from "../../config/errors.ts";
import { makeDataKey, makeTenantKey, openTenantKey } from "../../mixins/vault/keys.ts";
import { localKeyRing } from "../../mixins/vault/kms/local.ts";
import { Sealer, SMALL_CHUNK } from "../../mixins/vault/seal.ts";
import { openStore, storageKey } from "../../mixins/vault/store.ts";
import { testEdge, until, type TestEdge } from "../../test/edge.ts";
import { disposition } from "./download.ts";
import { rangeOf } from "./range.ts";

const tenant = "11111111-1111-4111-8111-111111111111";
const theirs = "22222222-2222-4222-8222-222222222222";
const masterKeys = `k:${randomBytes(32).toString("base64")}`;
const bytes = randomBytes(3_000_000);
const modifiedAt = "2024-02-03T04:05:06.789Z";
const ids = { whole: randomUUID(), empty: randomUUID(), damaged: randomUUID(), damagedLater: randomUUID(), missing: randomUUID() };

let world: TestEdge;
let token: string;
const tickets = new Map<string, object>();

const behind = (): ServiceSchema[] => [
  {
    name: "sync.assets",
    actions: {
      ticket: {
        description: "Gives tickets of the assets that the suite has sealed.",
        permission: "assets:read",
        params: strict({ id: uuid("The asset."), version: Type.Optional(Type.Integer({ minimum: 1 })) }),
        handler(ctx: Context<{ id: string; version?: number }, Meta>) {
          const found = tickets.get(ctx.params.id);
          if (!found || caller(ctx).tenantId !== tenant || (ctx.params.version ?? 1) !== 1)
            throw errors.assetNotFound("There is no such asset.");
          return found;
        },
      },
    },
  } as unknown as ServiceSchema,
];

/** Seals one asset as a pack of its own and keeps its ticket. @returns the pack's file */
async function seal(id: string, plain: Buffer): Promise<string> {
  const keys = localKeyRing(masterKeys);
  const record = await makeTenantKey(keys, tenant);
  const packId = randomUUID();
  const { dataKey, wrapped } = makeDataKey(await openTenantKey(keys, tenant, record), packId);
  const sealer = new Sealer(dataKey, { packId, chunkSize: SMALL_CHUNK });
  const store = await openStore({ url: world.vaultUrl, fsync: false });
  const upload = await store.create(storageKey(tenant, packId));
  await upload.write(sealer.update(plain));
  await upload.write(sealer.final());
  await upload.commit();
  tickets.set(id, {
    assetId: id,
    name: 'Übersicht "Q3" 画像.png',
    mediaType: "image/png",
    version: 1,
    size: plain.length,
    contentId: "c0ffee",
    modifiedAt,
    ticket: {
      tenantId: tenant,
      keys: [{ keyId: record.keyId, masterKeyId: record.masterKeyId, wrapped: record.wrapped.toString("base64") }],
      length: plain.length,
      from: 0,
      extents: [
        {
          packId,
          chunkSize: SMALL_CHUNK,
          plainSize: plain.length,
          tenantKeyId: record.keyId,
          wrappedDataKey: wrapped.toString("base64"),
          offset: 0,
          stored: plain.length,
          length: plain.length,
          encoding: 0,
        },
      ],
    },
  });
  return join(fileURLToPath(world.vaultUrl), storageKey(tenant, packId));
}

async function damage(file: string, at: number): Promise<void> {
  const sealed = await readFile(file);
  sealed[at]! ^= 1;
  await writeFile(file, sealed);
}

const content = (id: string, headers: Record<string, string> = {}, method = "GET", query = "") =>
  fetch(`${world.url}/api/v1/assets/${id}/content${query}`, { method, headers: { authorization: `Bearer ${token}`, ...headers } });
const body = async (response: Response) => Buffer.from(await response.arrayBuffer());

beforeAll(async () => {
  world = await testEdge(behind, { MASTER_KEYS: masterKeys, LOG_LEVEL: "fatal" });
  token = await world.claim(tenant, ["assets:read"]);
  await world.edge.waitForServices("sync.assets");
  await seal(ids.whole, bytes);
  await seal(ids.empty, Buffer.alloc(0));
  await damage(await seal(ids.damaged, bytes), 100);
  await damage(await seal(ids.damagedLater, bytes), 2_900_000);
  await rm(await seal(ids.missing, bytes));
});
afterAll(async () => await world.stop());

describe("an asset's content", () => {
  it("comes decrypted and whole, as an attachment under its own name", async () => {
    const response = await content(ids.whole);
    expect(response.status).toBe(200);
    expect(Object.fromEntries(response.headers)).toMatchObject({
      "content-type": "image/png",
      "content-length": "3000000",
      "accept-ranges": "bytes",
      etag: '"c0ffee"',
      "last-modified": "Sat, 03 Feb 2024 04:05:06 GMT",
      "cache-control": "private, no-cache",
      "x-content-type-options": "nosniff",
      "content-disposition": `attachment; filename="Ubersicht _Q3_ __.png"; filename*=UTF-8''%C3%9Cbersicht%20%22Q3%22%20%E7%94%BB%E5%83%8F.png`,
    });
    expect((await body(response)).equals(bytes)).toBe(true);
  });

  it.each([
    ["bytes=0-0", 0, 1],
    ["bytes=0-99", 0, 100],
    ["bytes=65530-65545", 65_530, 65_546],
    ["bytes=2999999-", 2_999_999, 3_000_000],
    ["bytes=100-9999999", 100, 3_000_000],
    ["bytes=-7", 2_999_993, 3_000_000],
    ["bytes=-9999999", 0, 3_000_000],
  ])("is read in part: %s", async (range, start, end) => {
    const response = await content(ids.whole, { range });
    expect([response.status, response.headers.get("content-range")]).toEqual([206, `bytes ${start}-${end - 1}/3000000`]);
    expect((await body(response)).equals(bytes.subarray(start, end))).toBe(true);
  });

  it.each(["bytes=3000000-", "bytes=4000000-5000000", "bytes=-0"])("refuses a range that lies outside: %s", async (range) => {
    const response = await content(ids.whole, { range });
    expect([response.status, response.headers.get("content-range")]).toEqual([416, "bytes */3000000"]);
    expect(await response.json()).toMatchObject({ code: "RANGE_NOT_SATISFIABLE", size: 3_000_000 });
  });

  it.each(["bytes=5-3", "bytes=a-b", "lines=0-1", "bytes=0-1,5-6", "bytes=-"])(
    "comes whole for a range that a server may ignore: %s",
    async (range) => {
      const response = await content(ids.whole, { range });
      expect(response.status).toBe(200);
      await response.body?.cancel();
    },
  );

  it("honours conditions: unchanged is 304, and a Range counts only for the representation it was meant for", async () => {
    expect((await content(ids.whole, { "if-none-match": '"x", "c0ffee"' })).status).toBe(304);
    expect((await content(ids.whole, { "if-none-match": "*" })).status).toBe(304);
    expect((await content(ids.whole, { "if-modified-since": "Sat, 03 Feb 2024 04:05:06 GMT" })).status).toBe(304);
    const ranged = async (ifRange: string) => {
      const response = await content(ids.whole, { range: "bytes=0-9", "if-range": ifRange });
      await response.body?.cancel();
      return response.status;
    };
    expect(await ranged('"c0ffee"')).toBe(206);
    expect(await ranged("Sat, 03 Feb 2024 04:05:06 GMT")).toBe(206);
    expect(await ranged('"other"')).toBe(200);
    expect(await ranged('W/"c0ffee"')).toBe(200);
  });

  it("answers HEAD with the same headers and no body, and never touches the vault for it", async () => {
    for (const id of [ids.whole, ids.missing]) {
      const response = await content(id, { range: "bytes=0-9" }, "HEAD");
      expect([response.status, response.headers.get("content-length")]).toEqual([200, "3000000"]);
    }
  });

  it("may be empty", async () => {
    const response = await content(ids.empty);
    expect([response.status, response.headers.get("content-length"), (await body(response)).length]).toEqual([200, "0", 0]);
    expect((await content(ids.empty, { range: "bytes=0-" })).status).toBe(416);
  });

  it("is 404 for other versions, other assets and other organisations, 422 for ids that are none, 403 without permission", async () => {
    expect((await content(ids.whole, {}, "HEAD", "?version=2")).status).toBe(404);
    expect((await content(randomUUID())).status).toBe(404);
    const stranger = await world.claim(theirs, ["assets:read"]);
    expect((await content(ids.whole, { authorization: `Bearer ${stranger}` })).status).toBe(404);
    expect((await content("abc")).status).toBe(422);
    expect((await content(ids.whole, {}, "GET", "?version=0")).status).toBe(422);
    const weak = await world.claim(tenant, ["sync:read"]);
    expect((await content(ids.whole, { authorization: `Bearer ${weak}` })).status).toBe(403);
  });
});

describe("damage in the vault", () => {
  it("at the begin gives a problem instead of a status line that promises content", async () => {
    for (const [id, code] of [
      [ids.damaged, "VAULT_DAMAGED"],
      [ids.missing, "VAULT_OBJECT_MISSING"],
    ] as const) {
      const response = await content(id);
      expect([response.status, response.headers.get("etag"), response.headers.get("content-disposition")]).toEqual([500, null, null]);
      const text = await response.text();
      expect(JSON.parse(text)).toMatchObject({ code });
      expect(text).not.toContain(tenant);
    }
  });

  it("further on cuts the connection: half a file never looks whole", async () => {
    const response = await content(ids.damagedLater);
    expect(response.status).toBe(200);
    await expect(body(response)).rejects.toThrow();
    const sound = await content(ids.damagedLater, { range: "bytes=0-99" });
    expect((await body(sound)).equals(bytes.subarray(0, 100))).toBe(true);
  });
});

/** Files of the vault that this process holds open; Linux tells, elsewhere none are seen. */
async function openPacks(): Promise<number> {
  const handles = await readdir("/proc/self/fd").catch(() => []);
  const targets = await Promise.all(handles.map((handle) => readlink(`/proc/self/fd/${handle}`).catch(() => "")));
  return targets.filter((target) => target.startsWith(fileURLToPath(world.vaultUrl))).length;
}

describe("a client that leaves", () => {
  it("lets the reading end and the edge go on", async () => {
    await Promise.all(
      Array.from({ length: 20 }, async () => {
        const { promise, resolve } = Promise.withResolvers<void>();
        const url = `${world.url}/api/v1/assets/${ids.whole}/content`;
        const request = get(url, { headers: { authorization: `Bearer ${token}` } }, (response) => {
          response.once("data", () => request.destroy());
          response.on("error", () => {}).on("close", resolve);
        });
        request.on("error", () => {});
        await promise;
      }),
    );
    await until(async () => (await openPacks()) === 0, "the packs to be closed");
    expect((await content(ids.whole, { range: "bytes=0-0" })).status).toBe(206);
  });
});

describe("Content-Disposition", () => {
  it("keeps control characters, quotes and lone surrogates out of the header", () => {
    expect(disposition('a\r\nSet-Cookie: x="1"\u0000\ud800.txt')).toBe(
      `attachment; filename="a__Set-Cookie: x=_1___.txt"; filename*=UTF-8''a__Set-Cookie%3A%20x%3D%221%22_%EF%BF%BD.txt`,
    );
  });
});

describe("a range", () => {
  it("of nothing is never satisfiable", () => {
    expect(rangeOf("bytes=0-", 0)).toBe("unsatisfiable");
    expect(rangeOf("bytes=-5", 0)).toBe("unsatisfiable");
    expect(rangeOf(undefined, 0)).toBe("whole");
  });
});
