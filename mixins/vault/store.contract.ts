import { randomBytes, randomUUID } from "node:crypto";
import { buffer } from "node:stream/consumers";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { storageKey, type Store, type StoredObject } from "./store.ts";

/** What every store has to do. */
export function storeContract(name: string, open: () => Promise<{ store: Store; close(): Promise<void> }>): void {
  describe(`${name} as a store`, () => {
    let opened: Awaited<ReturnType<typeof open>>;
    let store: Store;
    beforeAll(async () => {
      opened = await open();
      store = opened.store;
    });
    afterAll(() => opened.close());

    const write = async (key: string, ...buffers: Buffer[]) => {
      const upload = await store.create(key);
      for (const bytes of buffers) await upload.write([Buffer.from(bytes)]);
      await upload.commit();
    };
    const listed = async (prefix: string) => {
      const all: StoredObject[] = [];
      for await (const page of store.list(prefix)) all.push(...page);
      return all;
    };
    const place = (tenant = "tenant") => storageKey(tenant, randomUUID());

    it("gives back what was written, whole and by ranges", async () => {
      const key = place();
      const bytes = randomBytes(300_000);
      await write(key, bytes.subarray(0, 1), bytes.subarray(1, 200_000), bytes.subarray(200_000));
      for (const [start, end] of [
        [0, 300_000],
        [0, 1],
        [299_999, 300_000],
        [70_000, 170_001],
      ] as const) {
        expect((await buffer(await store.open(key, start, end))).equals(bytes.subarray(start, end))).toBe(true);
      }
    });

    it("holds objects of tens of megabytes", async () => {
      const key = place();
      const parts = Array.from({ length: 5 }, () => randomBytes(4 * 2 ** 20 + 3));
      await write(key, ...parts);
      const size = parts.length * parts[0]!.length;
      expect((await buffer(await store.open(key, 0, size))).equals(Buffer.concat(parts))).toBe(true);
    });

    it("shows nothing of an object before it is committed, nor after it was aborted", async () => {
      const key = place("unseen");
      for (const size of [10, 20 * 2 ** 20]) {
        const upload = await store.create(key);
        await upload.write([randomBytes(size)]);
        expect(await listed("unseen")).toEqual([]);
        await expect(store.open(key, 0, 10)).rejects.toMatchObject({ type: "VAULT_OBJECT_MISSING" });
        await upload.abort();
        await upload.abort();
        expect(await listed("unseen")).toEqual([]);
      }
    });

    it("lets two writers of one key both succeed", async () => {
      const key = place();
      const [one, two] = [await store.create(key), await store.create(key)];
      await one.write([Buffer.from("one")]);
      await two.write([Buffer.from("two")]);
      await Promise.all([one.commit(), two.commit()]);
      expect(["one", "two"]).toContain((await buffer(await store.open(key, 0, 3))).toString());
    });

    it("fills a buffer with an object's first bytes, as far as there are some", async () => {
      const key = place();
      const bytes = randomBytes(300_000);
      await write(key, bytes);
      for (const size of [1, 299_999, 300_000, 300_001, 2 ** 20]) {
        const into = Buffer.alloc(size);
        const filled = await store.fill(key, into);
        expect({ size, filled }).toEqual({ size, filled: Math.min(size, 300_000) });
        expect(into.subarray(0, filled).equals(bytes.subarray(0, filled))).toBe(true);
      }
    });

    it("says that an object is missing", async () => {
      await expect(store.open(place(), 0, 10)).rejects.toMatchObject({ type: "VAULT_OBJECT_MISSING", retryable: false });
      await expect(store.fill(place(), Buffer.alloc(10))).rejects.toMatchObject({ type: "VAULT_OBJECT_MISSING", retryable: false });
    });

    it("removes an object, also a second time", async () => {
      const key = place();
      await write(key, Buffer.from("x"));
      await store.remove(key);
      await store.remove(key);
      await expect(store.open(key, 0, 1)).rejects.toMatchObject({ type: "VAULT_OBJECT_MISSING" });
    });

    it("lists the objects of one tenant with size and time", async () => {
      const keys = [place("listed"), place("listed"), place("other")];
      for (const key of keys) await write(key, Buffer.from(key));
      const objects = await listed("listed");
      expect(objects.map(({ key }) => key).sort()).toEqual(keys.slice(0, 2).sort());
      for (const { key, size, modifiedAt } of objects) {
        expect(size).toBe(key.length);
        expect(Math.abs(Date.now() - modifiedAt)).toBeLessThan(60_000);
      }
      expect(await listed("nobody")).toEqual([]);
    });

    it("is found usable, and keeps no trace of the check", async () => {
      await store.check();
      expect((await listed("")).filter(({ key }) => key.includes("check"))).toEqual([]);
    });
  });
}
