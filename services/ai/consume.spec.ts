import { createHash, randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { contentId, makeDataKey, makeTenantKey, openTenantKey, type TenantKeyRecord } from "../../mixins/vault/keys.ts";
import { localKeyRing } from "../../mixins/vault/kms/local.ts";
import { Sealer, SMALL_CHUNK } from "../../mixins/vault/seal.ts";
import { openStore, storageKey } from "../../mixins/vault/store.ts";
import type { Vault, WrappedTenantKey } from "../../mixins/vault/ticket.ts";
import type { DomainEvent, EventMap } from "../../config/events.ts";
import { EventConsumer } from "../../mixins/consumer.ts";
import { rows, type Database } from "../../mixins/database.ts";
import { testDatabase, type TestDatabase } from "../../test/database.ts";
import { sample } from "../../test/samples.ts";
import { openThumbnail, type AssetTicket } from "./batch.ts";
import { analysisOf, duplicates, thumbnailOf } from "./catalogue.ts";
import { analysing } from "./consume.ts";
import { resealing } from "./reseal.ts";
import { AnalysisThreads } from "./threads.ts";

let folder: string;
let postgres: TestDatabase;
let db: Database;
let vault: Vault;
let threads: AnalysisThreads;
let consumer: EventConsumer;
let resealer: EventConsumer;
/** What the sync service would answer, by tenant and asset. */
const stored = new Map<string, AssetTicket>();
/** A tenant's wrapped keys, the current one first. */
const tenantKeys = new Map<string, WrappedTenantKey[]>();

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "legendo-ai-"));
  postgres = await testDatabase();
  db = await postgres.open("ai");
  vault = {
    keys: localKeyRing(`test:${Buffer.alloc(32, 7).toString("base64")}`),
    store: await openStore({ url: pathToFileURL(join(folder, "vault")).href, fsync: false }),
  };
  threads = new AnalysisThreads({ threads: 1 });
  const tickets = (tenantId: string, ids: string[]) => Promise.resolve(ids.flatMap((id) => stored.get(`${tenantId} ${id}`) ?? []));
  const log = { info() {}, warn() {}, error() {}, debug() {} };
  const keys = (tenantId: string) => Promise.resolve(tenantKeys.get(tenantId) ?? []);
  consumer = new EventConsumer(db, analysing(db, { vault, threads, tickets, keys }), log);
  resealer = new EventConsumer(db, resealing(db, vault, keys), log);
});

afterAll(async () => {
  await threads?.close();
  await vault?.store.close();
  await postgres?.drop();
  await rm(folder, { recursive: true, force: true });
});

/** A tenant with its key, as the sync service keeps it. */
async function tenant() {
  const tenantId = randomUUID();
  const record = await makeTenantKey(vault.keys, tenantId);
  const keys = await openTenantKey(vault.keys, tenantId, record);
  const travelling = ({ keyId, masterKeyId, wrapped }: TenantKeyRecord) => ({ keyId, masterKeyId, wrapped: wrapped.toString("base64") });
  tenantKeys.set(tenantId, [travelling(record)]);
  /** Gives the tenant a new key. Tickets written before know nothing of it. */
  const rotate = async () => {
    const next = travelling(await makeTenantKey(vault.keys, tenantId, keys));
    tenantKeys.set(tenantId, [next, ...tenantKeys.get(tenantId)!]);
    return next;
  };
  /** Stores contents as assets of one sealed pack. */
  const store = async (files: Record<string, Uint8Array>, ids: Record<string, string> = {}) => {
    const packId = randomUUID();
    const { dataKey, wrapped } = makeDataKey(keys, packId);
    const sealer = new Sealer(dataKey, { packId, chunkSize: SMALL_CHUNK });
    const upload = await vault.store.create(storageKey(tenantId, packId));
    const assets: AssetTicket[] = [];
    let offset = 0;
    for (const [name, bytes] of Object.entries(files)) {
      await upload.write(sealer.update(bytes));
      const ticket = {
        tenantId,
        keys: [travelling(record)],
        length: bytes.length,
        from: 0,
        extents: [
          {
            packId,
            chunkSize: SMALL_CHUNK,
            plainSize: 0,
            tenantKeyId: record.keyId,
            wrappedDataKey: wrapped.toString("base64"),
            offset,
            stored: bytes.length,
            length: bytes.length,
            encoding: 0 as const,
          },
        ],
      };
      const id = contentId(keys, createHash("sha256").update(bytes).digest());
      assets.push({ assetId: ids[name] ?? randomUUID(), name, size: bytes.length, contentId: id, ticket });
      offset += bytes.length;
    }
    await upload.write(sealer.final());
    await upload.commit();
    for (const asset of assets) {
      asset.ticket.extents[0]!.plainSize = offset;
      stored.set(`${tenantId} ${asset.assetId}`, asset);
    }
    return assets;
  };
  return { tenantId, store, rotate };
}

const objectOf = ({ ticket }: AssetTicket) => storageKey(ticket.tenantId, ticket.extents[0]!.packId);

const event = (tenantId: string, assets: AssetTicket[], analyse = true): DomainEvent<"asset.stored"> => ({
  id: randomUUID(),
  tenantId,
  type: "asset.stored",
  stream: "job:1",
  version: 1,
  at: new Date().toISOString(),
  data: { jobId: randomUUID(), analyse, assetIds: assets.map(({ assetId }) => assetId) },
});

const published = (tenantId: string) =>
  db.tenant(tenantId, (em) =>
    rows<{ data: EventMap["asset.analysed"] }>(em, "select data from ai.events where type = 'asset.analysed' order by position"),
  );
const analyses = (tenantId: string) =>
  db.tenant(tenantId, (em) => rows<Record<string, unknown>>(em, "select * from ai.analyses order by content_id"));
const analysis = (tenantId: string, asset: AssetTicket) => db.tenant(tenantId, (em) => analysisOf(em, asset.assetId));
const failure = (promise: Promise<unknown>) =>
  promise.then(
    () => "none",
    (error: { type?: string }) => error.type,
  );

describe("asset.stored", () => {
  test("is analysed, and its exact duplicates are told from their first", async () => {
    const { tenantId, store } = await tenant();
    const photo = await sample("photos/forêt.jpg");
    const assets = await store({
      "forêt.jpg": photo,
      "a question? and 'quotes' \\ here.txt": await sample("texts/english.txt"),
      "copy.jpg": photo,
      "empty one": new Uint8Array(0),
      "empty two": new Uint8Array(0),
    });
    await consumer.handle(event(tenantId, assets));

    const [{ data }] = (await published(tenantId)) as [{ data: EventMap["asset.analysed"] }];
    const told = Object.fromEntries(data.assets.map(({ id, ...facts }) => [assets.find(({ assetId }) => assetId === id)!.name, facts]));
    expect(told).toEqual({
      "forêt.jpg": { contentId: assets[0]!.contentId, mediaType: "image/jpeg", category: "photo", duplicateOf: null },
      "a question? and 'quotes' \\ here.txt": {
        contentId: assets[1]!.contentId,
        mediaType: "text/plain",
        category: "text",
        duplicateOf: null,
      },
      "copy.jpg": { contentId: assets[0]!.contentId, mediaType: "image/jpeg", category: "photo", duplicateOf: assets[0]!.assetId },
      "empty one": { contentId: assets[3]!.contentId, mediaType: "application/x-empty", category: "other", duplicateOf: null },
      "empty two": { contentId: assets[3]!.contentId, mediaType: "application/x-empty", category: "other", duplicateOf: null },
    });
    expect(await analyses(tenantId)).toHaveLength(3);
    expect(await analysis(tenantId, assets[2]!)).toMatchObject({
      status: "complete",
      confidence: 0.65,
      duplicateOf: assets[0]!.assetId,
      thumbnail: { width: 320, height: 240 },
      metadata: { sha256: createHash("sha256").update(photo).digest("hex"), image: { width: 640, height: 480 } },
    });
  });

  test("a second delivery changes nothing, and a second event reads nothing again", async () => {
    const { tenantId, store } = await tenant();
    const assets = await store({ "a.txt": await sample("texts/deutsch.txt"), "b.png": await sample("pictures/chart.png") });
    const first = event(tenantId, assets);
    await consumer.handle(first);
    const before = await analyses(tenantId);
    await consumer.handle(first);
    expect(await published(tenantId)).toHaveLength(1);

    // Without its pack, reading would fail.
    await vault.store.remove(objectOf(assets[0]!));
    await consumer.handle(event(tenantId, assets));
    expect(await analyses(tenantId)).toEqual(before);
    expect(await published(tenantId)).toHaveLength(2);
  });

  test("two deliveries at once leave one set of rows and one event", async () => {
    const { tenantId, store } = await tenant();
    const assets = await store({ "a.csv": await sample("data/customers.csv") });
    const stored = event(tenantId, assets);
    await Promise.all([consumer.handle(stored), consumer.handle(stored)]);
    expect([await analyses(tenantId), await published(tenantId)].map((list) => list.length)).toEqual([1, 1]);
  });

  test("is left alone when its job does not want analyses", async () => {
    const { tenantId, store } = await tenant();
    await consumer.handle(event(tenantId, await store({ "a.txt": Buffer.from("quiet please") }), false));
    expect([await analyses(tenantId), await published(tenantId)]).toEqual([[], []]);
  });

  test("content lost in the vault fails alone, and is analysed once it is back", async () => {
    const { tenantId, store } = await tenant();
    const bytes = Buffer.from("words that come back");
    const [lost] = (await store({ "lost.txt": bytes })) as [AssetTicket];
    const [kept] = (await store({ "kept.txt": Buffer.from("words that stay") })) as [AssetTicket];
    await vault.store.remove(objectOf(lost));
    await consumer.handle(event(tenantId, [lost, kept]));
    expect(await analysis(tenantId, lost)).toMatchObject({
      status: "failed",
      problem: "The content can't be read from the vault: VAULT_OBJECT_MISSING.",
    });
    expect((await published(tenantId))[0]!.data.assets.map(({ id }) => id)).toEqual([kept.assetId]);

    const [back] = (await store({ "lost.txt": bytes }, { "lost.txt": lost.assetId })) as [AssetTicket];
    await consumer.handle(event(tenantId, [back]));
    expect(await analysis(tenantId, back)).toMatchObject({ status: "complete", category: "text", problem: null });
  });

  test("an asset that changes its content leaves its group of duplicates", async () => {
    const { tenantId, store } = await tenant();
    const bytes = Buffer.from("the same words in two files");
    const assets = await store({ "one.txt": bytes, "two.txt": bytes });
    await consumer.handle(event(tenantId, assets));
    expect((await analysis(tenantId, assets[1]!)).duplicateOf).toBe(assets[0]!.assetId);
    const changed = await store({ "one.txt": Buffer.from("other words") }, { "one.txt": assets[0]!.assetId });
    await consumer.handle(event(tenantId, changed));
    expect((await analysis(tenantId, assets[1]!)).duplicateOf).toBeNull();
  });
});

describe("what was found", () => {
  test("is seen by no other tenant, and by nobody without one", async () => {
    const [one, other] = [await tenant(), await tenant()];
    const photo = await sample("photos/forêt.jpg");
    const assets = await one.store({ "a.jpg": photo, "b.jpg": photo });
    await consumer.handle(event(one.tenantId, assets));
    // Even an event that names the first tenant's assets finds nothing under the second.
    await consumer.handle(event(other.tenantId, assets));

    await db.tenant(other.tenantId, async (em) => {
      expect(await failure(analysisOf(em, assets[0]!.assetId))).toBe("ANALYSIS_NOT_FOUND");
      expect(await failure(thumbnailOf(em, assets[0]!.assetId))).toBe("THUMBNAIL_NOT_FOUND");
      const page = { tenantId: one.tenantId, secret: "s", limit: 10, cursor: undefined };
      expect((await duplicates(em, page)).data).toEqual([]);
    });
    await db.nobody(async (em) => {
      for (const table of ["analyses", "assets", "thumbnails", "events", "outbox"])
        expect(await rows(em, `select 1 from ai.${table}`)).toEqual([]);
    });
  });

  test("a thumbnail is sealed, opens as WebP, and only for its own content", async () => {
    const { tenantId, store } = await tenant();
    const assets = await store({ "chart.png": await sample("pictures/chart.png"), "logo.png": await sample("pictures/logo.png") });
    await consumer.handle(event(tenantId, assets));
    const [chart, logo] = (await db.tenant(tenantId, (em) => Promise.all(assets.map(({ assetId }) => thumbnailOf(em, assetId))))) as [
      { contentId: string; sealed: Buffer },
      { contentId: string; sealed: Buffer },
    ];
    expect(chart.sealed.includes("WEBP")).toBe(false);
    const { mediaType, base64 } = await openThumbnail(chart, assets[0], vault);
    expect(mediaType).toBe("image/webp");
    expect(Buffer.from(base64, "base64").toString("latin1", 8, 12)).toBe("WEBP");
    expect(await failure(openThumbnail({ ...chart, sealed: logo.sealed }, assets[0], vault))).toBe("VAULT_KEY_UNUSABLE");
  });

  test("a thumbnail follows its tenant to a new key, also one that was on its way when the key was rotated", async () => {
    const { tenantId, store, rotate } = await tenant();
    const [before] = (await store({ "chart.png": await sample("pictures/chart.png") })) as [AssetTicket];
    await consumer.handle(event(tenantId, [before]));
    const next = await rotate();
    const [after] = (await store({ "logo.png": await sample("pictures/logo.png") })) as [AssetTicket];
    await consumer.handle(event(tenantId, [after]));

    const opens = async (asset: AssetTicket) => {
      const thumbnail = await db.tenant(tenantId, (em) => thumbnailOf(em, asset.assetId));
      return await failure(openThumbnail(thumbnail, { ...asset, ticket: { ...asset.ticket, keys: [next] } }, vault));
    };
    expect([await opens(before), await opens(after)]).toEqual(["VAULT_KEY_UNUSABLE", "none"]);
    const job = (kind: string) => ({ ...event(tenantId, []), type: "sync.job.completed", data: { kind } }) as unknown as DomainEvent;
    await resealer.handle(job("sync"));
    expect(await opens(before)).toBe("VAULT_KEY_UNUSABLE");
    await resealer.handle(job("rekey"));
    expect([await opens(before), await opens(after)]).toEqual(["none", "none"]);
  });

  test("duplicates come page by page, empty files never", async () => {
    const { tenantId, store } = await tenant();
    const files: Record<string, Uint8Array> = {
      "empty 1": new Uint8Array(0),
      "empty 2": new Uint8Array(0),
      single: Buffer.from("only once"),
    };
    for (const group of ["red", "green", "blue"]) for (const n of [1, 2, 3]) files[`${group} ${n}`] = Buffer.from(`words about ${group}`);
    await consumer.handle(event(tenantId, await store(files)));
    const page = (cursor?: string) => db.tenant(tenantId, (em) => duplicates(em, { tenantId, secret: "s", limit: 2, cursor }));
    const first = await page();
    const second = await page(first.pagination.cursor!);
    expect([first, second].map(({ pagination }) => [pagination.hasNext, pagination.hasPrev])).toEqual([
      [true, false],
      [false, true],
    ]);
    const groups = [...first.data, ...second.data];
    expect(groups.map(({ count }) => count)).toEqual([3, 3, 3]);
    expect(groups.map(({ assets }) => assets.map(({ name }) => name).join()).toSorted()).toEqual([
      "blue 1,blue 2,blue 3",
      "green 1,green 2,green 3",
      "red 1,red 2,red 3",
    ]);
    expect(await failure(db.tenant(tenantId, (em) => duplicates(em, { tenantId, secret: "s", limit: 2, cursor: "AAAA" })))).toBe(
      "CURSOR_INVALID",
    );
  });
});
