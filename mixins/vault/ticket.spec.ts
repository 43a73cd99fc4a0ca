import { randomBytes, randomUUID } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { openFilesLeft } from "../../test/openfiles.ts";
import { makeDataKey, makeTenantKey, openTenantKey } from "./keys.ts";
import { localKeyRing } from "./kms/local.ts";
import { Sealer, SMALL_CHUNK } from "./seal.ts";
import { openStore, storageKey } from "./store.ts";
import { readTicket, readWhole, type Ticket, type Vault } from "./ticket.ts";

const folder = mkdtempSync(join(tmpdir(), "legendo-ticket-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const keys = localKeyRing(`k:${Buffer.alloc(32, 1).toString("base64")}`);
const blobs = [randomBytes(10), randomBytes(200_000), Buffer.alloc(0), randomBytes(50_000)];
let vault: Vault;

/** Writes contents as one pack of a tenant and answers a ticket for each. */
async function stored(tenantId: string, contents = blobs): Promise<Ticket[]> {
  const record = await makeTenantKey(keys, tenantId);
  const packId = randomUUID();
  const { dataKey, wrapped } = makeDataKey(await openTenantKey(keys, tenantId, record), packId);
  const sealer = new Sealer(dataKey, { packId, chunkSize: SMALL_CHUNK });
  const upload = await vault.store.create(storageKey(tenantId, packId));
  const places = await Promise.all(
    contents.map(async (blob) => {
      const place = { offset: sealer.plainSize, length: blob.length };
      await upload.write(sealer.update(blob));
      return place;
    }),
  );
  await upload.write(sealer.final());
  await upload.commit();
  const pack = {
    packId,
    chunkSize: SMALL_CHUNK,
    plainSize: sealer.plainSize,
    tenantKeyId: record.keyId,
    wrappedDataKey: wrapped.toString("base64"),
    encoding: 0,
  };
  const tenantKeys = [{ keyId: record.keyId, masterKeyId: record.masterKeyId, wrapped: record.wrapped.toString("base64") }];
  const tickets = places.map(({ offset, length }) => ({
    tenantId,
    keys: tenantKeys,
    length,
    from: 0,
    extents: [{ ...pack, offset, stored: length, length }],
  }));
  // As it arrives over the network.
  return JSON.parse(JSON.stringify(tickets)) as Ticket[];
}

const objectOf = (ticket: Ticket) => storageKey(ticket.tenantId, ticket.extents[0]!.packId);

describe("A ticket", () => {
  let tickets: Ticket[];
  beforeAll(async () => {
    vault = { keys, store: await openStore({ url: pathToFileURL(folder).href, fsync: false }) };
    tickets = await stored("tenant-a");
  });

  it("reads its blob, whole and by range", async () => {
    for (const [i, ticket] of tickets.entries()) expect((await readWhole(ticket, vault, 1e6)).equals(blobs[i]!)).toBe(true);
    for (const [start, end] of [
      [0, 0],
      [0, 1],
      [65_526, 65_530],
      [199_999, 200_000],
      [100, 190_000],
    ] as const) {
      const range = await buffer(await readTicket(tickets[1]!, vault, { start, end }));
      expect(range.equals(blobs[1]!.subarray(start, end))).toBe(true);
    }
  });

  it("refuses a range beyond its blob, though the pack goes on", async () => {
    await expect(readTicket(tickets[0]!, vault, { start: 0, end: 11 })).rejects.toMatchObject({ type: "RANGE_NOT_SATISFIABLE" });
  });

  it("refuses to read a blob whole that is larger than the reader can hold", async () => {
    await expect(readWhole(tickets[1]!, vault, 199_999)).rejects.toMatchObject({ type: "VAULT_BLOB_TOO_LARGE" });
  });

  it("is useless with the keys of another tenant or another ring", async () => {
    const [ticket] = tickets as [Ticket];
    const [foreign] = (await stored("tenant-b")) as [Ticket];
    const [foreignKey] = foreign.keys;
    for (const forged of [
      { ...ticket, tenantId: "tenant-b" },
      { ...ticket, keys: [] },
      { ...ticket, keys: [{ ...foreignKey!, keyId: ticket.keys[0]!.keyId }] },
      { ...ticket, keys: foreign.keys, extents: [{ ...ticket.extents[0]!, tenantKeyId: foreignKey!.keyId }] },
    ]) {
      await expect(readTicket(forged, vault)).rejects.toMatchObject({ type: "VAULT_KEY_UNUSABLE" });
    }
    const otherRing = localKeyRing(`k:${Buffer.alloc(32, 2).toString("base64")}`);
    await expect(readTicket(ticket, { ...vault, keys: otherRing })).rejects.toMatchObject({ type: "VAULT_KEY_UNUSABLE" });
  });

  it("tells a missing object and a damaged first chunk before the stream is handed out", async () => {
    const [ticket] = (await stored("tenant-c")) as [Ticket];
    const [lost] = (await stored("tenant-c")) as [Ticket];
    await vault.store.remove(objectOf(lost));
    await expect(readTicket(lost, vault)).rejects.toMatchObject({ type: "VAULT_OBJECT_MISSING" });
    const path = join(folder, objectOf(ticket));
    const object = readFileSync(path);
    object[100]! ^= 1;
    writeFileSync(path, object);
    await expect(readTicket(ticket, vault)).rejects.toMatchObject({ type: "VAULT_DAMAGED" });
  });

  it("destroys its stream when damage comes later, having given only sound bytes", async () => {
    const ticket = (await stored("tenant-d"))[1]!;
    const path = join(folder, objectOf(ticket));
    const object = readFileSync(path);
    object[object.length - 100_000]! ^= 1;
    writeFileSync(path, object);
    const got: Buffer[] = [];
    const reading = async () => {
      for await (const part of (await readTicket(ticket, vault)) as AsyncIterable<Buffer>) got.push(part);
    };
    await expect(reading()).rejects.toMatchObject({ type: "VAULT_DAMAGED" });
    const sound = Buffer.concat(got);
    expect(blobs[1]!.subarray(0, sound.length).equals(sound)).toBe(true);
  });

  it("lets go of the object when its reader leaves early, also before the first byte", async () => {
    // Larger than what is read ahead: a file read to its end is closed by itself.
    const [large] = await stored(randomUUID(), [randomBytes(4 * 2 ** 20)]);
    const unread = await readTicket(large!, vault);
    unread.destroy();
    await expect(buffer(unread)).rejects.toThrow();
    const begun = await readTicket(large!, vault);
    await once(begun, "data");
    begun.destroy();
    expect(await openFilesLeft(folder)).toBe(0);
    expect((await readWhole(tickets[0]!, vault, 100)).equals(blobs[0]!)).toBe(true);
  });
});
